"""Writing: pictures by pattern, round trips between formats, missing values, and nothing left behind."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import SequenceError, open_sequence, open_writer, save_sequence
from tests.sequences.numbered import number_of, numbered

TARGETS = ["a.tif", "a.webp", "a.apng", "out/%04d.jpg", "out/f_%d.tif", "out/f_%03d.png"]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    path = tmp_path / "a room"
    path.mkdir()
    return path


def _stack(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
    values = np.random.default_rng(0).random(shape)
    return values.astype(dtype) if dtype.startswith("f") else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("name", TARGETS)
def test_every_index_forward_and_at_random(room: Path, name: str) -> None:
    saved = save_sequence(numbered(30), room / name, fps=12)
    assert (saved.path, saved.frame_count) == (room / name, 30)
    with open_sequence(saved.path) as sequence:
        frames = list(sequence.timed())
        assert [(frame.index, number_of(frame.pixels)) for frame in frames] == [(i, i) for i in range(30)]
        picked = [29, 0, 17, 17, 3]
        assert [number_of(frame.pixels) for frame in sequence.frames(picked)] == picked
    assert os.listdir(room) == [name.split("/")[0]], "no temporary stays"


def test_names_count_from_one(room: Path) -> None:
    save_sequence(numbered(11), room / "out" / "x_%02d.tif")
    assert sorted(os.listdir(room / "out")) == [f"x_{number:02}.tif" for number in range(1, 12)]
    assert [number_of(frame) for frame in open_sequence(room / "out")] == list(range(11))
    with pytest.raises(SeqimgError, match="exists already"):
        save_sequence(numbered(2), room / "out" / "x_%02d.tif")
    save_sequence(numbered(2), room / "out" / "x_%02d.tif", overwrite=True)
    assert len(os.listdir(room / "out")) == 2
    (room / "out" / "holiday.tif").touch()
    with pytest.raises(SeqimgError, match="cannot replace"):
        save_sequence(numbered(2), room / "out" / "x_%02d.tif", overwrite=True)
    with pytest.raises(UsageError) as caught:
        save_sequence(numbered(2), "%02d.jpg")
    assert "folder of their own" in (caught.value.why or "")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 40])
def test_tiff_pictures_hold_anything(room: Path, dtype: str, channels: int) -> None:
    stack = _stack(2, 6, 7, channels, dtype=dtype)
    saved = save_sequence(stack, room / "out" / "%d.tif", fill_value=3)
    assert saved.notes == ()
    with open_sequence(saved.path) as sequence:
        np.testing.assert_array_equal(np.stack(list(sequence)), stack)
        assert (sequence.info.dtype, sequence.info.fill_value) == (dtype, 3)


def test_jpeg_pictures(room: Path) -> None:
    sizes = []
    for quality in (10, None, 100):
        with open_writer(room / f"q{quality}" / "%d.jpg", quality=quality) as writer:
            writer.write(_stack(32, 48, 3))
        sizes.append((room / f"q{quality}" / "1.jpg").stat().st_size)
    assert sizes == sorted(sizes)
    assert save_sequence(_stack(2, 8, 8, 4), room / "four" / "%d.jpg").notes == ("transparency dropped",)
    assert save_sequence(_stack(2, 8, 8, 1, dtype="uint16"), room / "deep" / "%d.jpeg").notes == (
        "0..65535 scaled to 8 bits",
    )
    with Image.open(room / "deep" / "1.jpeg") as image:
        assert image.mode == "L"
    with pytest.raises(SequenceError, match="JPEG cannot hold 7"):
        save_sequence(_stack(2, 8, 8, 7), room / "seven" / "%d.jpg")
    with pytest.raises(UsageError, match="quality"), open_writer(room / "p" / "%d.png", quality=9) as writer:
        writer.write(_stack(8, 8, 1))
    assert not (room / "seven").exists()
    assert not (room / "p").exists()


@pytest.mark.parametrize("source", ["a.tif", "a.npy", "out/%d.tif"])
@pytest.mark.parametrize("target", ["b.tif", "b.npy", "new/%d.tif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4, 40])
def test_round_trips_keep_what_is_there(
    room: Path, source: str, target: str, dtype: str, channels: int
) -> None:
    stack = _stack(2, 6, 7, channels, dtype=dtype)
    save_sequence(stack, room / source, value_range=(0, 0.5), fill_value=1)
    axes = {"axes": "THWC"} if source == "a.npy" else {}
    with open_sequence(room / source, fill_value=1, value_range=(0, 0.5), **axes) as sequence:
        saved = save_sequence(sequence, room / target)
    with open_sequence(saved.path, **({"axes": "THWC"} if target == "b.npy" else {})) as sequence:
        np.testing.assert_array_equal(np.stack(list(sequence)), stack)
        info = sequence.info
    assert (info.dtype, info.channels) == (dtype, channels)
    if target == "b.npy":
        assert saved.notes == ("1 means missing, which the file cannot say",)
    else:
        assert info.fill_value == 1
    if target == "b.tif":
        assert info.value_range == (0, 0.5)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp", "out/%d.jpg"])
def test_missing_values_are_shown_as_black(room: Path, name: str) -> None:
    stack = np.full((2, 32, 32, 1), 200, np.uint8)
    stack[:, :16] = 255
    saved = save_sequence(stack, room / name, fps=10, fill_value=255)
    assert "missing values shown as 0" in saved.notes
    with open_sequence(saved.path) as sequence:
        for frame in sequence:
            assert frame[:14].mean() < 6
            assert abs(frame[18:].mean() - 200) < 6
    with pytest.raises(UsageError, match="cannot stand for missing"):
        save_sequence(stack, room / "b.tif", fill_value=-1)
    assert not (room / "b.tif").exists()


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("error", [RuntimeError("mine"), OSError("mine"), KeyboardInterrupt()])
def test_a_failing_source_leaves_nothing_behind(room: Path, name: str, error: BaseException) -> None:
    def frames() -> Iterator[NDArray[np.uint8]]:
        yield from numbered(20)
        raise error

    with pytest.raises(type(error)) as caught:
        save_sequence(frames(), room / name, fps=10)
    assert caught.value is error, "not taken for a failure of the target"
    assert os.listdir(room) == []


@pytest.mark.parametrize("name", TARGETS)
def test_full_disk(room: Path, name: str) -> None:
    # A limit on the size of files fails as a full disk does: in the middle of a write.
    script = f"""
        import resource
        import numpy as np
        from seqimg.errors import SeqimgError
        from seqimg.sequences import save_sequence

        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        random = np.random.default_rng(0)
        frames = (random.integers(0, 256, (320, 320, 3), np.uint8) for _ in range(60))
        try:
            save_sequence(frames, {str(room / name)!r}, fps=10)
        except SeqimgError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"cannot write {room / name.split('/')[0]}" in done.stdout
    assert "File too large" in done.stdout
    assert len(done.stdout.splitlines()) <= 3
    assert os.listdir(room) == []
