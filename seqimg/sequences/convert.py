"""`convert_sequence`: a sequence in another format, size, rate or length, in constant memory."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

from seqimg.errors import UsageError
from seqimg.sequences.audio import AudioSource
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceInfo, TimedFrame
from seqimg.sequences.geometry import Crop, Size
from seqimg.sequences.limits import MAX_FPS
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import PublishingWriter, SavedSequence
from seqimg.sequences.resize import Resizer
from seqimg.sequences.save import open_writer
from seqimg.sequences.selection import Resampled, Span, resample

__all__ = ["Conversion", "Converted", "convert_sequence"]

_STRETCH = 0.02  # what rounding to whole pixels may do


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a sequence is turned into. Frames are chosen first, then cut, then resampled.

    Attributes:
        span: Which frames.
        fps: A constant rate; at each time the frame shown then, so that some are dropped or repeated.
            None keeps the frames and their times.
        crop: The part of each frame that is kept.
        size: The size that this part gets.
        quality: From 1 to 100, for formats that lose anything.
        keep_audio: Whether the sound is copied, as it is.
    """

    span: Span = field(default_factory=Span)
    fps: Fraction | None = None
    crop: Crop | None = None
    size: Size | None = None
    quality: int | None = None
    keep_audio: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """What was done.

    Attributes:
        saved: What was written.
        frames_read: Frames that were asked for and came.
        dropped: Frames that the new rate leaves out.
        repeated: Times that it shows a frame again.
    """

    saved: SavedSequence
    frames_read: int
    dropped: int
    repeated: int


def convert_sequence(
    sequence: Sequence,
    path: str | os.PathLike[str],
    conversion: Conversion = Conversion(),
    *,
    overwrite: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Converted:
    """Write a sequence in another form; dtype, channels, value range and times stay where the format has them.

    Args:
        sequence: What to convert.
        path: Where to; the suffix names the format.
        conversion: What to change.
        overwrite: Whether an existing file, or folder of frames, may be replaced.
        advance: Called after each frame read.

    Raises:
        SequenceError: No frame is in the span, a frame is damaged, or the format cannot hold the frames
            or the sound.
        SeqimgError: The path exists or cannot be written, or the disk is full. Nothing is left behind.
        UsageError: An option is wrong or means nothing for the format.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> path = Path(tmp) / "stack.npy"
        >>> np.save(path, np.zeros((50, 48, 64), np.uint16))
        >>> with open_sequence(path) as sequence:
        ...     done = convert_sequence(sequence, Path(tmp) / "half.npy", Conversion(size=Size.parse("32")))
        >>> done.saved.frame_count, np.load(done.saved.path).shape
        (50, (50, 24, 32, 1))
    """
    info, rate = sequence.info, conversion.fps
    if rate is not None and not 0 < rate <= MAX_FPS:
        raise UsageError(f"{float(rate):g} frames a second is no frame rate", why=f"at most {MAX_FPS}")
    change, counts = _Change(info, conversion), Resampled()
    feed = _Feed(sequence, conversion.span, change, advance)
    frames = iter(feed)
    if rate is not None:
        pace = (info.fps or ASSUMED_FPS) / conversion.span.every
        frames = resample(frames, rate, counts, last=float(1 / pace))
    # Whether there is a frame at all, and when the sound begins, only the first one tells.
    first = next(frames)
    with _writer(info, path, conversion, feed.began, overwrite) as writer:
        timed = rate is None and info.fps is not None
        for frame in chain([first], frames):
            writer.write(frame.pixels, frame.time - first.time if timed else None)
    notes = (*change.notes, *writer.saved.notes)
    return Converted(replace(writer.saved, notes=notes), feed.read, counts.dropped, counts.repeated)


def _writer(
    info: SequenceInfo,
    path: str | os.PathLike[str],
    conversion: Conversion,
    began: float,
    overwrite: bool,
) -> PublishingWriter:
    kept = None if info.fps is None else info.fps / conversion.span.every
    return open_writer(
        path,
        fps=conversion.fps or kept,
        value_range=info.value_range,
        overwrite=overwrite,
        pixel_aspect=info.pixel_aspect,
        quality=conversion.quality,
        audio_from=AudioSource(Path(info.path), began) if conversion.keep_audio else None,
    )


class _Feed:
    """The chosen frames, changed, and what there is to know of them.

    Args:
        sequence: Where they come from.
        span: Which.
        change: What is done to each.
        advance: Called after each.

    Attributes:
        read: How many came so far.
        began: When the first is shown, in seconds.
    """

    def __init__(
        self, sequence: Sequence, span: Span, change: "_Change", advance: Callable[[], None]
    ) -> None:
        self._sequence, self._span, self._change, self._advance = sequence, span, change, advance
        self.read, self.began = 0, 0.0

    def __iter__(self) -> Iterator[TimedFrame]:
        for frame in self._span.frames(self._sequence):
            self.began = frame.time if self.read == 0 else self.began
            self.read += 1
            yield replace(frame, pixels=self._change(frame.pixels))
            self._advance()


class _Change:
    """What is done to each frame.

    Args:
        info: What the frames are.
        conversion: What to change.

    Attributes:
        notes: What there is to say.
    """

    def __init__(self, info: SequenceInfo, conversion: Conversion) -> None:
        height, width = info.height, info.width
        self._part = conversion.crop.place(height, width) if conversion.crop else None
        if conversion.crop is not None:
            height, width = conversion.crop.height, conversion.crop.width
        new_height, new_width = conversion.size.of(height, width) if conversion.size else (height, width)
        self._resize = Resizer(replace(info, height=height, width=width), new_height, new_width)
        stretch = new_width * height / (new_height * width)
        self.notes = (f"stretched {stretch:.3g} times in width",) if abs(stretch - 1) > _STRETCH else ()

    def __call__(self, pixels: Pixels) -> Pixels:
        return self._resize(pixels if self._part is None else pixels[self._part])
