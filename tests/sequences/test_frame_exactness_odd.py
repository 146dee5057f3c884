"""Frame i is frame i in files whose containers say odd things, or nothing."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from seqimg.errors import UnavailableError
from seqimg.plugins.manager import plugin_host
from seqimg.sequences import SequenceError, index_video, open_sequence, save_sequence
from seqimg.sequences.video.h264_header import may_have_fields
from tests.sequences.numbered import HEIGHT, WIDTH, encode, number_of, numbered

COUNT = 60
PLACES = [59, 0, 31, 30, 7, 58]


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp4", {"movflags": "frag_keyframe+empty_moov"}),
        (".mp4", {"movflags": "frag_every_frame+empty_moov+default_base_moof"}),
        (".mp4", {"movflags": "faststart"}),
        (".mkv", {"live": "1"}),  # neither duration nor an index of keyframes
        (".webm", {"live": "1"}),
        (".mkv", {"cluster_time_limit": "100"}),
        (".mkv", {"reserve_index_space": "4096"}),
    ],
)
def test_containers_made_otherwise(tmp_path: Path, suffix: str, options: dict[str, str]) -> None:
    path = tmp_path / f"a{suffix}"
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    _mux(path, codec, container_options=options, options={"g": "12", "deadline": "realtime"})
    _is_exact(path, COUNT)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("first", [-7, 5, 100_000])
def test_times_begin_anywhere(tmp_path: Path, suffix: str, first: int) -> None:
    path = tmp_path / f"a{suffix}"
    _mux(path, "libx264", shift=first, options={"g": "12", "bf": "2"})
    with open_sequence(path) as sequence:
        truth = list(sequence.timed())
        numbers = [number_of(frame.pixels) for frame in truth]
        # An MP4 hides what is shown before zero; what is left is counted from 0 all the same.
        assert numbers == list(range(COUNT))[-len(numbers) :]
        assert len(numbers) >= COUNT + min(first, 0)
        assert truth[0].time == 0
        assert truth[-1].time == pytest.approx((len(truth) - 1) / 25, abs=0.002)
        picked = list(sequence.frames([len(truth) - 1, 3, 20]))
        assert [number_of(frame.pixels) for frame in picked] == [numbers[-1], numbers[3], numbers[20]]
        assert [frame.time for frame in picked] == [truth[-1].time, truth[3].time, truth[20].time]
        assert sequence.info.frame_count == len(numbers)


def test_an_edit_list_hides_frames_in_the_midst_of_a_group(tmp_path: Path) -> None:
    path = tmp_path / "edited.mp4"
    encode(path, "libx264", COUNT, options={"g": "12", "bf": "2"})
    _edit(path, start=7, length=30)
    with open_sequence(path) as sequence:
        numbers = [number_of(frame.pixels) for frame in sequence.timed()]
        assert numbers == list(range(7, 37))
        picked = list(sequence.frames([0, 4, 5, 6, 20, 29]))
        assert [number_of(frame.pixels) for frame in picked] == [7, 11, 12, 13, 27, 36]
        assert (sequence.info.frame_count, sequence.damage) == (30, [])
        assert "the file states 60" in sequence.info.notes


def test_a_wrong_frame_count_is_corrected(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    encode(path, "libx264", COUNT, options={"g": "12"})
    with open_sequence(path) as sequence:
        assert sequence.info.frame_count is None, "Matroska states none"
        list(sequence.frames([50]))
        assert sequence.info.frame_count == COUNT
    with open_sequence(path) as sequence:
        assert sequence.info.frame_count == COUNT, "known from the kept index"
        assert sequence.info.sentence().startswith(f"Read {path} as 60 frames,")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".ts", ".avi"])
def test_one_frame_and_none(tmp_path: Path, suffix: str) -> None:
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(suffix, "libx264")
    path = tmp_path / f"one{suffix}"
    encode(path, codec, 1)
    with open_sequence(path) as sequence:
        assert [number_of(frame.pixels) for frame in sequence.frames([0, 0])] == [0, 0]
        assert [(frame.index, frame.time) for frame in sequence.timed()] == [(0, 0.0)]
    for content in (b"", path.read_bytes()[:40]):
        (tmp_path / f"none{suffix}").write_bytes(content)
        with pytest.raises(SequenceError) as caught:
            open_sequence(tmp_path / f"none{suffix}")
        assert len(str(caught.value).splitlines()) <= 3


def test_headers_without_frames_are_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        container.start_encoding()
    with pytest.raises(SequenceError, match="cannot read"):
        open_sequence(tmp_path / "a.mkv")


@pytest.mark.parametrize(("height", "width"), [(49, 129), (48, 131), (35, 128)])
@pytest.mark.parametrize("codec", ["ffv1", "libvpx-vp9", "png"])
def test_odd_sizes(tmp_path: Path, height: int, width: int, codec: str) -> None:
    path = tmp_path / ("a.mov" if codec == "png" else "a.mkv")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"g": "5", "deadline": "realtime"})
        stream.height, stream.width = height, width
        stream.pix_fmt = "rgb24" if codec == "png" else "yuv420p"
        for pixels in numbered(20, height=height, width=width):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with open_sequence(path) as sequence:
        frames = [frame.pixels for frame in sequence.frames([19, 3, 11])]
        assert [number_of(frame) for frame in frames] == [19, 3, 11]
        assert {frame.shape for frame in frames} == {(height, width, 3)}


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_frames_by_jumping(tmp_path: Path, degrees: int) -> None:
    path = tmp_path / "phone.mp4"
    encode(path, "libx264", COUNT, options={"g": "12", "bf": "2"})
    _turn(path, degrees)
    with open_sequence(path) as sequence:
        truth = list(sequence)
        assert sequence.info.rotation == 360 - degrees
        for frame in sequence.frames(PLACES):
            assert np.array_equal(frame.pixels, truth[frame.index])
            assert number_of(np.rot90(frame.pixels, degrees // 90)) == frame.index


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_cut_at_an_open_group(tmp_path: Path, codec: str, suffix: str) -> None:
    """The first frames stored behind the first keyframe build on what was cut off: nobody can show them."""
    options = {
        "libx264": {"bf": "3", "x264-params": "open-gop=1:keyint=10:scenecut=0"},
        "libx265": {"x265-params": "log-level=none:pools=none:open-gop=1:keyint=10:bframes=3:scenecut=0"},
    }[codec]
    whole, path = tmp_path / "whole.mkv", tmp_path / f"cut{suffix}"
    encode(whole, codec, COUNT, options=options)
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        keys = 0
        for packet in source.demux(video=0):
            keys += bool(packet.is_keyframe and packet.size)
            if keys >= 3 and packet.size:
                packet.stream = stream
                target.mux(packet)
    with open_sequence(path) as sequence:
        truth = list(sequence.timed())
        first = number_of(truth[0].pixels)
        assert [number_of(frame.pixels) for frame in truth] == list(range(first, COUNT))
        assert 17 <= first <= 20
        for frame in sequence.frames([len(truth) - 1, 0, 12, 13]):
            assert np.array_equal(frame.pixels, truth[frame.index].pixels)
        assert sequence.info.frame_count == len(truth)


def test_interlaced_frames_are_read_from_the_start(tmp_path: Path) -> None:
    """Their fields may be packets of their own, which no index tells."""
    path = tmp_path / "a.mp4"
    encode(path, "libx264", COUNT, options={"g": "12", "x264-params": "tff=1"})
    _is_exact(path, COUNT)
    assert index_video(path).doubt == "h264 in mov: a packet need not be a frame"


@pytest.mark.parametrize("profile", ["baseline", "main", "high", "high10", "high422", "high444"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_whether_fields_are_allowed_is_read(
    tmp_path: Path, profile: str, suffix: str, interlaced: bool
) -> None:
    if interlaced and profile == "baseline":
        pytest.skip("it has no fields")
    pixel_format = {"high10": "yuv420p10le", "high422": "yuv422p", "high444": "yuv444p"}.get(
        profile, "yuv420p"
    )
    options = {"profile": profile, **({"x264-params": "tff=1"} if interlaced else {})}
    encode(tmp_path / f"a{suffix}", "libx264", 4, options=options, pixel_format=pixel_format)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        header = container.streams.video[0].codec_context.extradata
    assert may_have_fields(header) == interlaced
    assert header is not None
    assert all(may_have_fields(header[:length]) for length in range(8))


def test_hidden_frames_of_vp8_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    encode(path, "libvpx", COUNT, options={"g": "12", "deadline": "realtime", "lag-in-frames": "0"})
    hidden = _hide(path, 30)
    with open_sequence(path) as sequence:
        numbers = [number_of(frame.pixels) for frame in sequence.timed()]
        assert numbers == [i for i in range(COUNT) if i != hidden]
        assert sequence.damage == []
        picked = [number_of(frame.pixels) for frame in sequence.frames([40, 28, 29, 30, 58])]
        assert picked == [numbers[40], numbers[28], numbers[29], numbers[30], numbers[58]]
    assert index_video(path).frame_count == COUNT - 1


@pytest.mark.parametrize(
    "suffix",
    sorted(
        {
            suffix or "/"
            for spec in plugin_host().formats.values()
            if spec.writer and spec.reader
            for suffix in spec.suffixes
        }
    ),
)
def test_every_writer_and_its_reader(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / ("folder" if suffix == "/" else f"a{suffix}")
    try:
        save_sequence(numbered(COUNT), path, fps=20)
    except UnavailableError as error:
        pytest.skip(str(error))
    raw = f"{WIDTH}x{HEIGHT}@20:rgb24" if suffix in (".raw", ".rgb") else None
    with open_sequence(path, raw=raw) as sequence:
        assert [(frame.index, number_of(frame.pixels)) for frame in sequence.timed()] == [
            (i, i) for i in range(COUNT)
        ]
        assert [number_of(frame.pixels) for frame in sequence.frames(PLACES)] == PLACES


def _is_exact(path: Path, count: int) -> None:
    with open_sequence(path) as sequence:
        truth = list(sequence.timed())
        assert [(frame.index, number_of(frame.pixels)) for frame in truth] == [(i, i) for i in range(count)]
        for frame in sequence.frames(PLACES):
            assert np.array_equal(frame.pixels, truth[frame.index].pixels)
            assert frame.time == truth[frame.index].time


def _mux(
    path: Path,
    codec: str,
    *,
    options: dict[str, str],
    container_options: dict[str, str] | None = None,
    shift: int = 0,
) -> None:
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for number, pixels in enumerate(numbered(COUNT)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number + shift, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _patch(path: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def _edit(path: Path, *, start: int, length: int) -> None:
    """Have the edit list that FFmpeg writes show only some frames."""

    def change(data: bytearray) -> None:
        at = data.index(b"elst") + 4
        count, duration, media_time = struct.unpack_from(">III", data, at + 4)
        assert count == 1
        step = duration // COUNT  # in the movie's time scale of a thousandth of a second
        ticks = _ticks(path)
        struct.pack_into(">II", data, at + 8, step * length, media_time + start * ticks)

    _patch(path, change)


def _ticks(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return int(1 / (25 * stream.time_base))


def _turn(path: Path, degrees: int) -> None:
    def change(data: bytearray) -> None:
        matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
        a, b, c, d = (value * 65536 for value in matrix)
        at = data.index(b"tkhd") + 4 + 40
        data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)

    _patch(path, change)


def _hide(path: Path, number: int) -> int:
    """Clear the bit that has a frame of VP8 shown."""
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    packet = packets[number]
    assert packet[0] & 1, "no keyframe"

    def change(data: bytearray) -> None:
        at = data.index(packet)
        data[at] &= ~0b0001_0000

    _patch(path, change)
    return number


@pytest.mark.parametrize(("codec", "pixel_format"), [("mjpeg", "yuvj420p"), ("mpeg4", "yuv420p")])
def test_frames_that_a_recording_dropped_are_not_missing(
    tmp_path: Path, codec: str, pixel_format: str
) -> None:
    """AVI holds their place with nothing, and counts them."""
    path = tmp_path / "a.avi"
    times = [*range(8), *range(11, 30)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, pixel_format
        for time, pixels in zip(times, numbered(len(times)), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = time, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_sequence(path) as sequence:
        found = [(frame.index, number_of(frame.pixels), round(frame.time * 25)) for frame in sequence.timed()]
    assert found == [(place, place, time) for place, time in enumerate(times)]
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(SequenceError), open_sequence(path) as sequence:
        list(sequence)
