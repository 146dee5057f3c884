"""Animated WebP and PNG: times, opacity, depth, damage, and what other programs make of them."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import SequenceError, open_sequence, open_writer, save_sequence
from tests.sequences.numbered import number_of, numbered

SUFFIXES = [".webp", ".apng"]


def _fails(source: Path, **options: Any) -> SeqimgError:
    with pytest.raises(SeqimgError) as caught:
        open_sequence(source, **options)
    assert 1 <= len(str(caught.value).splitlines()) <= 3
    return caught.value


def _noise(*shape: int, dtype: str = "uint8", seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def _by_pillow(path: Path, mode: str) -> tuple[list[NDArray[Any]], list[int]]:
    with Image.open(path) as image:
        frames, times = [], []
        for at in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(at)
            frames.append(np.asarray(image.convert(mode)))
            times.append(int(image.info["duration"]))
    return frames, times


def _by_ffmpeg(path: Path) -> list[NDArray[Any]]:
    with av.open(str(path), format="apng") as container:
        return [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbers_and_times(tmp_path: Path, suffix: str) -> None:
    saved = save_sequence(numbered(130), tmp_path / f"a{suffix}", fps=Fraction(30000, 1001))
    assert saved.notes == (("times rounded to 1 ms",) if suffix == ".webp" else ())
    with open_sequence(saved.path) as sequence:
        assert sequence.info.frame_count == 130
        assert abs(float(sequence.info.fps or 0) - 29.97) < 0.01
        frames = list(sequence.timed())
        assert [number_of(frame.pixels) for frame in frames] == list(range(130))
        assert [frame.time for frame in frames] == pytest.approx(
            [i * 1001 / 30000 for i in range(130)], abs=0.0006
        )
        for index in (120, 3, 60, 61, 49, 50):
            (frame,) = sequence.frames([index])
            np.testing.assert_array_equal(frame.pixels, frames[index].pixels)
    pixels, _ = _by_pillow(saved.path, "RGB")
    assert [number_of(frame) for frame in pixels] == list(range(130))
    if suffix == ".apng":
        with open_sequence(saved.path) as sequence:
            assert sequence.info.fps == Fraction(30000, 1001)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_keep_times_of_their_own(tmp_path: Path, suffix: str) -> None:
    times = [0, 0.04, 0.12, 0.5, 0.52]
    with open_writer(tmp_path / f"a{suffix}", fps=10) as writer:
        for frame, time in zip(numbered(5), times, strict=True):
            writer.write(frame, time)
    with open_sequence(tmp_path / f"a{suffix}") as sequence:
        assert [frame.time for frame in sequence.timed()] == pytest.approx(times)
        assert "frames are shown for times of their own" in sequence.info.notes
        save_sequence(sequence, tmp_path / "b.webp")
        save_sequence(sequence, tmp_path / "b.apng")
        saved = save_sequence(sequence, tmp_path / "b.tif")
        assert any(note.startswith("times vary") for note in saved.notes)
    for name in ("b.webp", "b.apng"):
        with open_sequence(tmp_path / name) as sequence:
            assert [frame.time for frame in sequence.timed()] == pytest.approx(times)
    _, shown = _by_pillow(tmp_path / "b.apng", "RGB")
    assert shown[:4] == [40, 80, 380, 20]


@pytest.mark.parametrize(
    ("suffix", "dtype", "channels"),
    [(".apng", "uint8", c) for c in (1, 2, 3, 4)]
    + [(".apng", "uint16", c) for c in (1, 3, 4)]
    + [(".webp", "uint8", c) for c in (3, 4)],
)
def test_lossless_round_trip(tmp_path: Path, suffix: str, dtype: str, channels: int) -> None:
    frames = _noise(4, 9, 11, channels, dtype=dtype)
    frames[2:, :, :4] = frames[1, :, :4]
    frames[3] = frames[2]
    with open_writer(tmp_path / f"a{suffix}", fps=10, quality=100 if suffix == ".webp" else None) as writer:
        for frame in frames:
            writer.write(frame)
    assert writer.saved.notes == ()
    with open_sequence(tmp_path / f"a{suffix}") as sequence:
        np.testing.assert_array_equal(np.stack(list(sequence)), frames)
        assert sequence.info.dtype == dtype
        assert sequence.info.fps == 10


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 7), st.integers(0, 99), st.sampled_from(SUFFIXES)
)
def test_small_changes(tmp_path: Path, height: int, width: int, count: int, seed: int, suffix: str) -> None:
    random = np.random.default_rng(seed)
    frames = np.repeat(_noise(1, height, width, 3, seed=seed), count, 0)
    for frame in frames:
        frame[random.integers(0, height) :, random.integers(0, width) :][:2, :2] = random.integers(0, 256, 3)
    options = {"quality": 100} if suffix == ".webp" else {}
    with open_writer(tmp_path / f"a{suffix}", fps=10, overwrite=True, **options) as writer:  # type: ignore[arg-type]
        for frame in frames:
            writer.write(frame)
    with open_sequence(tmp_path / f"a{suffix}") as sequence:
        np.testing.assert_array_equal(np.stack(list(sequence)), frames)
    shown, _ = _by_pillow(tmp_path / f"a{suffix}", "RGB")
    for frame, truth in zip(shown, frames, strict=False):  # Pillow joins frames that are the same
        if len(shown) == count:
            np.testing.assert_array_equal(frame, truth)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("blend", [0, 1])
def test_others_animations_look_as_they_do_elsewhere(
    tmp_path: Path, suffix: str, disposal: int, blend: int
) -> None:
    path = tmp_path / f"a{suffix}"
    frames = []
    for at in range(6):
        frame = np.zeros((20, 30, 4), np.uint8)
        frame[at : at + 8, 2 * at : 2 * at + 9] = (10 * at, 200, 90, 255 if at % 2 else 128)
        frames.append(Image.fromarray(frame))
    durations = [40, 40, 100, 40, 250, 40]
    if suffix == ".webp":
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, lossless=True)
    else:
        frames[0].save(
            path,
            format="PNG",
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            disposal=disposal,
            blend=blend,
        )
    shown, times = _by_pillow(path, "RGBA")
    if suffix == ".apng":  # Pillow lays half-transparent frames over nothing as no specification says
        shown = _by_ffmpeg(path)
    with open_sequence(path) as sequence:
        read = list(sequence.timed())
        assert sequence.info.channels == 4
        assert sequence.info.frame_count == len(shown) == len(read)
    for frame, truth in zip(read, shown, strict=True):
        visible = truth[..., 3] > 0
        np.testing.assert_array_equal(frame.pixels[..., 3] > 0, visible)
        difference = np.abs(frame.pixels.astype(int) - truth.astype(int))[visible]
        assert difference.max() <= 3, (frame.index, difference.max())
    assert [round(1000 * frame.time) for frame in read] == [sum(times[:i]) for i in range(len(times))]


def test_content_tells_animated_from_still(tmp_path: Path) -> None:
    save_sequence(numbered(5), tmp_path / "a.apng", fps=10)
    save_sequence(numbered(5), tmp_path / "a.webp", fps=10)
    (tmp_path / "a.apng").rename(tmp_path / "a.png")
    (tmp_path / "a.webp").rename(tmp_path / "nameless")
    for name in ("a.png", "nameless"):
        with open_sequence(tmp_path / name) as sequence:
            assert [number_of(frame) for frame in sequence] == list(range(5))
    (tmp_path / "still").mkdir()
    picture = Image.fromarray(next(numbered(1)))
    for name in ("b.png", "b.apng", "b.webp"):
        picture.save(tmp_path / "still" / name, format="WEBP" if name.endswith("webp") else "PNG")
        assert "one picture, no sequence" in _fails(tmp_path / "still" / name).message
    with open_sequence(tmp_path / "still" / "*.webp") as sequence:
        assert sequence.info.frame_count == 1, "stills make up a folder"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_files_and_flipped_bits(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    save_sequence(numbered(120), path, fps=10)
    with open_sequence(path) as sequence:
        truth = list(sequence)
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for step in range(60):
        if step % 2:
            changed = data[: len(data) * step // 60]
        else:
            flipped = bytearray(data)
            flipped[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
            changed = bytes(flipped)
        path.write_bytes(changed)
        try:
            with open_sequence(path, on_error="skip") as sequence:
                read = list(sequence.timed())
                lost = sum(lost.count or 0 for lost in sequence.damage)
                assert len(read) + lost == sequence.info.frame_count
                if suffix == ".apng" and step % 2:
                    for frame in read:
                        np.testing.assert_array_equal(frame.pixels, truth[frame.index])
        except SeqimgError:
            continue


def test_damage_costs_what_is_drawn_over_it(tmp_path: Path) -> None:
    path = tmp_path / "a.apng"
    save_sequence(numbered(120), path, fps=10)
    data = bytearray(path.read_bytes())
    at = [i for i in range(len(data)) if data[i : i + 4] == b"fdAT"][59]
    data[at + 20] ^= 255
    path.write_bytes(data)
    with open_sequence(path) as sequence, pytest.raises(SequenceError, match="damaged at frame 60"):
        list(sequence)
    with open_sequence(path, on_error="skip") as sequence:
        assert [frame.index for frame in sequence.timed()] == [*range(60), *range(100, 120)]
        assert [(lost.index, lost.count) for lost in sequence.damage] == [(60, 40)]
        assert [frame.index for frame in sequence.frames([59, 70, 80, 100])] == [59, 100]
    with open_sequence(path, on_error="truncate") as sequence:
        assert len(list(sequence)) == 60
        assert sequence.damage[0].count is None


def test_absurd_headers(tmp_path: Path) -> None:
    save_sequence(numbered(3), tmp_path / "a.webp", fps=10)
    save_sequence(numbered(3), tmp_path / "a.apng", fps=10)
    data = bytearray((tmp_path / "a.webp").read_bytes())
    data[24:30] = b"\xff" * 6
    (tmp_path / "a.webp").write_bytes(data)
    assert "over the limit" in (_fails(tmp_path / "a.webp").why or "")
    data = bytearray((tmp_path / "a.apng").read_bytes())
    data[16:24] = struct.pack(">LL", 2**31 - 1, 2**31 - 1)
    (tmp_path / "a.apng").write_bytes(data)
    assert "over the limit" in (_fails(tmp_path / "a.apng").why or "")
    for name in ("a.webp", "a.apng"):
        for content in (b"", b"RIFF", b"no picture at all" * 5):
            (tmp_path / name).write_bytes(content)
            assert "cannot read" in _fails(tmp_path / name).message


def test_what_formats_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="7 channels"):
        save_sequence(np.zeros((2, 8, 8, 7), np.uint8), tmp_path / "a.webp")
    with pytest.raises(SequenceError, match="20000 by 8"):
        save_sequence(np.zeros((2, 8, 20000, 1), np.uint8), tmp_path / "a.webp")
    with (
        pytest.raises(UsageError, match="quality means nothing"),
        open_writer(tmp_path / "a.apng", quality=3) as writer,
    ):
        writer.write(np.zeros((8, 8), np.uint8))
    saved = save_sequence(np.full((2, 8, 8), 0.5, np.float32), tmp_path / "a.apng", fps=5)
    assert saved.notes == ("0..1 scaled to 8 bits",)
    assert not list(tmp_path.glob(".seqimg*"))


def test_gif_keeps_times_of_its_own_too(tmp_path: Path) -> None:
    times = [0, 0.04, 0.12, 0.5, 0.52]
    with open_writer(tmp_path / "a.gif", fps=10) as writer:
        for frame, time in zip(numbered(5), times, strict=True):
            writer.write(frame, time)
    assert writer.saved.notes == ()
    with open_sequence(tmp_path / "a.gif") as sequence:
        assert [frame.time for frame in sequence.timed()] == pytest.approx(times)
        save_sequence(sequence, tmp_path / "b.webp")
    with open_sequence(tmp_path / "b.webp") as sequence:
        assert [frame.time for frame in sequence.timed()] == pytest.approx(times)
        save_sequence(sequence, tmp_path / "c.gif")
    with open_sequence(tmp_path / "c.gif") as sequence:
        assert [frame.time for frame in sequence.timed()] == pytest.approx(times)
