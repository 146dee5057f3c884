"""Stretches of files that cannot be read: FFmpeg passes over them in silence, we do not."""

from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest

from seqimg.sequences import SequenceError, index_video, open_sequence
from seqimg.sequences.video.beat import Beat
from tests.sequences.numbered import HEIGHT, WIDTH, encode, number_of, numbered

COUNT = 120
MAKES = {
    "h264.mkv": ("libx264", {"g": "12", "bf": "2"}),
    "plain.mkv": ("libx264", {"g": "12", "bf": "0"}),
    "vp8.webm": ("libvpx", {"g": "12", "cpu-used": "8"}),
    "vp9.webm": ("libvpx-vp9", {"g": "12", "cpu-used": "8"}),
    "h264.ts": ("libx264", {"g": "12", "bf": "2"}),
    "mpeg2.m2ts": ("mpeg2video", {"g": "12"}),
    "h264.flv": ("libx264", {"g": "12", "bf": "2"}),
    "mjpeg.avi": ("mjpeg", {}),
}


@cache
def _made(name: str, times: tuple[int, ...] | None = None) -> bytes:
    codec, options = MAKES[name]
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        encode(
            path,
            codec,
            COUNT,
            options=options,
            times=None if times is None else list(times),
            pixel_format=pixel_format,
        )
        return path.read_bytes()


def _zeroed(path: Path, data: bytes, at: int, count: int = 300) -> Path:
    path.write_bytes(data[:at] + bytes(count) + data[at + count :])
    return path


def _read(path: Path) -> tuple[list[tuple[int, int, float]], int, bool]:
    """Return place, number and time of all frames, how many are lost, and whether more may be."""
    with open_sequence(path, on_error="skip") as sequence:
        frames = [(frame.index, number_of(frame.pixels), frame.time) for frame in sequence.timed()]
        counts = [damage.count for damage in sequence.damage]
    return frames, sum(filter(None, counts)), None in counts


@pytest.mark.parametrize("name", MAKES)
def test_places_hold_behind_a_tear(tmp_path: Path, name: str) -> None:
    data = _made(name)
    random = np.random.default_rng(0)
    torn = 0
    for _ in range(16):
        at = int(random.integers(1000, len(data) - 400))
        frames, lost, open_end = _read(_zeroed(tmp_path / name, data, at))
        # A picture that is damaged without the decoder's notice may show anything, but when is sure.
        assert all(round(time * 25) == place for place, _, time in frames)
        assert sum(number != place for place, number, _ in frames) <= 2
        assert len(frames) + lost <= COUNT if open_end else len(frames) + lost == COUNT
        torn += lost > 1
    assert torn > 3


def test_a_tear_is_an_error_that_names_the_frame(tmp_path: Path) -> None:
    data = _made("vp9.webm")
    path = _zeroed(tmp_path / "a.webm", data, len(data) // 3)
    with open_sequence(path) as sequence, pytest.raises(SequenceError, match="damaged at frame") as caught:
        list(sequence)
    assert "cannot be read" in (caught.value.why or "")
    with open_sequence(path, on_error="truncate") as sequence:
        places = [frame.index for frame in sequence.timed()]
        assert places == list(range(len(places)))
        assert 5 < len(places) < COUNT
    assert index_video(path).doubt == "part of the file cannot be read"


def test_the_beginning_is_torn_away(tmp_path: Path) -> None:
    data = _made("plain.mkv")
    first = data.index(b"\x1f\x43\xb6\x75")  # the first cluster
    frames, lost, _ = _read(_zeroed(tmp_path / "a.mkv", data, first, 1500))
    assert frames[0][0] == frames[0][1] == lost > 12
    assert frames[0][2] == pytest.approx(lost / 25, abs=0.002)
    assert len(frames) + lost == COUNT


def test_a_varying_rate_makes_it_a_guess(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    times = tuple(int(time) for time in np.cumsum(random.integers(2, 12, COUNT)))
    data = _made("h264.mkv", times)
    path = _zeroed(tmp_path / "a.mkv", data, len(data) // 2)
    with open_sequence(path, on_error="skip") as sequence:
        list(sequence)
        assert any("a guess" in damage.reason for damage in sequence.damage)


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("name", [name for name in MAKES if name not in ("mpeg2.m2ts", "mjpeg.avi")])
def test_pauses_in_sound_files_are_no_tears(tmp_path: Path, name: str, sound: bool) -> None:
    codec, options = MAKES[name]
    path = tmp_path / name
    times = [*range(0, 200, 4), *range(700, 900, 4), *range(901, 907), 3000]
    if sound:
        _encode_with_sound(path, codec, options, times)
    else:
        encode(path, codec, len(times), times=times, options=options)
    with open_sequence(path) as sequence:
        frames = [(frame.index, number_of(frame.pixels)) for frame in sequence.timed()]
    assert frames == [(place, place) for place in range(len(times))]
    if path.suffix in (".mkv", ".webm"):
        assert index_video(path).frame_count == len(times)


def _encode_with_sound(path: Path, codec: str, options: dict[str, str], times: list[int]) -> None:
    with av.open(str(path), "w") as container:
        picture = container.add_stream(codec, rate=25, options=options)
        picture.height, picture.width, picture.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        picture.codec_context.time_base = Fraction(1, 100)
        tone = container.add_stream("aac" if path.suffix in (".ts", ".flv") else "libopus", rate=48000)
        heard = 0
        for time, pixels in zip(times, numbered(len(times)), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, 100)
            container.mux(picture.encode(frame))
            while heard < time * 480:
                piece = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1920), np.float32), format="flt", layout="stereo"
                )
                piece.sample_rate, piece.pts = 48000, heard
                container.mux(tone.encode(piece))
                heard += 960
        container.mux(picture.encode(None))
        container.mux(tone.encode(None))


def test_rates_that_are_those_of_fields() -> None:
    """Transport streams often state the double."""

    class Stated:
        average_rate, time_base = Fraction(50), Fraction(1, 90000)

    class Container:
        class format:
            name = "mpegts"

    beat = Beat(Container, Stated)  # type: ignore[arg-type]
    beat.begin(0)
    assert [beat.missing(place * 3600, 0, torn=False) for place in range(5)] == [0] * 5
    assert beat.even
    assert beat.missing(9 * 3600, 0, torn=True) == 4
    assert beat.missing(10 * 3600, 0, torn=False) == 0
    assert beat.missing(13 * 3600, 1, torn=False) == 2
