"""The work of `seqimg filter run`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain as following
from pathlib import Path
from typing import IO

from seqimg.errors import UsageError
from seqimg.sequences import AudioSource, SavedSequence, Span, TimedFrame, open_writer
from seqimg.sequences import Sequence as Source
from seqimg.sequences.base import SequenceError
from seqimg.sequences.raw.piping import RawPipe
from seqimg_filter.chain import Chain
from seqimg_filter.pipeline import Pipeline

__all__ = ["EVERYTHING", "Filtered", "Reading", "filter_sequence", "pipe_sequence"]

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
    with _begun(sequence, chain, others, span, workers, advance) as work:
        first = work.first
        with open_writer(
            path,
            fps=None if info.fps is None else info.fps / span.every,
            value_range=work.pipeline.info.value_range,
            fill_value=work.pipeline.info.fill_value,
            overwrite=overwrite,
            pixel_aspect=info.pixel_aspect,
            quality=quality,
            audio_from=AudioSource(Path(info.path), first.time) if keep_audio else None,
        ) as writer:
            for frame in following([first], work.frames):
                writer.write(frame.pixels, frame.time - first.time if info.fps is not None else None)
    saved = writer.saved
    return Filtered(saved, work.reading.count, (*work.pipeline.notes(), *saved.notes))


def pipe_sequence(
    sequence: Source,
    file: IO[bytes],
    chain: Chain,
    *,
    others: Sequence[Source] = (),
    span: Span = EVERYTHING,
    workers: int = 0,
    say: Callable[[str], object] = lambda text: None,
    advance: Callable[[], object] = lambda: None,
) -> Filtered:
    """Apply a chain to a sequence and hand on what comes of it as raw pixels, each frame at once.

    Arguments and errors are those of `filter_sequence`, and `say` is told how the pixels are read.
    """
    with _begun(sequence, chain, others, span, workers, advance) as work:
        height, width = work.first.pixels.shape[:2]
        rate = None if sequence.info.fps is None else sequence.info.fps / span.every
        pipe = RawPipe(file, replace(work.pipeline.info, height=height, width=width, fps=rate))
        say(f"Raw {pipe.pixels} on standard output: {pipe.command}")
        count = 0
        for frame in following([work.first], work.frames):
            pipe.write(frame.pixels)
            count += 1
    saved = SavedSequence(Path("-"), count, pipe.pixels, pipe.notes)
    return Filtered(saved, work.reading.count, (*work.pipeline.notes(), *saved.notes))


@dataclass(frozen=True, slots=True)
class _Work:
    """A pipeline that has given its first frame."""

    pipeline: Pipeline
    reading: "Reading"
    first: TimedFrame
    frames: Iterator[TimedFrame]


@contextmanager
def _begun(
    sequence: Source,
    chain: Chain,
    others: Sequence[Source],
    span: Span,
    workers: int,
    advance: Callable[[], object],
) -> Iterator[_Work]:
    """Start a pipeline; its workers end with the block."""
    pipeline, reading = Pipeline(chain, sequence.info, others), Reading(sequence, span, advance)
    with closing(pipeline.frames(iter(reading), workers)) as frames:
        # Only with a frame in hand is it certain that there is something to write, and when the sound begins.
        first = next(frames, None)
        if first is None:
            raise SequenceError(f"{sequence.info.path} gave no frames", why="one of the sequences has none")
        yield _Work(pipeline, reading, first, frames)


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
