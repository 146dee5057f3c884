"""Frames that carry their number as pixels, coarse enough to survive any codec."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 8
HEIGHT, WIDTH = 48, 128


def numbered(
    count: int, *, first: int = 0, height: int = HEIGHT, width: int = WIDTH
) -> Iterator[NDArray[np.uint8]]:
    """Yield frames `[H, W, 3]`; the upper part shows the number in binary, the lower part moves."""
    for number in range(first, first + count):
        frame = np.full((height, width, 3), 40, np.uint8)
        for bit in range(BITS):
            frame[:32, bit * 16 : bit * 16 + 16] = 220 if number >> bit & 1 else 20
        frame[36:, (number * 5) % width :] = (200, 120, 60)
        yield frame


def number_of(frame: NDArray[np.generic]) -> int:
    """Read the number back."""
    values = np.asarray(frame, np.float64)
    return sum(int(values[8:24, bit * 16 + 4 : bit * 16 + 12].mean() > 120) << bit for bit in range(BITS))


def encode(
    path: Path,
    codec: str,
    count: int,
    *,
    pixel_format: str = "yuv420p",
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
) -> None:
    """Write numbered frames with PyAV alone; `times` in hundredths of a second make the rate vary."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, pixel_format
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 100)
        for number, pixels in enumerate(numbered(count)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_tone(path: Path) -> None:
    """Write a file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        for _ in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
