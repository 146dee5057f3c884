"""Boxes linked into tracks from frame to frame, each with a number that it keeps while it is hidden."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from seqimg_detect.decoding import Detections

__all__ = ["Linker", "Track"]

_NEW = 0.5  # how much of a speed is the last frame's
_WIDER = 0.15  # how much a hidden thing's box grows on each side in a frame, in its own sides
_WIDEST = 1.0


@dataclass
class Track:
    """A thing that is followed: where it was last seen, how fast, and how many frames ago."""

    number: int
    label: int
    corners: NDArray[np.float64]
    speed: NDArray[np.float64]
    unseen: int = 0
    frames: int = 1

    def expected(self) -> NDArray[np.float64]:
        """Return where it should be in the next frame, `[4]`."""
        return self.corners + np.tile(self.speed, 2) * (self.unseen + 1)

    def seen(self, corners: NDArray[np.float64]) -> None:
        """Take the place it was found at."""
        way = (corners[:2] + corners[2:] - self.corners[:2] - self.corners[2:]) / 2 / (self.unseen + 1)
        self.speed = way if self.frames == 1 else _NEW * way + (1 - _NEW) * self.speed
        self.corners, self.unseen, self.frames = corners, 0, self.frames + 1


class Linker:
    """Gives boxes of one sequence, frame by frame, the numbers of the things they are around.

    Every thing is expected to go on as it went. Of all ways to pair the things with the boxes of their class
    the one of the largest total overlap is taken; then things that were hidden may take boxes near where they are
    expected, the nearer the shorter they were hidden. A box that remains begins a track. Memory does not grow
    with the number of frames.

    Args:
        gap: Frames that a thing may be hidden and keep its number.
        overlap: Least intersection over union of a box with the place where the thing is expected.
        speed: Whether things are expected to go on; if not, to be where they were.

    Example:
        >>> from seqimg_detect.decoding import Detections
        >>> def at(left):
        ...     return Detections(torch.tensor([[left, 0.0, left + 8, 8]]), torch.ones(1), torch.zeros(1).long())
        >>> none = at(0.0).keep(torch.tensor([False]))
        >>> linker = Linker(gap=2)
        >>> [linker.step(found).tolist() for found in (at(0.0), at(2.0), none, none, at(8.0), at(40.0))]
        [[1], [1], [], [], [1], [2]]
    """

    def __init__(self, *, gap: int = 8, overlap: float = 0.3, speed: bool = True) -> None:
        self.gap, self.overlap, self.speed = gap, overlap, speed
        self._tracks: list[Track] = []
        self._last = 0

    def step(self, found: "Detections") -> Tensor:
        """Take the boxes of the next frame.

        Returns:
            The number of each, `[N]` int64 from 1, on the CPU.
        """
        corners = found.corners.detach().cpu().numpy().astype(np.float64).reshape(-1, 4)
        labels = found.labels.detach().cpu().numpy()
        numbers = np.zeros(len(corners), np.int64)
        for tracks, widened in ((self._tracks, False), (self._hidden(), True)):
            free = np.flatnonzero(numbers == 0)
            waiting = [track for track in tracks if track.number not in numbers]
            for track, place in self._pairs(waiting, corners[free], labels[free], widened=widened):
                numbers[free[place]] = track.number
                track.seen(corners[free[place]])
        self._forget(set(numbers.tolist()))
        for new in np.flatnonzero(numbers == 0).tolist():
            self._last += 1
            numbers[new] = self._last
            self._tracks.append(Track(self._last, int(labels[new]), corners[new], np.zeros(2)))
        return torch.from_numpy(numbers)

    def leave(self) -> list[Track]:
        """Forget all things, at a scene cut, and return them; numbers go on."""
        tracks, self._tracks = self._tracks, []
        return tracks

    def come_back(self, tracks: list[Track], frames: int) -> None:
        """Follow things again that were left some frames ago, and none of those begun since then."""
        for track in tracks:
            track.unseen += frames
        self._tracks = [track for track in tracks if track.unseen <= self.gap]

    def _hidden(self) -> list[Track]:
        return [track for track in self._tracks if track.unseen]

    def _forget(self, seen: set[int]) -> None:
        for track in self._tracks:
            track.unseen = 0 if track.number in seen else track.unseen + 1
        self._tracks = [track for track in self._tracks if track.unseen <= self.gap]

    def _pairs(
        self, tracks: list[Track], corners: NDArray[np.float64], labels: NDArray[np.int64], *, widened: bool
    ) -> list[tuple[Track, int]]:
        """Return tracks and the places of their boxes."""
        if not tracks or not len(corners):
            return []
        expected = np.stack([track.expected() if self.speed else track.corners for track in tracks])
        wider = [min(_WIDEST, _WIDER * track.unseen) if widened else 0.0 for track in tracks]
        alike = np.concatenate(
            [
                _overlaps(_grown(box[None], by), _grown(corners, by))
                for box, by in zip(expected, wider, strict=True)
            ]
        )
        alike[np.array([track.label for track in tracks])[:, None] != labels] = 0
        alike[alike < self.overlap] = 0
        # It takes half as long as torch to load: not before the first frame.
        from scipy.optimize import linear_sum_assignment

        chosen = zip(*linear_sum_assignment(alike, maximize=True), strict=True)
        return [(tracks[one], int(other)) for one, other in chosen if alike[one, other] > 0]


def _grown(corners: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    more = (corners[:, 2:] - corners[:, :2]) * by
    return np.concatenate([corners[:, :2] - more, corners[:, 2:] + more], axis=1)


def _overlaps(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each of `[N, 4]` with each of `[M, 4]`."""
    upper = np.maximum(some[:, None, :2], others[None, :, :2])
    lower = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = (lower - upper).clip(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(0).prod(1) for boxes in (some, others)]
    found: NDArray[np.float64] = shared / np.maximum(areas[0][:, None] + areas[1] - shared, 1e-12)
    return found
