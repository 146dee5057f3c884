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
import seqimg_texture

MODULES = [
    module.name
    for package in (seqimg, seqimg_classify, seqimg_predict, seqimg_filter, seqimg_detect, seqimg_texture)
    for module in walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", ["seqimg", "seqimg_predict", "seqimg_filter", "seqimg_detect", *MODULES])
def test_examples(name: str, tmp_path: Path) -> None:
    module = import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"tmp": tmp_path, "Path": Path})
    assert failed == 0
