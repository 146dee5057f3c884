"""The work of `seqimg filter run`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain as following
from pathlib import Path

from seqimg.errors import UsageError
from seqimg.sequences import AudioSource, SavedSequence, Span, TimedFrame, open_writer
from seqimg.sequences import Sequence as Source
from seqimg.sequences.base import SequenceError
from seqimg_filter.chain import Chain
from seqimg_filter.pipeline import Pipeline

__all__ = ["EVERYTHING", "Filtered", "Reading", "filter_sequence"]

EVERYTHING = Span()
"""All frames of a sequence."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """What was done.

    Attributes:
        saved: What was written.
        frames_read: Frames of the source.
        notes: What there is to say of the operations.
    """

    saved: SavedSequence
    frames_read: int
    notes: tuple[str, ...]


def filter_sequence(
    sequence: Source,
    path: Path,
    chain: Chain,
    *,
    others: Sequence[Source] = (),
    span: Span = EVERYTHING,
    workers: int = 0,
    overwrite: bool = False,
    keep_audio: bool = False,
    quality: int | None = None,
    advance: Callable[[], object] = lambda: None,
) -> Filtered:
    """Apply a chain to a sequence and write what comes of it, in constant memory.

    Times of frames, the shape of pixels, value range and missing values stay where the format has them.

    Args:
        sequence: The source.
        path: Where to; the suffix names the format.
        chain: The operations.
        others: Sequences that operations put together with it, counted from 1.
        span: Which frames of the source.
        workers: Processes for operations on single frames; 0 does all in this one.
        overwrite: Whether what is there may be replaced.
        keep_audio: Whether the sound is copied.
        quality: From 1 to 100, for formats that lose anything.
        advance: Called after each frame that was read.

    Raises:
        SeqimgError: A frame cannot be read or worked on, a worker died, or the target cannot be written.
            Nothing is left behind.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> np.save(Path(tmp) / "stack.npy", np.zeros((4, 8, 8), np.uint16))
        >>> with open_sequence(Path(tmp) / "stack.npy") as sequence:
        ...     done = filter_sequence(sequence, Path(tmp) / "white.npy", Chain.parse(["invert"]))
        >>> done.frames_read, int(np.load(Path(tmp) / "white.npy").min())
        (4, 65535)
    """
    info = sequence.info
    if keep_audio and (info.live or not Path(info.path).is_file()):
        raise UsageError(f"cannot keep the sound of {info.path}", why="it is no file")
    pipeline = Pipeline(chain, info, others)
    reading = Reading(sequence, span, advance)
    with ExitStack() as opened:
        frames = pipeline.frames(iter(reading), workers)
        opened.callback(frames.close)
        # Only with a frame in hand is it certain that there is something to write, and when the sound begins.
        first = next(frames, None)
        if first is None:
            raise SequenceError(f"{info.path} gave no frames", why="one of the sequences has none")
        writer = opened.enter_context(
            open_writer(
                path,
                fps=None if info.fps is None else info.fps / span.every,
                value_range=pipeline.info.value_range,
                fill_value=pipeline.info.fill_value,
                overwrite=overwrite,
                pixel_aspect=info.pixel_aspect,
                quality=quality,
                audio_from=AudioSource(Path(info.path), first.time) if keep_audio else None,
            )
        )
        for frame in following([first], frames):
            writer.write(frame.pixels, frame.time - first.time if info.fps is not None else None)
    saved = writer.saved
    return Filtered(saved, reading.count, (*pipeline.notes(), *saved.notes))


class Reading:
    """The frames of a source, counted; errors of reading are told as such."""

    def __init__(self, sequence: Source, span: Span, advance: Callable[[], object]) -> None:
        self._sequence, self._span, self._advance = sequence, span, advance
        self.count = 0

    def __iter__(self) -> Iterator[TimedFrame]:
        info = self._sequence.info
        try:
            for frame in self._span.frames(self._sequence):
                self.count += 1
                yield frame
                self._advance()
        except OSError as error:  # or it would pass for one of the file being written
            raise SequenceError(f"cannot read {info.path}", why=error.strerror or str(error)) from error
