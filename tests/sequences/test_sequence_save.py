"""Writing: round trips, what formats change, and nothing left behind when it goes wrong."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import SequenceError, open_sequence, open_writer, save_sequence
from tests.sequences.numbered import number_of, numbered

FILES = [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif", ".npy"]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """An empty folder."""
    path = tmp_path / "room"
    path.mkdir()
    return path


@pytest.mark.parametrize("name", [*("a clip é" + suffix for suffix in FILES), "a folder", "with.dots/"])
def test_round_trip(room: Path, name: str) -> None:
    target = f"{room}/{name}"
    saved = save_sequence(numbered(30), target, fps=Fraction(30000, 1001))
    assert (saved.path, saved.frame_count) == (Path(target), 30)
    with open_sequence(target) as sequence:
        frames = list(sequence.timed())
        timed = sequence.info.fps is not None
    rate = 30000 / 1001 if timed else 25
    assert [(frame.index, number_of(frame.pixels)) for frame in frames] == [(i, i) for i in range(30)]
    assert [frame.time for frame in frames] == pytest.approx([i / rate for i in range(30)], abs=0.006)
    assert timed == (not saved.path.is_dir() and saved.path.suffix != ".npy")
    assert os.listdir(room) == [saved.path.name], "no temporary stays"


def test_rate_is_kept_as_a_fraction(room: Path) -> None:
    for fps in (Fraction(24000, 1001), Fraction(30), Fraction(25, 2), 30000 / 1001, 15):
        save_sequence(numbered(6), room / "a.mp4", fps=fps, overwrite=True)
        with open_sequence(room / "a.mp4") as sequence:
            assert sequence.info.fps == Fraction(fps).limit_denominator(1001)


def test_a_sequence_brings_its_rate_and_range(room: Path) -> None:
    save_sequence(numbered(6), room / "a.mp4", fps=Fraction(30000, 1001))
    with open_sequence(room / "a.mp4") as sequence:
        assert save_sequence(sequence, room / "b.webm").notes == ()
    with open_sequence(room / "b.webm") as sequence:
        assert sequence.info.fps == Fraction(30000, 1001)
    stack = np.linspace(-4, 4, 3 * 16 * 16, dtype=np.float32).reshape(3, 16, 16)
    np.save(room / "a.npy", stack)
    with open_sequence(room / "a.npy") as sequence:
        saved = save_sequence(sequence, room / "png")
    assert saved.notes == ("-4..4 scaled to 8 bits",)
    with open_sequence(room / "png") as sequence:
        levels = np.stack([frame[..., 0] for frame in sequence])
    np.testing.assert_array_equal(levels, np.rint((stack + 4) / 8 * 255))


def test_h264_plays_in_a_browser(room: Path) -> None:
    saved = save_sequence(numbered(50), room / "a.mp4", fps=25)
    assert saved.codec == "libx264"
    data = saved.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "playback starts before all is loaded"
    with av.open(str(saved.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("size", [(33, 47), (32, 47), (33, 48), (1, 1), (2, 3)])
def test_odd_sizes_are_padded(room: Path, suffix: str, size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(60, 70, (*size, 3), np.uint8)
    saved = save_sequence([frame] * 3, room / f"a{suffix}", fps=10)
    assert "padded to even size" in saved.notes
    with open_sequence(saved.path) as sequence:
        assert (sequence.info.height, sequence.info.width) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        for read in sequence:
            assert abs(np.asarray(read, float).mean() - frame.mean()) < 5


def _ramp(dtype: str, high: float) -> NDArray[Any]:
    values = np.tile(np.linspace(0, high, 64)[None, :, None], (32, 1, 1))
    return (values if dtype.startswith("float") else np.rint(values)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "high", "value_range", "notes"),
    [
        ("uint8", 255, None, ()),
        ("uint16", 65535, None, ("0..65535 scaled to 8 bits",)),
        ("uint16", 4095, (0, 4095), ("0..4095 scaled to 8 bits",)),
        ("float16", 1, None, ("0..1 scaled to 8 bits",)),
        ("float32", 1, None, ("0..1 scaled to 8 bits",)),
        ("float64", 5, (0, 5), ("0..5 scaled to 8 bits",)),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_dtypes_are_scaled_by_their_range(
    room: Path,
    dtype: str,
    high: float,
    value_range: tuple[float, float] | None,
    notes: tuple[str, ...],
    suffix: str,
) -> None:
    frames = [_ramp(dtype, high)] * 4
    saved = save_sequence(frames, room / f"a{suffix}", fps=10, value_range=value_range)
    assert saved.notes == notes
    with open_sequence(saved.path) as sequence:
        for frame in sequence:
            assert np.abs(np.asarray(frame, float) - np.linspace(0, 255, 64)[None, :, None]).max() <= (
                3 if suffix == ".mp4" else 1
            )


def test_clipping_and_missing_values_are_said(room: Path) -> None:
    frame = np.full((8, 8, 1), 0.5, np.float32)
    frame[0, 0], frame[0, 1], frame[0, 2] = np.nan, 2, -1
    saved = save_sequence([frame], room / "png")
    assert saved.notes == ("0..1 scaled to 8 bits", "missing values shown as 0", "values outside it clipped")
    with open_sequence(saved.path) as sequence:
        (read,) = sequence
    assert read[0, :4, 0].tolist() == [0, 255, 0, 128]


def test_two_axes_mean_grey(room: Path) -> None:
    save_sequence([np.full((16, 16), 9, np.uint8)] * 2, room / "a.npy")
    assert np.load(room / "a.npy").shape == (2, 16, 16, 1)


def test_transparency_is_dropped_and_said(room: Path) -> None:
    for suffix in (".mp4", ".gif"):
        saved = save_sequence([np.full((16, 16, 4), 200, np.uint8)] * 2, room / f"a{suffix}", fps=10)
        assert saved.notes == ("transparency dropped",)


def test_gif_times(room: Path) -> None:
    saved = save_sequence(numbered(13), room / "a.gif", fps=12)
    assert saved.notes == ("times rounded to 10 ms",)
    with open_sequence(saved.path) as sequence:
        times = [frame.time for frame in sequence.timed()]
        assert sequence.info.format == "gif"
        assert sequence.info.frame_count == 13
    assert times == [pytest.approx(round(i * 100 / 12) / 100) for i in range(13)], "errors do not add up"
    assert save_sequence(numbered(3), room / "b.gif", fps=20).notes == ()
    with open_sequence(room / "b.gif") as sequence:
        assert sequence.info.fps == 20
    with pytest.raises(SequenceError, match="60 frames a second"):
        save_sequence(numbered(3), room / "c.gif", fps=60)


def test_gif_colours(room: Path) -> None:
    random = np.random.default_rng(0)
    few = random.integers(0, 256, (200, 3), np.uint8)[random.integers(0, 200, (5, 40, 50))]
    save_sequence(few, room / "few.gif", fps=10)
    with open_sequence(room / "few.gif") as sequence:
        for frame, truth in zip(sequence, few, strict=True):
            np.testing.assert_array_equal(frame, truth)
    rows, columns = np.mgrid[:64, :80].astype(np.uint8)
    smooth = np.stack([rows * 4, columns * 3, rows + columns], axis=-1)
    save_sequence([smooth] * 2, room / "smooth.gif", fps=10)
    with open_sequence(room / "smooth.gif") as sequence:
        for frame in sequence:
            assert np.sqrt(np.mean((np.asarray(frame, float) - smooth) ** 2)) < 6


def test_bad_targets(room: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean a\.mp4\?"):
        save_sequence(numbered(2), room / "a.mp5")
    with pytest.raises(UsageError) as caught:
        save_sequence(numbered(2), room / "a.docx")
    assert ".npy" in (caught.value.why or "")
    (room / "a.npy").touch()
    with pytest.raises(SeqimgError, match="exists already"):
        save_sequence(numbered(2), room / "a.npy")
    with pytest.raises(SeqimgError, match="cannot write"):
        save_sequence(numbered(2), "/proc/nothing/a.npy")
    for fps in (0, -1, float("nan"), float("inf"), 1e9, 1e-9):
        with pytest.raises(UsageError, match="frame rate"):
            save_sequence(numbered(2), room / "b.mp4", fps=fps)
    assert os.listdir(room) == ["a.npy"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "there are no frames"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)], "differs from those before it"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.float32)], "differs from those before it"),
        ([np.zeros((8, 8, 3), np.int64)], "int64"),
        ([np.zeros(8, np.uint8)], "cannot write such frames"),
        ([np.zeros((8, 0, 3), np.uint8)], "empty"),
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.npy", "folder"])
def test_bad_frames_leave_nothing_behind(
    room: Path, name: str, frames: list[NDArray[Any]], message: str
) -> None:
    with pytest.raises(SequenceError) as caught:
        save_sequence(frames, room / name, fps=10)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert os.listdir(room) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "folder"])
def test_channels_a_format_cannot_hold(room: Path, name: str) -> None:
    with pytest.raises(SequenceError, match="7 channels"):
        save_sequence([np.zeros((8, 8, 7), np.uint8)], room / name, fps=10)
    assert os.listdir(room) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.npy", "folder"])
@pytest.mark.parametrize("error", [RuntimeError("mine"), OSError("mine"), KeyboardInterrupt()])
def test_a_failing_source_leaves_nothing_behind(room: Path, name: str, error: BaseException) -> None:
    def frames() -> Iterator[NDArray[np.uint8]]:
        yield from numbered(20)
        raise error

    with pytest.raises(type(error)) as caught:
        save_sequence(frames(), room / name, fps=10)
    assert caught.value is error, "not taken for a failure of the target"
    assert os.listdir(room) == []


def test_overwriting_a_file(room: Path) -> None:
    save_sequence(numbered(3), room / "a.mp4", fps=10)
    save_sequence(numbered(5, first=9), room / "a.mp4", fps=10, overwrite=True)
    with open_sequence(room / "a.mp4") as sequence:
        assert [number_of(frame) for frame in sequence] == [9, 10, 11, 12, 13]


def test_overwriting_a_folder_deletes_nothing_but_frames(room: Path) -> None:
    folder = room / "out"
    save_sequence(numbered(5), folder)
    save_sequence(numbered(2), folder, overwrite=True)
    assert len(os.listdir(folder)) == 2
    for name in ("notes.txt", "frame_1.png", "holiday.png", ".hidden"):
        (folder / name).touch()
        with pytest.raises(SeqimgError) as caught:
            save_sequence(numbered(3), folder, overwrite=True)
        assert name in (caught.value.why or "")
        assert len(os.listdir(folder)) == 3
        (folder / name).unlink()
    (room / "file").write_text("precious")
    (room / "link").symlink_to(folder)
    for name in ("file", "link"):
        with pytest.raises(SeqimgError, match="cannot replace"):
            save_sequence(numbered(3), room / name, overwrite=True)
    assert (room / "file").read_text() == "precious"
    assert len(os.listdir(folder)) == 2


def test_writer_as_a_stream(room: Path) -> None:
    with open_writer(room / "a.mp4", fps=25) as writer:
        for frame in numbered(10):
            writer.write(frame)
            assert not (room / "a.mp4").exists(), "it appears whole"
    assert (writer.saved.frame_count, writer.saved.codec) == (10, "libx264")
    with open_sequence(room / "a.mp4") as sequence:
        assert [number_of(frame) for frame in sequence] == list(range(10))
    writer = open_writer(room / "b.mp4", fps=25)
    writer.write(next(numbered(1)))
    writer.abort()
    assert os.listdir(room) == ["a.mp4"]


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.npy", "folder"])
def test_full_disk(room: Path, name: str) -> None:
    # A limit on the size of files fails as a full disk does: in the middle of a write.
    script = f"""
        import resource
        import numpy as np
        from seqimg.errors import SeqimgError
        from seqimg.sequences import save_sequence

        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        random = np.random.default_rng(0)
        frames = (random.integers(0, 256, (160, 160, 3), np.uint8) for _ in range(60))
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
    assert f"cannot write {room / name}" in done.stdout
    assert "File too large" in done.stdout
    assert len(done.stdout.splitlines()) <= 3
    assert os.listdir(room) == []
