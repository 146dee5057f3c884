"""What a sequence is, in words and figures, and one frame of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqimg.sequences.pixeltypes import Pixels

__all__ = ["ASSUMED_FPS", "DTYPES", "SequenceInfo", "TimedFrame"]

ASSUMED_FPS = Fraction(25)
"""Frames a second where a source has no times."""

_CHANNEL_NAMES = {
    1: ("grey",),
    2: ("grey", "alpha"),
    3: ("red", "green", "blue"),
    4: ("red", "green", "blue", "alpha"),
}
_COLOURS = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGBA"}
DTYPES = ("uint8", "uint16", "float16", "float32", "float64")
"""Names of the dtypes frames may have."""

_DEPTHS = {
    "uint8": "8-bit",
    "uint16": "16-bit",
    "float16": "16-bit float",
    "float32": "32-bit float",
    "float64": "64-bit float",
}
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, kw_only=True)
class SequenceInfo:
    """What a sequence is.

    Attributes:
        path: Where it is.
        format: What it is: `"video"`, `"gif"`, `"frames"`, `"pattern"`, `"list"`, `"array"`, `"tiff"`, `"webp"`,
            `"apng"`, `"hdf5"`, `"zarr"`, or a name of a plugin's own.
        height: Frame height in pixels, after rotation.
        width: Frame width in pixels, after rotation.
        channels: Number of channels, the last axis of a frame.
        dtype: dtype name of the frames, one of `DTYPES`.
        value_range: The values that mean black and white, or lowest and highest; the first is the smaller.
        fps: Frames a second; None if the source has no times.
        frame_count: Number of frames; a video file's is its own claim. None if unknown.
        codec: The video codec; None if there is none.
        fill_value: A value that stands for a missing one; NaN always does.
        rotation: Degrees counterclockwise by which frames were turned to stand upright.
        pixel_aspect: Width of a pixel over its height.
        pixel_format: How the source stores pixels, in FFmpeg's words; None where there is nothing to add.
        colour_range: `"limited"` or `"full"`, as a video states it.
        live: Whether frames come as they happen: one pass, no end, no random access.
        notes: What the reader had to state or assume.
        channel_names: What each channel is; by default from their number: grey, RGB, RGBA, or numbers.

    Example:
        >>> info = SequenceInfo(
        ...     path="clip", format="frames", height=512, width=640, channels=1, dtype="uint16",
        ...     value_range=(0, 65535), frame_count=240, notes=("numbers 1-240",)
        ... )
        >>> info.channel_names
        ('grey',)
        >>> print(info.sentence().replace("\N{MULTIPLICATION SIGN}", "x"))
        Read clip/ as 240 frames, 640x512, 16-bit grey, numbers 1-240; no times found, assuming 25 fps.
    """

    path: str
    format: str
    height: int
    width: int
    channels: int
    dtype: str
    value_range: tuple[float, float]
    channel_names: tuple[str, ...] = ()
    fps: Fraction | None = None
    frame_count: int | None = None
    codec: str | None = None
    fill_value: float | None = None
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    pixel_format: str | None = None
    colour_range: str | None = None
    live: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.channel_names:
            names = _CHANNEL_NAMES.get(self.channels) or tuple(str(i) for i in range(self.channels))
            object.__setattr__(self, "channel_names", names)

    @property
    def may_miss(self) -> bool:
        """Whether a frame can have missing values at all."""
        return self.fill_value is not None or self.dtype.startswith("float")

    def missing(self, frame: Pixels) -> NDArray[np.bool_] | None:
        """Return where a frame has no value, `[H, W, C]`, or None if it has one everywhere.

        Args:
            frame: `[H, W, C]` in the sequence's dtype.

        Example:
            >>> info = SequenceInfo(
            ...     path="", format="array", height=1, width=3, channels=1, dtype="uint16",
            ...     value_range=(0, 4095), fill_value=65535
            ... )
            >>> import numpy as np
            >>> info.missing(np.array([[[7], [65535], [0]]], np.uint16)).ravel().tolist()
            [False, True, False]
        """
        import numpy as np

        absent = np.zeros(frame.shape, np.bool_)
        if self.fill_value is not None and not math.isnan(self.fill_value):
            absent |= frame == np.asarray(self.fill_value).astype(frame.dtype)
        if frame.dtype.kind == "f":
            absent |= np.isnan(frame)
        return absent if absent.any() else None

    @property
    def kind(self) -> str:
        """What its pixels are, in words: `8-bit RGB`."""
        colours = _COLOURS.get(self.channels, f"{self.channels} channels")
        return f"{_DEPTHS.get(self.dtype, self.dtype)} {colours}"

    def sentence(self) -> str:
        """Say in one line what was understood."""
        place = self.path.rstrip("/") + "/" if self.format == "frames" else self.path
        parts = [
            f"Read {place} as {_counted(self.frame_count)}",
            f"{self.width}{_TIMES}{self.height}",
            self.kind,
            *([self.codec] if self.codec else []),
            *([f"{float(self.fps):.5g} fps"] if self.fps else []),
            *self.notes,
        ]
        times = "" if self.fps else f"; no times found, assuming {ASSUMED_FPS} fps"
        return ", ".join(parts) + times + "."


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """One frame and where it stands.

    Attributes:
        index: Its place in the source from 0; missing and damaged frames that were left out count.
        time: Seconds since the first frame; at 25 frames a second if the source has no times.
        pixels: `[H, W, C]` in the source's dtype, the caller's to keep and change.

    Example:
        >>> import numpy as np
        >>> TimedFrame(index=12, time=0.48, pixels=np.zeros((8, 8, 3), np.uint8)).time
        0.48
    """

    index: int
    time: float
    pixels: Pixels


def _counted(frames: int | None) -> str:
    if frames is None:
        return "frames, their number not stated"
    return f"{frames} frame" if frames == 1 else f"{frames} frames"
