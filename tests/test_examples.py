"""The examples in the documentation of the code do what they say."""

import doctest
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import seqimg
import seqimg_classify
import seqimg_detect
import seqimg_filter
import seqimg_predict
import seqimg_style
import seqimg_texture

PLUGINS = (seqimg_classify, seqimg_detect, seqimg_filter, seqimg_predict, seqimg_style, seqimg_texture)

MODULES = [
    module.name
    for package in (seqimg, *PLUGINS)
    for module in walk_packages(package.__path__, f"{package.__name__}.")
]


def test_all_plugins_are_looked_at() -> None:
    folder = Path(__file__).parents[1] / "plugins"
    assert {package.__name__ for package in PLUGINS} == {path.name for path in folder.glob("seqimg_*")}


@pytest.mark.parametrize("name", ["seqimg", *(package.__name__ for package in PLUGINS), *MODULES])
def test_examples(name: str, tmp_path: Path) -> None:
    module = import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"tmp": tmp_path, "Path": Path})
    assert failed == 0
