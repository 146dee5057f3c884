"""A chain at work on a sequence, frame by frame, in constant memory."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from typing import Any, TypeAlias

from seqimg.plugins import resolve
from seqimg.sequences import Sequence as Source
from seqimg.sequences import SequenceInfo, TimedFrame
from seqimg_filter.chain import Chain
from seqimg_filter.pool import Pool, placed
from seqimg_filter.stage import Stage
from seqimg_filter.table import operation
from seqimg_filter.temporal.stream import StreamStep
from seqimg_filter.words import Call

__all__ = ["Pipeline"]

_Part: TypeAlias = Stage | StreamStep


class Pipeline:
    """A chain, made ready for the frames of one source.

    Args:
        chain: The operations.
        info: What the source is.
        others: What `--with` names.

    Attributes:
        info: What comes of it; of height and width only the frames themselves tell.

    Raises:
        UsageError: An operation cannot work on such frames.
        UnavailableError: The code of an operation does not load.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> path = Path(tmp) / "stack.npy"
        >>> np.save(path, np.full((3, 8, 8), 200, np.uint8))
        >>> with open_sequence(path) as sequence:
        ...     pipeline = Pipeline(Chain.parse(["invert", "temporal_mean:frames=3"]), sequence.info)
        ...     [int(frame.pixels[0, 0, 0]) for frame in pipeline.frames(sequence.timed())]
        [55, 55, 55]
    """

    def __init__(self, chain: Chain, info: SequenceInfo, others: Sequence[Source] = ()) -> None:
        self._parts: list[_Part] = []
        groups = [
            (is_frame, list(calls))
            for is_frame, calls in groupby(chain.calls, lambda call: operation(call.name).role == "frame")
        ]
        if not groups or not groups[0][0]:
            groups.insert(0, (True, []))
        if not groups[-1][0]:
            groups.append((True, []))
        for place, (is_frame, calls) in enumerate(groups):
            parts = (
                [Stage(calls, info, from_pixels=place == 0, into_pixels=place == len(groups) - 1)]
                if is_frame
                else _streams(calls, info, others)
            )
            self._parts += parts
            info = parts[-1].info
        self.info = info

    def notes(self) -> tuple[str, ...]:
        """Return what there is to say of the work, as far as it is done."""
        return tuple(note for part in self._parts if isinstance(part, StreamStep) for note in part.notes)

    def frames(self, frames: Iterator[TimedFrame], workers: int = 0) -> Generator[TimedFrame, None, None]:
        """Yield what comes of a source's frames.

        Args:
            frames: They, `[H, W, C]` in the source's dtype.
            workers: Processes that do what looks at single frames; 0 does all in this one.

        Raises:
            SeqimgError: A frame cannot be worked on, or a worker died.
        """
        stages = [part for part in self._parts if isinstance(part, Stage)]
        with ExitStack() as opened:
            # Only to change the form of a frame, no process is worth its pipes.
            pool = (
                opened.enter_context(Pool(stages, workers))
                if workers and any(s.calls for s in stages)
                else None
            )
            for part in self._parts:
                if isinstance(part, StreamStep):
                    frames = part.frames(frames)
                elif pool is not None and part.calls:
                    frames = pool.map(stages.index(part), frames)
                else:
                    frames = _here(part, frames)
            yield from frames


def _streams(calls: Sequence[Call], info: SequenceInfo, others: Sequence[Source]) -> list[Any]:
    parts: list[StreamStep] = []
    for call in calls:
        entry = operation(call.name)
        values = {**entry.constant, **entry.values(call)}
        make = resolve(entry.target)
        parts.append(make(info, others, **values) if entry.role == "compose" else make(info, **values))
        info = parts[-1].info
    return parts


def _here(stage: Stage, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
    for frame in frames:
        with placed(frame):
            done = stage(frame.pixels)
        yield replace(frame, pixels=done)
