"""What a sequence is: its description, its frames with their times, what readers and writers promise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Self
from weakref import WeakSet

from seqimg.errors import SeqimgError
from seqimg.sequences.damage import Damage, losses_sentence

if TYPE_CHECKING:
    from seqimg.sequences.pixeltypes import Pixels

__all__ = [
    "ASSUMED_FPS",
    "DTYPES",
    "IMAGE_SUFFIXES",
    "Damage",
    "Gaps",
    "OnError",
    "Sequence",
    "SequenceError",
    "SequenceInfo",
    "SequenceWriter",
    "TimedFrame",
]

ASSUMED_FPS = Fraction(25)
"""Frames a second where a source has no times."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
"""File name endings of the pictures a frame folder may hold."""

OnError = Literal["error", "skip", "truncate"]
"""What to do about damage: refuse, leave out what is damaged, or end before it."""

Gaps = Literal["error", "skip", "hold"]
"""What to do about missing frame numbers: refuse, leave them out, or repeat the frame before."""

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


class SequenceError(SeqimgError):
    """A sequence cannot be read or written (exit code 1)."""


@dataclass(frozen=True, kw_only=True)
class SequenceInfo:
    """What a sequence is.

    Attributes:
        path: Where it is.
        format: What it is: `"video"`, `"gif"`, `"frames"`, `"array"`, or a name of a plugin's own.
        height: Frame height in pixels, after rotation.
        width: Frame width in pixels, after rotation.
        channels: Number of channels, the last axis of a frame.
        dtype: dtype name of the frames, one of `DTYPES`.
        value_range: The values that mean black and white, or lowest and highest; the first is the smaller.
        fps: Frames a second; None if the source has no times.
        frame_count: Number of frames; a video file's is its own claim. None if unknown.
        codec: The video codec; None if there is none.
        notes: What the reader had to state or assume.

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
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.channel_names:
            names = _CHANNEL_NAMES.get(self.channels) or tuple(str(i) for i in range(self.channels))
            object.__setattr__(self, "channel_names", names)

    def sentence(self) -> str:
        """Say in one line what was understood."""
        place = self.path.rstrip("/") + "/" if self.format == "frames" else self.path
        colours = _COLOURS.get(self.channels, f"{self.channels} channels")
        parts = [
            f"Read {place} as {_counted(self.frame_count)}",
            f"{self.width}{_TIMES}{self.height}",
            f"{_DEPTHS.get(self.dtype, self.dtype)} {colours}",
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
    """

    index: int
    time: float
    pixels: Pixels


class Sequence(ABC):
    """Frames read lazily and in constant memory, as often as wanted from the start.

    A reader implements `_read`; each pass holds its own file handle.

    Args:
        info: What the sequence is.

    Attributes:
        info: What the sequence is.
        damage: What the pass begun last has left out so far.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> path = Path(tmp) / "stack.npy"
        >>> np.save(path, np.zeros((5, 48, 64), np.uint8))
        >>> with open_sequence(path) as sequence:
        ...     [frame.shape for frame in sequence][:2]
        [(48, 64, 1), (48, 64, 1)]
    """

    def __init__(self, info: SequenceInfo) -> None:
        self.info = info
        self.damage: list[Damage] = []
        self._passes: WeakSet[Generator[TimedFrame, None, None]] = WeakSet()
        self._closed = False

    def __iter__(self) -> Iterator[Pixels]:
        """Yield each frame, `[H, W, C]` in the source's dtype."""
        for frame in self.timed():
            yield frame.pixels

    def timed(self) -> Iterator[TimedFrame]:
        """Begin a pass: yield each frame with its place and time.

        Raises:
            SequenceError: The sequence is closed, or a frame is damaged.
        """
        if self._closed:
            raise SequenceError(f"{self.info.path} was closed", hint="open it again")
        self.damage = []
        frames = self._read()
        self._passes.add(frames)
        return frames

    def losses(self) -> str | None:
        """Say in one line what the pass begun last has left out so far, if anything."""
        return losses_sentence(self.info.path, self.damage)

    def close(self) -> None:
        """End every pass and release what it holds."""
        self._closed = True
        for frames in list(self._passes):
            frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _read(self) -> Generator[TimedFrame, None, None]:
        """Yield the frames from the start; what it opens it closes in a `finally`."""


class SequenceWriter(ABC):
    """Frames written as they come, in constant memory.

    A format's writer is called with the path to write to, an empty file or folder that appears under
    its final name only when all is well, and a [SequenceInfo][seqimg.sequences.SequenceInfo] that
    describes the frames to come: every frame has its height, width, channels and dtype.

    Attributes:
        codec: How frames are coded, if that is a choice.
        notes: What had to be changed or assumed.
    """

    codec: str | None = None
    notes: tuple[str, ...] = ()

    @abstractmethod
    def write(self, frame: Pixels) -> None:
        """Append one frame, `[H, W, C]`."""

    @abstractmethod
    def close(self) -> None:
        """Finish: all that was written is complete afterwards."""

    @abstractmethod
    def abort(self) -> None:
        """Give up, in whatever state: release what is held. The caller removes what was written."""


def _counted(frames: int | None) -> str:
    if frames is None:
        return "frames, their number not stated"
    return f"{frames} frame" if frames == 1 else f"{frames} frames"
