"""What pixels of a video become: depth, range, transparency, shape, rotation."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from seqimg.sequences import open_sequence, save_sequence
from tests.sequences.numbered import encode, number_of, numbered

SIZE = (48, 64)


def _planes(path: Path, codec: str, pixel_format: str, values: tuple[int, ...], colour_range: int) -> None:
    """Write frames of one value in every plane, past all conversion."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = SIZE
        stream.pix_fmt = pixel_format
        stream.codec_context.color_range = colour_range
        for _ in range(3):
            frame = av.VideoFrame(SIZE[1], SIZE[0], pixel_format)
            frame.color_range = colour_range
            deep = frame.format.components[0].bits > 8
            for plane, value in zip(frame.planes, values, strict=True):
                np.frombuffer(plane, np.uint16 if deep else np.uint8)[:] = value
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("pixel_format", "colour_range", "black", "white"),
    [
        ("yuv420p", 1, 16, 235),
        ("yuv420p", 2, 0, 255),
        ("yuv420p10le", 1, 64, 940),
        ("yuv420p10le", 2, 0, 1023),
        ("yuv444p12le", 1, 256, 3760),
        ("yuv444p12le", 2, 0, 4095),
        ("yuv444p16le", 1, 4096, 60160),
        ("yuv444p16le", 2, 0, 65535),
        ("gray", 1, 16, 235),
        ("gray", 2, 0, 255),
        ("gray10le", 1, 64, 940),
        ("gray10le", 2, 0, 1023),
        ("gray16le", 2, 0, 65535),
    ],
)
def test_black_and_white_are_the_ends(
    tmp_path: Path, pixel_format: str, colour_range: int, black: int, white: int
) -> None:
    bits = av.VideoFormat(pixel_format).components[0].bits
    middle = (black + white) // 2
    for level, expected in ((black, 0.0), (middle, (middle - black) / (white - black)), (white, 1.0)):
        path = tmp_path / f"{level}.mkv"
        neutral = (1 << bits - 1,) * (0 if pixel_format.startswith("gray") else 2)
        _planes(path, "ffv1", pixel_format, (level, *neutral), colour_range)
        with open_sequence(path) as sequence:
            info, frame = sequence.info, next(iter(sequence))
        assert info.dtype == ("uint8" if bits == 8 else "uint16")
        assert info.value_range == (0, 255 if bits == 8 else 65535)
        assert info.pixel_format == pixel_format
        found = np.unique(frame).astype(float) / info.value_range[1]
        # The ends are exact; half way FFmpeg rounds down by up to one step of 8 bits.
        assert found == pytest.approx(expected, abs=0 if expected in (0, 1) else 1 / 255), level


def test_colour_range_is_stated(tmp_path: Path) -> None:
    for colour_range, word in ((1, "limited"), (2, "full")):
        path = tmp_path / f"{word}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width = SIZE
            stream.pix_fmt = "yuv420p"
            stream.codec_context.color_range = colour_range
            stream.codec_context.color_primaries = 1  # H.264 states a range only among other colours
            frame = av.VideoFrame.from_ndarray(np.full((*SIZE, 3), 200, np.uint8), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_color_range=colour_range)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        with open_sequence(path) as sequence:
            assert sequence.info.colour_range == word
            assert np.abs(next(iter(sequence)).astype(int) - 200).max() <= 2


def test_ten_bits_keep_their_steps(tmp_path: Path) -> None:
    """A ramp of 10 bits has more steps than 8 bits hold."""
    path = tmp_path / "ramp.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 512, "yuv444p10le"
        frame = av.VideoFrame(512, 48, "yuv444p10le")
        ramp = np.arange(512, dtype=np.uint16) + 200
        np.frombuffer(frame.planes[0], np.uint16).reshape(48, -1)[:, :512] = ramp
        for plane in frame.planes[1:]:
            np.frombuffer(plane, np.uint16)[:] = 512
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_sequence(path) as sequence:
        row = next(iter(sequence))[7, :, 1]
        assert sequence.info.notes == ("10-bit pixels (yuv444p10le) scaled to 16 bits",)
    assert len(np.unique(row)) == 512
    assert row.astype(float) / 65535 == pytest.approx((ramp - 64) / 876, abs=0.001)
    # And writers scale it back.
    with open_sequence(path) as sequence:
        save_sequence(sequence, tmp_path / "out")
        assert save_sequence(sequence, tmp_path / "out.mp4").frame_count == 1
    with open_sequence(tmp_path / "out") as again:
        assert np.array_equal(next(iter(again))[7, :, 1], row)
    with open_sequence(tmp_path / "out.mp4") as again:
        written = next(iter(again))[7, :, 1].astype(float) / 255
    assert written == pytest.approx(row / 65535, abs=0.02)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "channels", "dtype"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p", 4, "uint8"),
        ("a8.webm", "libvpx", "yuva420p", 4, "uint8"),
        ("a.mov", "qtrle", "argb", 4, "uint8"),
        ("png.mov", "png", "rgba", 4, "uint8"),
        ("deep.mov", "png", "rgba64be", 4, "uint16"),
        ("grey.mov", "png", "ya8", 2, "uint8"),
        ("a.mkv", "ffv1", "yuva420p", 4, "uint8"),
        ("pro.mov", "prores_ks", "yuva444p10le", 4, "uint16"),
    ],
)
def test_transparency_stays(
    tmp_path: Path, name: str, codec: str, pixel_format: str, channels: int, dtype: str
) -> None:
    path = tmp_path / name
    options = {"auto-alt-ref": "0", "g": "4"} if codec.startswith("libvpx") else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = SIZE
        stream.pix_fmt = pixel_format
        for number in range(12):
            pixels = np.zeros((*SIZE, 4), np.uint8)
            pixels[..., :3] = 20 * number
            pixels[:, :32, 3], pixels[:, 32:, 3] = 255, 100
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pixel_format)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_sequence(path) as sequence:
        info, truth = sequence.info, list(sequence.timed())
        assert (info.channels, info.dtype, info.channel_names[-1]) == (channels, dtype, "alpha")
        assert "transparency dropped" not in info.notes
        assert [frame.index for frame in truth] == list(range(12))
        scale = 257 if dtype == "uint16" else 1
        for frame in truth:
            pixels = frame.pixels.astype(float) / scale
            assert np.abs(pixels[:, 2:30, -1] - 255).max() <= 2
            assert np.abs(pixels[:, 34:, -1] - 100).max() <= 2
            assert np.abs(pixels[:, 2:30, 0] - 20 * frame.index).max() <= 8
        for frame in sequence.frames([11, 4, 5, 0]):
            assert np.array_equal(frame.pixels, truth[frame.index].pixels)


def test_gif_is_transparent_only_where_it_is(tmp_path: Path) -> None:
    opaque = [Image.fromarray(frame) for frame in numbered(3)]
    opaque[0].save(tmp_path / "opaque.gif", save_all=True, append_images=opaque[1:])
    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[:, :32] = (200, 30, 40, 255)
    clear = [Image.fromarray(np.roll(pixels, step, axis=1)) for step in range(3)]
    clear[0].save(tmp_path / "clear.gif", save_all=True, append_images=clear[1:], disposal=2)
    with open_sequence(tmp_path / "opaque.gif") as sequence:
        assert (sequence.info.channels, sequence.info.notes) == (3, ())
        assert [number_of(frame) for frame in sequence] == [0, 1, 2]
    with open_sequence(tmp_path / "clear.gif") as sequence:
        first = next(iter(sequence))
        assert sequence.info.channels == 4
    assert set(np.unique(first[:, :32, 3])) == {255}
    assert set(np.unique(first[:, 32:, 3])) == {0}


@pytest.mark.parametrize(("turned", "aspect"), [(False, Fraction(4, 3)), (True, Fraction(3, 4))])
def test_pixels_that_are_not_square(tmp_path: Path, turned: bool, aspect: Fraction) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        frame = av.VideoFrame.from_ndarray(np.zeros((*SIZE, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if turned:
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40
        for place, value in enumerate((0, 65536, 0, -65536, 0)):
            data[at + 4 * place : at + 4 * place + 4] = value.to_bytes(4, "big", signed=True)
        path.write_bytes(data)
    with open_sequence(path) as sequence:
        assert sequence.info.pixel_aspect == aspect
        assert "pixels are 4:3, not square" in sequence.info.notes
        assert sequence.info.rotation == (270 if turned else 0)


def test_high_dynamic_range_is_said(tmp_path: Path) -> None:
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p10le"
        stream.codec_context.color_trc = 16
        frame = av.VideoFrame.from_ndarray(np.zeros((*SIZE, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv420p10le")))
        container.mux(stream.encode(None))
    with open_sequence(path) as sequence:
        assert "high dynamic range (PQ) as it is, not mapped to tones" in sequence.info.notes


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "gray10le", "gray16le", "rgb48le"])
def test_deep_frames_are_the_callers_own(tmp_path: Path, pixel_format: str) -> None:
    encode(tmp_path / "a.mkv", "ffv1", 6, pixel_format=pixel_format)
    with open_sequence(tmp_path / "a.mkv") as sequence:
        frames = list(sequence)
    for frame in frames:
        assert frame.flags.c_contiguous
        assert frame.flags.writeable
    frames[0][:] = 0
    assert [number_of(frame // 257) for frame in frames[1:]] == [1, 2, 3, 4, 5]
