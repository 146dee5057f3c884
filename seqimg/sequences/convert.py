"""`convert_sequence`: a sequence in another format, size, rate or length, in constant memory."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

from seqimg.errors import UsageError
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceInfo, TimedFrame
from seqimg.sequences.geometry import Crop, Size
from seqimg.sequences.limits import MAX_FPS
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import PublishingWriter, SavedSequence
from seqimg.sequences.resize import Resizer
from seqimg.sequences.save import open_writer
from seqimg.sequences.selection import Resampled, Span, resample
from seqimg.sequences.video.audio import AudioSource

__all__ = ["ChangedFrames", "Conversion", "Converted", "convert_sequence"]

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

    Example:
        >>> Conversion(fps=Fraction(25), crop=Crop.parse("320x240"), size=Size.parse("160")).keep_audio
        False
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

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> np.save(Path(tmp) / "long.npy", np.zeros((6, 8, 8, 3), np.uint8))
        >>> with open_sequence(Path(tmp) / "long.npy") as sequence:
        ...     done = convert_sequence(sequence, Path(tmp) / "short.npy", Conversion(span=Span(every=2)))
        >>> done.frames_read, done.saved.frame_count, done.dropped
        (3, 3, 0)
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
    frames = ChangedFrames(sequence, conversion, advance)
    if conversion.keep_audio and (frames.info.live or not Path(frames.info.path).is_file()):
        raise UsageError(f"cannot keep the sound of {frames.info.path}", why="it is no file")
    # Whether there is a frame at all, and when the sound begins, only the first one tells.
    passing = iter(frames)
    first = next(passing)
    with _writer(frames, path, overwrite) as writer:
        for frame in chain([first], passing):
            writer.write(frame.pixels, frame.time - first.time if frames.is_timed else None)
    saved = replace(writer.saved, notes=(*frames.notes, *writer.saved.notes))
    return Converted(saved, frames.read, frames.counts.dropped, frames.counts.repeated)


class ChangedFrames:
    """The frames of a sequence as a conversion wants them, one by one, and what they are.

    Args:
        sequence: Where they come from.
        conversion: What to change.
        advance: Called after each that is read.

    Attributes:
        conversion: What is changed.
        info: What the changed frames are.
        is_timed: Whether their times are their own rather than a constant rate's.
        notes: What there is to say of the change.
        read: How many were read so far.
        began: When the first is shown, in seconds of the source.
        counts: What became of them at the new rate.

    Raises:
        SequenceError: The new size is over the limits.
        UsageError: The crop reaches beyond the frame, or the rate is none.
    """

    def __init__(
        self, sequence: Sequence, conversion: Conversion, advance: Callable[[], None] = lambda: None
    ) -> None:
        info, rate = sequence.info, conversion.fps
        if rate is not None and not 0 < rate <= MAX_FPS:
            raise UsageError(f"{float(rate):g} frames a second is no frame rate", why=f"at most {MAX_FPS}")
        self._sequence, self._change, self._advance = sequence, _Change(info, conversion), advance
        self.conversion, self.counts = conversion, Resampled()
        height, width = self._change.size
        kept = None if info.fps is None else info.fps / conversion.span.every
        self.info = replace(
            info, height=height, width=width, fps=rate or kept, frame_count=None, codec=None, notes=()
        )
        self.is_timed = rate is None and info.fps is not None
        self.notes = self._change.notes
        self.read, self.began = 0, 0.0

    def __iter__(self) -> Iterator[TimedFrame]:
        rate, frames = self.conversion.fps, self._changed()
        if rate is None:
            return frames
        pace = (self._sequence.info.fps or ASSUMED_FPS) / self.conversion.span.every
        return resample(frames, rate, self.counts, last=float(1 / pace))

    def _changed(self) -> Iterator[TimedFrame]:
        for frame in self.conversion.span.frames(self._sequence):
            self.began = frame.time if self.read == 0 else self.began
            self.read += 1
            yield replace(frame, pixels=self._change(frame.pixels))
            self._advance()


def _writer(frames: ChangedFrames, path: str | os.PathLike[str], overwrite: bool) -> PublishingWriter:
    info = frames.info
    return open_writer(
        path,
        fps=info.fps,
        value_range=info.value_range,
        fill_value=info.fill_value,
        overwrite=overwrite,
        pixel_aspect=info.pixel_aspect,
        quality=frames.conversion.quality,
        audio_from=AudioSource(Path(info.path), frames.began) if frames.conversion.keep_audio else None,
    )


class _Change:
    """What is done to each frame.

    Args:
        info: What the frames are.
        conversion: What to change.

    Attributes:
        size: Height and width afterwards.
        notes: What there is to say.
    """

    def __init__(self, info: SequenceInfo, conversion: Conversion) -> None:
        height, width = info.height, info.width
        self._part = conversion.crop.place(height, width) if conversion.crop else None
        if conversion.crop is not None:
            height, width = conversion.crop.height, conversion.crop.width
        self.size = conversion.size.of(height, width) if conversion.size else (height, width)
        self._resize = Resizer(replace(info, height=height, width=width), *self.size)
        stretch = self.size[1] * height / (self.size[0] * width)
        self.notes = (f"stretched {stretch:.3g} times in width",) if abs(stretch - 1) > _STRETCH else ()

    def __call__(self, pixels: Pixels) -> Pixels:
        return self._resize(pixels if self._part is None else pixels[self._part])
