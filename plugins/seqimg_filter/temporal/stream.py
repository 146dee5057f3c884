"""What operations over time have in common."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence

from seqimg.sequences import SequenceInfo, TimedFrame

__all__ = ["StreamStep", "windows"]


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
