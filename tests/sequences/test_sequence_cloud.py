"""Sequences at addresses of fsspec, here in its own memory."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.sequences import open_sequence, save_sequence
from tests.sequences.numbered import number_of, numbered


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert not os.listdir(tmp_path / "temporary"), "no copy stays"
    fsspec.filesystem("memory").store.clear()


def _put(path: Path, name: str) -> None:
    system = fsspec.filesystem("memory")
    with system.open(f"/{name}", "wb") as file:
        file.write(path.read_bytes())


def _fails(source: str, **options: Any) -> SeqimgError:
    with pytest.raises(SeqimgError) as caught:
        open_sequence(source, **options)
    assert 1 <= len(str(caught.value).splitlines()) <= 3
    assert "temporary" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("suffix", [".mp4", ".npy", ".gif", ".webp"])
def test_files(tmp_path: Path, suffix: str) -> None:
    save_sequence(numbered(12), tmp_path / f"a b{suffix}", fps=10)
    _put(tmp_path / f"a b{suffix}", f"clips/a b{suffix}")
    with open_sequence(f"memory://clips/a b{suffix}") as sequence:
        assert sequence.info.path == f"memory://clips/a b{suffix}"
        assert sequence.info.notes[-1].startswith("fetched, 0.")
        assert [number_of(frame) for frame in sequence] == list(range(12))
        assert [frame.index for frame in sequence.frames([7, 2])] == [7, 2]
        assert [frame.index for frame in sequence.timed(10)] == [10, 11]


def test_folders_of_pictures(tmp_path: Path) -> None:
    save_sequence(numbered(4), tmp_path / "out")
    for item in (tmp_path / "out").iterdir():
        _put(item, f"shots/{item.name}")
    _put(item, "shots/notes.txt")
    _put(item, "none/notes.txt")
    with open_sequence("memory://shots") as sequence:
        assert [number_of(frame) for frame in sequence] == [0, 1, 2, 3]
    fsspec.filesystem("memory").rm("/shots/frame_000002.png")
    assert "memory://shots lacks 1" in _fails("memory://shots").message
    with open_sequence("memory://shots", gaps="skip") as sequence:
        assert sequence.info.frame_count == 3
    assert "holds no pictures" in _fails("memory://none").message


def test_options_reach_the_format(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 6, 7, 9), np.uint8))
    _put(tmp_path / "a.npy", "a.npy")
    assert isinstance(_fails("memory://a.npy"), UsageError)
    with open_sequence("memory://a.npy", axes="THWC") as sequence:
        assert sequence.info.channels == 9
    assert isinstance(_fails("memory://a.npy", gaps="skip"), UsageError)


def test_damage_is_told(tmp_path: Path) -> None:
    save_sequence(numbered(5), tmp_path / "a.apng", fps=10)
    data = bytearray((tmp_path / "a.apng").read_bytes())
    data[-60] ^= 255
    (tmp_path / "a.apng").write_bytes(data)
    _put(tmp_path / "a.apng", "a.apng")
    with open_sequence("memory://a.apng", on_error="skip") as sequence:
        assert len(list(sequence)) == 4
        assert [lost.index for lost in sequence.damage] == [4]


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in _fails("memory://gone.mp4").message
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    _put(tmp_path / "a.mp4", "a.mp4")
    assert "cannot read memory://" in _fails("memory://a.mp4").message
    assert isinstance(_fails("memory::file:///etc/passwd"), SeqimgError)
    assert isinstance(_fails("memory://x::file:///etc/passwd"), UsageError)
    monkeypatch.setattr("seqimg.sequences.cloud.MAX_FETCH", 799)
    assert "800 bytes are over the limit (799)" in (_fails("memory://a.mp4").why or "")


def test_services_that_do_not_answer_are_one_line() -> None:
    error = _fails("ftp://me:secret@127.0.0.1:1/a.mp4")
    assert (error.message, error.why) == ("cannot read ftp://***@127.0.0.1:1/a.mp4", "Connection refused")
    assert error.__cause__ is None or "secret" not in str(error.__cause__)


def test_missing_packages_say_what_to_install() -> None:
    error = _fails("sftp://user:secret@nowhere/a.mp4")
    assert isinstance(error, UnavailableError)
    assert "secret" not in str(error)
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from seqimg.sequences import open_sequence\n"
        "from seqimg.errors import UnavailableError\n"
        "try: open_sequence('s3://bucket/a.mp4')\n"
        "except UnavailableError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'seqimg[cloud]'" in done.stdout
