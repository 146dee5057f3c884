"""What is known of a scene, put aside where another begins, and taken up again where it was only interrupted."""

from dataclasses import dataclass

from torch import Tensor

from seqimg.cuts import continues, glance
from seqimg.nn import State
from seqimg.streaming import Stream
from seqimg_detect.linking import Linker, Track

__all__ = ["Scenes"]


@dataclass
class _Left:
    """A scene that was left: its last frame, what was followed in it, what was remembered, and how long ago."""

    last: Tensor
    tracks: list[Track]
    state: State | None
    age: int
    frames: int = 0


class Scenes:
    """Begins tracks anew where a frame does not continue the one before.

    A flash, a frame of noise or a glance aside is no other scene: where a frame continues the scene that was left,
    its tracks go on. Memory does not grow with the number of frames.

    Args:
        linker: What follows things.
        stream: What remembers.
        forget: Whether what was remembered is dropped at cuts too.
        gap: Frames that an interruption may last.
    """

    def __init__(self, linker: Linker | None, stream: Stream, *, forget: bool, gap: int) -> None:
        self._linker, self._stream, self._forget, self._gap = linker, stream, forget, gap
        self._last: Tensor | None = None
        self._lasted = 0
        self._left: _Left | None = None

    def step(self, frame: Tensor) -> bool:
        """Look at the next frame `[C, H, W]`, before it is worked through; return whether another scene begins."""
        before, now = self._last, glance(frame)
        self._last, self._lasted = now, self._lasted + 1
        if self._left is not None:
            self._left.frames += 1
            if self._left.frames > self._gap:
                self._left = None
        if before is None or continues(now, before):
            return False
        if self._left is not None and continues(now, self._left.last):
            self._come_back(self._left)
            return False
        self._leave(before)
        return True

    def _leave(self, last: Tensor) -> None:
        tracks = [] if self._linker is None else self._linker.leave()
        if (
            self._lasted > 2 or self._left is None
        ):  # a scene of one frame is an interruption of the one before
            self._left = _Left(last, tracks, self._stream.state if self._forget else None, self._stream.age)
        if self._forget:
            self._stream.reset("another scene")
        self._lasted = 1

    def _come_back(self, left: _Left) -> None:
        if self._linker is not None:
            self._linker.come_back(left.tracks, left.frames)
        if self._forget:
            self._stream.state, self._stream.age = left.state, left.age
        self._left, self._lasted = None, 2
