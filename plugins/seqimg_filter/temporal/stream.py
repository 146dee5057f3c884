"""What operations over time have in common."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence

from seqimg.errors import SeqimgError
from seqimg.sequences import SequenceInfo, TimedFrame

__all__ = ["StreamStep", "check_held", "windows"]

_MOST_HELD = 2**32  # bytes


class StreamStep(ABC):
    """An operation of a chain that looks at frames in their order; pixels of the frames are values.

    Attributes:
        info: What the frames are that go out.
        notes: What there is to say once they have.
    """

    def __init__(self, info: SequenceInfo) -> None:
        self.info = info
        self.notes: list[str] = []

    @abstractmethod
    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Begin a pass: yield a frame for each that comes in, holding no more than its window."""


def check_held(frame: TimedFrame, count: int) -> None:
    """Refuse to hold more frames than memory is meant for, before they are.

    Raises:
        SeqimgError: So many frames like this one are over the limit.

    Example:
        >>> import numpy as np
        >>> check_held(TimedFrame(0, 0.0, np.zeros((2160, 3840, 3), np.float32)), 1001)
        Traceback (most recent call last):
        seqimg.errors.SeqimgError: 1001 frames of 3840×2160 are too many to hold
        they would take 99.6 GB, at most 4.3 are meant for that
        Try: fewer frames, or --op rescale:scale=0.5 before it
    """
    if count * frame.pixels.nbytes > _MOST_HELD:
        height, width = frame.pixels.shape[:2]
        needed = count * frame.pixels.nbytes
        raise SeqimgError(
            f"{count} frames of {width}×{height} are too many to hold",
            why=f"they would take {needed / 1e9:.1f} GB, at most {_MOST_HELD / 1e9:.1f} are meant for that",
            hint="fewer frames, or --op rescale:scale=0.5 before it",
        )


def windows(
    frames: Iterator[TimedFrame], before: int, after: int
) -> Iterator[tuple[TimedFrame, Sequence[TimedFrame]]]:
    """Yield each frame with those about it, fewer at both ends; no more are held.

    Example:
        >>> import numpy as np
        >>> frames = (TimedFrame(i, i / 25, np.zeros((1, 1, 1))) for i in range(4))
        >>> [(frame.index, [other.index for other in window]) for frame, window in windows(frames, 1, 1)]
        [(0, [0, 1]), (1, [0, 1, 2]), (2, [1, 2, 3]), (3, [2, 3])]
    """
    held: deque[TimedFrame] = deque()
    at = 0  # where the frame to yield next stands in `held`
    for frame in frames:
        check_held(frame, before + 1 + after)
        held.append(frame)
        if len(held) - 1 - at >= after:
            yield held[at], list(held)
            if at == before:
                held.popleft()
            else:
                at += 1
    while at < len(held):
        yield held[at], list(held)
        if at == before:
            held.popleft()
        else:
            at += 1
