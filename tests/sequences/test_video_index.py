"""The index of a video file, and its copy on the disk."""

import os
from pathlib import Path

import numpy as np
import pytest

from seqimg.sequences import SequenceError, index_video, open_sequence
from seqimg.sequences.video import index_cache
from seqimg.sequences.video.index_cache import index_folder
from tests.sequences.numbered import encode, number_of


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "Ünïcode clip [1].mkv"
    encode(path, "libx264", 40, options={"g": "10", "bf": "2", "sc_threshold": "0"})
    return path


def _entries() -> list[Path]:
    return list(index_folder().iterdir()) if index_folder().is_dir() else []


def test_what_it_says(clip: Path) -> None:
    index = index_video(clip)
    assert (index.frame_count, index.doubt, index.cached) == (40, None, False)
    assert index.keyframes.tolist() == [0, 10, 20, 30]
    assert index.seconds == pytest.approx(np.arange(40) / 25, abs=0.001)
    again = index_video(clip)
    assert again.cached
    assert np.array_equal(again.pts, index.pts)
    assert np.array_equal(again.keyframes, index.keyframes)
    assert again.time_base == index.time_base


def test_doubt_is_kept_too(tmp_path: Path) -> None:
    encode(tmp_path / "a.avi", "mpeg4", 5)
    first, second = index_video(tmp_path / "a.avi"), index_video(tmp_path / "a.avi")
    assert (first.cached, second.cached, second.frame_count) == (False, True, None)
    assert first.doubt == second.doubt == "mpeg4 in avi: a packet need not be a frame"


def test_a_changed_file_is_read_anew(clip: Path) -> None:
    index_video(clip)
    status = clip.stat()
    os.utime(clip, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert not index_video(clip).cached
    assert index_video(clip).cached
    encode(clip, "libx264", 41)
    assert index_video(clip).frame_count == 41
    assert len(_entries()) == 1, "a path has one entry"


def test_another_path_is_another_file(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_video(clip)
    monkeypatch.chdir(tmp_path)
    assert index_video(Path(clip.name)).cached, "paths are made absolute"
    (tmp_path / "copy.mkv").write_bytes(clip.read_bytes())
    assert not index_video(tmp_path / "copy.mkv").cached


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("kind", ["cut", "flip", "empty", "text"])
def test_a_damaged_copy_is_none(clip: Path, at: float, kind: str) -> None:
    index_video(clip)
    (entry,) = _entries()
    data = bytearray(entry.read_bytes())
    place = int(len(data) * at)
    if kind == "flip":
        data[place] ^= 0xFF
    content = {"cut": data[:place], "flip": data, "empty": b"", "text": b"{}" * 99}[kind]
    entry.write_bytes(content)
    index = index_video(clip)
    assert (index.frame_count, index.keyframes.tolist()) == (40, [0, 10, 20, 30])
    with open_sequence(clip) as sequence:
        assert [number_of(frame.pixels) for frame in sequence.frames([33, 5])] == [33, 5]


@pytest.mark.parametrize("meta", ['{"arrays": 3}', "[]", '{"file": null}', '{"time_base": "1/0"}', "7"])
def test_a_copy_that_says_nonsense_is_none(clip: Path, meta: str) -> None:
    import zipfile

    index_video(clip)
    (entry,) = _entries()
    with zipfile.ZipFile(entry) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(entry, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, meta if name == "meta.json" else data)
    assert not index_video(clip).cached


def test_arrays_out_of_order_are_none(clip: Path) -> None:
    import zipfile

    index_video(clip)
    (entry,) = _entries()
    with zipfile.ZipFile(entry) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for name in ("pts.i64", "keyframes.i64"):
        with zipfile.ZipFile(entry, "w") as archive:
            for other, data in content.items():
                archive.writestr(other, data[::-1] if other == name else data)
        assert not index_video(clip).cached


def test_no_place_to_keep_it(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert [index_video(clip).cached for _ in range(2)] == [False, False]
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert not index_video(clip).cached


def test_a_place_that_is_not_absolute_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/somewhere")
    assert index_folder() == Path("/somewhere/.cache/seqimg/index")


def test_old_entries_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_cache, "_MAX_ENTRIES", 8)
    encode(tmp_path / "0.mkv", "libx264", 3)
    for number in range(1, 10):
        (tmp_path / f"{number}.mkv").write_bytes((tmp_path / "0.mkv").read_bytes())
    for number in range(9):
        index_video(tmp_path / f"{number}.mkv")
        for age, entry in enumerate(sorted(_entries(), key=lambda entry: entry.stat().st_mtime_ns)):
            os.utime(entry, ns=(10**9 * age, 10**9 * age))
    assert len(_entries()) == 6
    assert index_video(tmp_path / "8.mkv").cached
    assert not index_video(tmp_path / "0.mkv").cached


def test_nothing_is_left_beside(clip: Path) -> None:
    index_video(clip)
    assert [entry.suffix for entry in _entries()] == [".index"]
    assert sorted(item.name for item in clip.parent.iterdir() if item.is_file()) == [clip.name]


def test_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video\n" * 100)
    with pytest.raises(SequenceError, match="cannot read"):
        index_video(tmp_path / "a.mp4")
    with pytest.raises(SequenceError, match="cannot read"):
        index_video(tmp_path / "missing.mp4")


def test_a_few_frames_of_a_large_file_need_no_index(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqimg.sequences.video.reader._BYTES_A_FRAME", 10)
    with open_sequence(clip) as sequence:
        assert [number_of(frame.pixels) for frame in sequence.frames([5, 2])] == [5, 2]
    assert _entries() == []
