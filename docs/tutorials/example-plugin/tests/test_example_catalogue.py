"""The layout finds its data sets, and says what is wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqimg.config import ReadingConfig
from seqimg.data.layouts import read
from seqimg.errors import SeqimgError
from seqimg.testing import LayoutContract, moving_square


def write(folder: Path, listed: object) -> str:
    for name in ("a.npy", "b.npy", "c.npy"):
        np.save(folder / name, moving_square(6))
    (folder / "catalogue.json").write_text(json.dumps(listed))
    return str(folder)


class TestCatalogue(LayoutContract):
    layout = "catalogue"

    def make(self, folder: Path) -> Path:
        write(folder, {"b.npy": "right", "a.npy": "left"})
        return folder


@pytest.mark.parametrize("layout", ["auto", "catalogue"])
def test_it_is_told_from_what_is_there(tmp_path: Path, layout: str) -> None:
    path = write(tmp_path, {"b.npy": "right", "a.npy": "left", "c.npy": "left"})
    index = read(path, layout)
    assert (index.layout, index.classes) == ("catalogue", ("left", "right"))
    assert [(item.name, item.label) for item in index.items] == [("b.npy", 1), ("a.npy", 0), ("c.npy", 0)]


@pytest.mark.parametrize(
    "listed", [[], {"a.npy": 1}, {"../a.npy": "x"}, {"/etc/passwd": "x"}, {"d.npy": "x"}]
)
def test_what_is_wrong_is_said(tmp_path: Path, listed: object) -> None:
    with pytest.raises(SeqimgError):
        read(write(tmp_path, listed))


def test_what_is_missing_can_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.npy": "x", "d.npy": "x"})
    index = read(path, reading=ReadingConfig(on_error="skip"))
    assert len(index.items) == len(index.skipped) == 1
