"""Layouts of data sets that plugins bring."""

from pathlib import Path

import pytest

from seqimg.data.layouts import LAYOUTS, PICKLE, read
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins.manager import plugin_host
from tests.support.distributions import Site

SOURCE = """
    from seqimg.plugins import LayoutSpec, hookimpl
    SEQIMG_API = 1

    @hookimpl
    def seqimg_layouts():
        return [LayoutSpec(name={name!r}, summary="x", layout={target!r})]
"""
CODE = """
    from seqimg.data.layouts import Item, Layout

    def detect(path):
        if (path / "explode").exists():
            raise KeyError("x")
        return "tiles" if (path / "tiles").is_dir() else None

    def read(path, found):
        found.items += [Item(str(path / "a.npy"), name="a.npy")]

    TILES = Layout("tiles", "Tiles.", detect, read)
    NOTHING = 3
"""


@pytest.fixture(autouse=True)
def _code(site: Site) -> None:
    site.add("code", CODE)  # no plugin, but a module on the path


def add(site: Site, name: str, attribute: str = "TILES") -> None:
    (module,) = [path.stem for path in site.folder.glob("plugin_*_code.py")]
    site.add("tiler", SOURCE.format(name=name, target=f"{module}:{attribute}"))


def test_what_comes_along_is_registered() -> None:
    layouts = plugin_host().layouts
    assert set(layouts) == set(LAYOUTS) - {PICKLE.name}
    for name in layouts:
        assert layouts.load(name) is LAYOUTS[name]


def test_it_is_seen_and_can_be_named(site: Site, tmp_path: Path) -> None:
    add(site, "tiles")
    (tmp_path / "set" / "tiles").mkdir(parents=True)
    for layout in ("auto", "tiles"):
        assert read(str(tmp_path / "set"), layout).layout == "tiles"
    with pytest.raises(UsageError, match="no layout 'tils'") as caught:
        read(str(tmp_path / "set"), "tils")
    assert caught.value.hint == "--layout tiles"


def test_one_that_fails_is_named(site: Site, tmp_path: Path) -> None:
    add(site, "tiles")
    (tmp_path / "set" / "explode").mkdir(parents=True)
    with pytest.raises(
        SeqimgError, match=r"layout tiles of tiler \(seqimg-tiler 0.3\) failed to look"
    ) as caught:
        read(str(tmp_path / "set"))
    assert caught.value.why == "KeyError: 'x'"


@pytest.mark.parametrize(("name", "attribute"), [("other", "TILES"), ("tiles", "NOTHING")])
def test_what_is_no_layout_of_that_name(site: Site, tmp_path: Path, name: str, attribute: str) -> None:
    add(site, name, attribute)
    with pytest.raises(SeqimgError, match="cannot be used"):
        read(str(tmp_path), name)


@pytest.mark.parametrize("name", ["mot", "auto", "sequence"])
def test_names_that_are_taken(site: Site, name: str) -> None:
    add(site, name)
    report = next(report for report in plugin_host().reports if report.name == "tiler")
    assert report.state == "failed"
    assert "already" in (report.reason or "")
