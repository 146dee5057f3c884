"""What raw pixels are: `WIDTHxHEIGHT[@FPS][:PIXELS]`.

For example `640x480`, `1920x1080@30000/1001:gray16le`: what `ffmpeg -f rawvideo` calls `-video_size`,
`-framerate` and `-pixel_format`.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UsageError, did_you_mean
from seqimg.sequences.base import ASSUMED_FPS, SequenceInfo
from seqimg.sequences.limits import MAX_FPS, check_size, check_value_range, value_range_of

__all__ = ["PIXELS", "RAW_HINT", "RawLayout"]

PIXELS: dict[str, tuple[str, int]] = {
    "gray": ("u1", 1),
    "ya8": ("u1", 2),
    "rgb24": ("u1", 3),
    "bgr24": ("u1", 3),
    "rgba": ("u1", 4),
    "bgra": ("u1", 4),
    "gray16le": ("<u2", 1),
    "gray16be": (">u2", 1),
    "ya16le": ("<u2", 2),
    "rgb48le": ("<u2", 3),
    "rgb48be": (">u2", 3),
    "rgba64le": ("<u2", 4),
    "rgba64be": (">u2", 4),
    "grayf32le": ("<f4", 1),
    "rgbf32le": ("<f4", 3),
}
"""The pixel formats read and written, by FFmpeg's names: type of a value, and channels."""

_LAYOUT = re.compile(r"([0-9]{1,9})x([0-9]{1,9})(?:@([0-9./]{1,30}))?(?::(\w+))?")
RAW_HINT = "--raw 640x480@25:rgb24"


@dataclass(frozen=True, slots=True)
class RawLayout:
    """What raw pixels are.

    Attributes:
        width: Pixels a row.
        height: Rows.
        fps: Frames a second; None if not said.
        pixels: FFmpeg's name of the pixel format.

    Example:
        >>> RawLayout.parse("1920x1080@30000/1001:gray16le")
        RawLayout(width=1920, height=1080, fps=Fraction(30000, 1001), pixels='gray16le')
    """

    width: int
    height: int
    fps: Fraction | None = None
    pixels: str = "rgb24"

    @classmethod
    def parse(cls, text: str) -> "RawLayout":
        """Read `WIDTHxHEIGHT[@FPS][:PIXELS]`.

        Raises:
            UsageError: It is something else.
            SequenceError: The frames are too large.
        """
        found = _LAYOUT.fullmatch(text)
        if found is None:
            raise UsageError(
                f"--raw {text!r} does not say what raw pixels are",
                why="it is WIDTHxHEIGHT[@FPS][:PIXELS]",
                hint=RAW_HINT,
            )
        width, height, rate, pixels = found.groups(default="")
        pixels = pixels or "rgb24"
        if pixels not in PIXELS:
            near = did_you_mean(pixels, PIXELS)
            raise UsageError(
                f"raw pixels {pixels!r} are unknown" + (f"; did you mean {near}?" if near else ""),
                why=f"known: {', '.join(PIXELS)}",
            )
        layout = cls(int(width), int(height), _rate(rate) if rate else None, pixels)
        check_size("raw pixels", layout.height, layout.width, layout.channels)
        return layout

    @property
    def channels(self) -> int:
        """Values a pixel."""
        return PIXELS[self.pixels][1]

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of a value, byte order included."""
        return np.dtype(PIXELS[self.pixels][0])

    @property
    def frame_bytes(self) -> int:
        """Bytes a frame."""
        return self.height * self.width * self.channels * self.stored.itemsize

    def frame(self, data: NDArray[np.uint8]) -> NDArray[Any]:
        """Return a frame's bytes as `[H, W, C]` in this machine's byte order; red comes first."""
        pixels = data.view(self.stored).reshape(self.height, self.width, self.channels)
        if self.pixels.startswith("bgr"):
            pixels = pixels[:, :, [2, 1, 0, *range(3, self.channels)]]
        return np.ascontiguousarray(pixels, dtype=self.stored.newbyteorder("="))

    def info(
        self,
        path: str,
        *,
        frame_count: int | None,
        live: bool,
        value_range: tuple[float, float] | None,
        notes: tuple[str, ...] = (),
    ) -> SequenceInfo:
        """Describe a sequence of such frames."""
        dtype = self.stored.newbyteorder("=").name
        return SequenceInfo(
            path=path,
            format="raw",
            height=self.height,
            width=self.width,
            channels=self.channels,
            dtype=dtype,
            value_range=check_value_range(value_range) if value_range else value_range_of(dtype),
            fps=self.fps,
            frame_count=frame_count,
            pixel_format=self.pixels,
            live=live,
            notes=(f"raw {self.pixels}", *notes),
        )

    def time(self, place: int) -> float:
        """Return the seconds from the first frame to the one at `place`."""
        return float(place / (self.fps or ASSUMED_FPS))


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= MAX_FPS:
        raise UsageError(
            f"{text} frames a second is no frame rate", why=f"it must be above 0 and at most {MAX_FPS}"
        )
    return rate
