"""Conversion: which frames, when they are shown, in what size, and that values stay what they were."""

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqimg.errors import UsageError
from seqimg.sequences import SequenceError, SequenceInfo, TimedFrame, open_sequence, save_sequence
from seqimg.sequences.convert import Conversion, convert_sequence
from seqimg.sequences.geometry import Crop, Size
from seqimg.sequences.resize import Resizer
from seqimg.sequences.selection import Moment, Resampled, Span, resample
from tests.sequences.numbered import encode, number_of, numbered

VARYING = [0, 4, 10, 11, 30, 70, 71, 100, 104, 190]  # hundredths of a second


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    save_sequence(numbered(100), folder / "a.mp4", fps=25)
    save_sequence(numbered(100), folder / "a.mkv", fps=Fraction(30000, 1001))
    save_sequence(numbered(40), folder / "a.gif", fps=10)
    save_sequence(numbered(40), folder / "a.npy")
    save_sequence(numbered(40), folder / "frames")
    encode(folder / "varying.mp4", "libx264", len(VARYING), times=VARYING)
    return folder


def _numbers(path: Path) -> list[int]:
    with open_sequence(path) as sequence:
        return [number_of(frame) for frame in sequence]


def _converted(source: Path, target: Path, conversion: Conversion) -> tuple[list[int], Any]:
    with open_sequence(source) as sequence:
        done = convert_sequence(sequence, target, conversion, overwrite=True)
    return _numbers(done.saved.path), done


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.gif", "a.npy", "frames"])
@pytest.mark.parametrize(
    ("start", "end", "every"),
    [(None, None, 1), ("12f", None, 1), (None, "7f", 1), ("9f", "31f", 4), ("39f", "40f", 3)],
)
def test_frames_by_number(
    sources: Path, tmp_path: Path, name: str, start: str | None, end: str | None, every: int
) -> None:
    span = Span(start and Moment.parse(start), end and Moment.parse(end), every)  # type: ignore[arg-type]
    numbers, done = _converted(sources / name, tmp_path / "o.npy", Conversion(span=span))
    count = 100 if name in ("a.mp4", "a.mkv") else 40
    first, last = (int(word[:-1]) if word else default for word, default in ((start, 0), (end, count)))
    assert numbers == list(range(first, last, every))
    assert done.frames_read == done.saved.frame_count == len(numbers)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.gif", "a.npy", "frames", "varying.mp4"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (0.3, 0.9), (0.31, 1.0), (1.0, 1.04), (0.02, 0.11)])
def test_frames_by_time_are_those_of_a_whole_pass(
    sources: Path, tmp_path: Path, name: str, start: float, end: float
) -> None:
    with open_sequence(sources / name) as sequence:
        wanted = [number_of(f.pixels) for f in sequence.timed() if start - 1e-6 <= f.time < end - 1e-6]
    conversion = Conversion(span=Span(Moment(seconds=start), Moment(seconds=end)))
    if wanted:
        assert _converted(sources / name, tmp_path / "o.npy", conversion)[0] == wanted
    else:
        with pytest.raises(SequenceError, match="no frame there"):
            _converted(sources / name, tmp_path / "o.npy", conversion)
        assert not (tmp_path / "o.npy").exists()


def test_starting_late_does_not_decode_what_comes_before(sources: Path, tmp_path: Path) -> None:
    with open_sequence(sources / "a.mp4") as sequence:
        assert next(iter(sequence.timed(60))).index == 60
        assert [frame.index for frame in sequence.timed(97)] == [97, 98, 99]
        assert list(sequence.timed(100)) == []


def test_a_pass_from_the_middle_goes_to_the_true_end(tmp_path: Path) -> None:
    # Raw MPEG-4 states no number of frames, an AVI may state too few.
    encode(tmp_path / "a.avi", "mpeg4", 30)
    data = (tmp_path / "a.avi").read_bytes()
    at = data.index(b"strh") + 8 + 32
    assert int.from_bytes(data[at : at + 4], "little") == 30
    (tmp_path / "b.avi").write_bytes(data[:at] + (12).to_bytes(4, "little") + data[at + 4 :])
    for name in ("a.avi", "b.avi"):
        with open_sequence(tmp_path / name) as sequence:
            assert [number_of(frame.pixels) for frame in sequence.timed(9)] == list(range(9, 30))


@pytest.mark.parametrize(
    "fps", [Fraction(5), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(7, 3)]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.gif", "a.npy", "varying.mp4"])
def test_another_rate(sources: Path, tmp_path: Path, name: str, fps: Fraction) -> None:
    with open_sequence(sources / name) as sequence:
        frames = [(frame.time, number_of(frame.pixels)) for frame in sequence.timed()]
        step = 1 / (sequence.info.fps or 25)
    numbers, done = _converted(sources / name, tmp_path / "o.mp4", Conversion(fps=fps))
    length = math.ceil((frames[-1][0] + float(step) - 1e-6) * fps)
    times = [n / fps for n in range(length)]
    assert numbers == [[number for time, number in frames if time <= at + 1e-6][-1] for at in times]
    assert done.frames_read == len(frames)
    assert len(numbers) == len(frames) - done.dropped + done.repeated
    with open_sequence(tmp_path / "o.mp4") as sequence:
        assert sequence.info.fps == fps


@given(
    steps=st.lists(st.floats(0.001, 2), min_size=1, max_size=30),
    fps=st.fractions(Fraction(1, 3), 120, max_denominator=1001),
)
@settings(deadline=None)
def test_no_frame_is_shown_before_its_time(steps: list[float], fps: Fraction) -> None:
    times = np.cumsum([0.0, *steps[1:]])
    counts = Resampled()
    frames = [TimedFrame(i, time, np.zeros((1, 1, 1), np.uint8)) for i, time in enumerate(times)]
    shown = list(resample(iter(frames), fps, counts, last=0.04))
    assert len(shown) == len(frames) - counts.dropped + counts.repeated >= 1
    for number, frame in enumerate(shown):
        assert frame.time == pytest.approx(number / fps)
        assert times[frame.index] <= frame.time + 2e-6
        assert frame.index + 1 == len(times) or times[frame.index + 1] > frame.time - 2e-6


def test_crop_then_size(sources: Path, tmp_path: Path) -> None:
    conversion = Conversion(crop=Crop.parse("64x32+16+0"), size=Size.parse("32"))
    with open_sequence(sources / "a.npy") as sequence:
        done = convert_sequence(sequence, tmp_path / "o.npy", conversion)
        first = next(iter(sequence))
    made = np.load(done.saved.path)
    assert made.shape == (40, 16, 32, 3)
    inner = first[:32, 16:80].reshape(16, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(made[0, 2:-2, 2:-2].astype(float) - inner[2:-2, 2:-2]).mean() < 3
    with open_sequence(sources / "a.npy") as sequence:
        done = convert_sequence(sequence, tmp_path / "p.npy", Conversion(size=Size.parse("64x48")))
    assert done.saved.notes == ("stretched 0.5 times in width",)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4, 40])
def test_values_stay_what_they_were(tmp_path: Path, dtype: str, channels: int) -> None:
    stack = (np.random.default_rng(0).random((5, 9, 11, channels)) * 250).astype(dtype)
    np.save(tmp_path / "a.npy", stack)
    with open_sequence(tmp_path / "a.npy", axes="THWC") as sequence:
        convert_sequence(sequence, tmp_path / "b.npy", Conversion(span=Span(every=2)))
        convert_sequence(sequence, tmp_path / "c.npy", Conversion(size=Size.parse("5x4")))
    same, small = np.load(tmp_path / "b.npy"), np.load(tmp_path / "c.npy")
    assert same.dtype == small.dtype == dtype
    np.testing.assert_array_equal(same, stack[::2])
    assert small.shape == (5, 4, 5, channels)
    if channels != 4 or dtype != "uint8":  # a cubic filter and transparency change means a little
        assert abs(small.astype(float).mean() - stack.astype(float).mean()) < 12


def _info(frame: NDArray[Any], fill: float | None = None) -> SequenceInfo:
    height, width, channels = frame.shape
    return SequenceInfo(
        path="", format="array", height=height, width=width, channels=channels, dtype=str(frame.dtype),
        value_range=(0, 1), fill_value=fill,
    )  # fmt: skip


sizes = st.integers(1, 40)


@given(
    sizes, sizes, sizes, sizes, st.sampled_from(["uint8", "uint16", "float32", "float64"]), st.integers(1, 5)
)
@settings(deadline=None)
def test_a_constant_stays_constant(
    height: int, width: int, new_height: int, new_width: int, dtype: str, channels: int
) -> None:
    names = ("uint8", 4), ("uint8", 2)  # transparency is weighed in 8 bits
    frame = np.full((height, width, channels), 77, dtype)
    made = Resizer(_info(frame), new_height, new_width)(frame)
    assert made.shape == (new_height, new_width, channels)
    assert made.dtype == dtype
    assert np.abs(made.astype(float) - 77).max() < (3 if (dtype, channels) in names else 1e-4)


@given(
    sizes, sizes, sizes, sizes, st.sampled_from(["uint16", "float32", "float64"]), st.integers(0, 2**32 - 1)
)
@settings(deadline=None)
def test_means_stay_between_what_they_are_made_of(
    height: int, width: int, new_height: int, new_width: int, dtype: str, seed: int
) -> None:
    frame = (np.random.default_rng(seed).random((height, width, 1)) * 1000).astype(dtype)
    made = Resizer(_info(frame), new_height, new_width)(frame).astype(float)
    assert made.min() >= frame.min() - 1e-3
    assert made.max() <= frame.max() + 1e-3


@pytest.mark.parametrize(
    ("dtype", "fill"), [("float32", None), ("float64", None), ("uint16", 65535.0), ("uint8", 255.0)]
)
def test_missing_values_stay_where_they_are(dtype: str, fill: float | None) -> None:
    frame = np.full((40, 60, 2), 100, dtype)
    frame[10:20, 30:45, 0] = np.nan if fill is None else fill
    made = Resizer(_info(frame, fill), 20, 30)(frame)
    missing = np.isnan(made) if fill is None else made == fill
    assert not missing[..., 1].any()
    assert missing[6:9, 16:21, 0].all(), "the hole is still there"
    assert missing[..., 0].sum() <= 5 * 8 + 4, "and no larger"
    assert np.abs(made[~missing].astype(float) - 100).max() < 1e-3, "nothing of the hole leaks out"


def test_missing_values_reach_the_writer(tmp_path: Path) -> None:
    stack = np.full((4, 16, 16), 1000, np.uint16)
    stack[:, :8, :8] = 65535
    np.save(tmp_path / "a.npy", stack)
    with open_sequence(tmp_path / "a.npy", axes="THW", fill_value=65535, value_range=(0, 2000)) as sequence:
        done = convert_sequence(sequence, tmp_path / "a.mp4", Conversion(size=Size.parse("8")))
        assert "missing values shown as 0" in done.saved.notes
        done = convert_sequence(sequence, tmp_path / "a.tif", Conversion(size=Size.parse("8")))
    with open_sequence(tmp_path / "a.tif") as sequence:
        assert sequence.info.fill_value == 65535
        frame = next(iter(sequence))
    assert sorted(set(frame.ravel().tolist())) == [1000, 65535]


def test_pictures_by_pattern(sources: Path, tmp_path: Path) -> None:
    numbers, done = _converted(
        sources / "frames", tmp_path / "out" / "f%03d.jpg", Conversion(span=Span(every=4))
    )
    assert done.saved.frame_count == 10
    assert numbers == list(range(0, 40, 4))


def test_nothing_finer_than_the_new_pixels_aliases() -> None:
    stripes = np.zeros((64, 64, 1), np.float32)
    stripes[:, ::2] = 1
    for dtype, scale in (("float32", 1), ("uint16", 60000), ("uint8", 200)):
        frame = (stripes * scale).astype(dtype)
        made = Resizer(_info(frame), 17, 17)(frame)[:, 1:-1].astype(float) / scale
        assert np.abs(made - 0.5).max() < 0.06


@pytest.mark.parametrize("text", ["", "x", "0", "0x5", "-1x-1", "-1", "4x", "axb", "1e3x2", "10x20x30"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is none"):
        Size.parse(text)


@pytest.mark.parametrize("text", ["", "10", "10x", "0x5+0+0", "10x10+5", "10x10-5+5", "10x10+-5+5"])
def test_crops_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is none"):
        Crop.parse(text)


@pytest.mark.parametrize("text", ["", "-1", "f", "1:2:3:4", "1f2", "nan", "inf", "1e3", "12 f"])
def test_moments_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="no moment"):
        Moment.parse(text)


def test_crops_beyond_the_frame(sources: Path, tmp_path: Path) -> None:
    for text in ("129x1", "1x49", "100x10+29+0", "10x10+0+39"):
        with (
            open_sequence(sources / "a.mp4") as sequence,
            pytest.raises(UsageError, match="beyond the frame"),
        ):
            convert_sequence(sequence, tmp_path / "o.mp4", Conversion(crop=Crop.parse(text)))
    assert not (tmp_path / "o.mp4").exists()


def test_huge_sizes_are_refused_before_anything_is_allocated(sources: Path, tmp_path: Path) -> None:
    with open_sequence(sources / "a.mp4") as sequence, pytest.raises(SequenceError, match="size 99999999x"):
        convert_sequence(sequence, tmp_path / "o.npy", Conversion(size=Size.parse("99999999x-1")))
    assert "o.npy" not in os.listdir(tmp_path)


def test_a_sequence_can_replace_itself(tmp_path: Path) -> None:
    save_sequence(numbered(20), tmp_path / "a.mp4", fps=25)
    numbers, _ = _converted(tmp_path / "a.mp4", tmp_path / "a.mp4", Conversion(span=Span(Moment(frame=5))))
    assert numbers == list(range(5, 20))
    save_sequence(numbered(20), tmp_path / "frames")
    numbers, _ = _converted(tmp_path / "frames", tmp_path / "frames", Conversion(span=Span(every=3)))
    assert numbers == list(range(0, 20, 3))
