"""What the tests of isolation share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seqimg.plugins.manager import reset_plugin_host
from seqimg.sequences.isolated.decoder import end_decoders
from tests.sequences import bad_format

ROOT = Path(bad_format.__file__).parents[2]


def install(folder: Path) -> None:
    """Make the bad format an installed plugin for processes that have `folder` among their paths."""
    info = folder / "seqimg_bad-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: seqimg-bad\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[seqimg]\nbad = tests.sequences.bad_format\n")


def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the bad format in this process, and in those it starts, for one test."""
    install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    reset_plugin_host()
    end_decoders()
    yield
    end_decoders()
    monkeypatch.undo()
    reset_plugin_host()


def bad(folder: Path, text: str, name: str = "a.bad") -> Path:
    """Write a file of the bad format."""
    path = folder / name
    path.write_text(text)
    return path
