"""Which frames make a clip: arithmetic on numbers of frames, no pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UsageError

__all__ = [
    "SAME_RATE",
    "Picks",
    "Sampling",
    "Short",
    "clip_rate",
    "crop_corners",
    "pick",
    "resampled",
    "starts",
    "unbroken",
]

Numbers = NDArray[np.int64]

Sampling = Literal["dense", "uniform", "tsn"]
"""How a clip's frames lie in its sequence: neighbours, evenly over all of it, or one of each of its parts."""

Short = Literal["error", "drop", "pad", "loop", "repeat"]
"""What to do about a sequence shorter than a clip: refuse it, leave it out, pad with nothing, begin again,
or hold its last frame."""


SAME_RATE = 1.05
"""How many times another's a frame rate may be and still count as the same."""


@dataclass(frozen=True)
class Picks:
    """How clips are cut from a sequence.

    Attributes:
        length: Frames a clip; 0 for whole sequences.
        step: Frames from one window to the next.
        stride: Frames from one of a clip's frames to the next.
        fps: Frames a second that sequences are brought to first, by the nearest in time; 0 leaves them.
        sampling: How the frames lie in the sequence.
        views: Clips a sequence, evenly spread; 0 takes every window (`dense` only).
        streamed: Whether clips follow one another from the first frame to the last, whatever was lost between;
            the last of them is padded. `step`, `sampling`, `views` and `short` then say nothing.
        jitter: Whether clips are drawn at random within what `sampling` allows, for training.
        short: What to do about sequences shorter than a clip.

    Raises:
        UsageError: A value makes no sense.

    Example:
        >>> Picks(8, stride=2).reach
        15
    """

    length: int
    step: int = 1
    stride: int = 1
    fps: float = 0.0
    sampling: Sampling = "dense"
    views: int = 0
    jitter: bool = False
    short: Short = "drop"
    streamed: bool = False

    def __post_init__(self) -> None:
        least = (("length", 0), ("step", 1), ("stride", 1), ("fps", 0), ("views", 0))
        for name, low in least:
            value = getattr(self, name)
            if not low <= value < float("inf"):
                raise UsageError(f"{name} is {value}", why=f"it must be {low} or more")

    @property
    def reach(self) -> int:
        """Frames from a clip's first to its last, both counted; only `dense` clips have a fixed one."""
        return (self.length - 1) * self.stride + 1 if self.sampling == "dense" else self.length


def resampled(times: NDArray[np.float64], fps: float) -> Numbers:
    """Return, for each tick of a clock of `fps`, which frame is nearest in time.

    The clock starts with the first frame and stops with the last.

    Example:
        >>> resampled(np.arange(6) / 30, fps=10).tolist(), resampled(np.arange(3) / 10, fps=20).tolist()
        ([0, 3], [0, 0, 1, 1, 2])
    """
    if len(times) == 0:
        return np.arange(0)
    ticks = times[0] + np.arange(int((times[-1] - times[0]) * fps + 1e-6) + 1) / fps
    after = np.searchsorted(times, ticks).clip(1, max(len(times) - 1, 1))
    if len(times) == 1:
        return np.zeros(len(ticks), np.int64)
    # Half-way between two frames the earlier one counts, whatever the rounding.
    late = ticks - times[after - 1] > times[after] - ticks + 1e-6
    nearest: Numbers = np.where(late, after, after - 1).astype(np.int64)
    return nearest


def clip_rate(rates: Sequence[float | None], picks: Picks) -> float | None:
    """Return how many frames clips have a second; None where that differs, or nothing says it.

    Args:
        rates: Frames a second of each sequence; None of one without times.
        picks: How clips are cut from them.

    Example:
        >>> clip_rate([25, 24.8], Picks(8, stride=2)), clip_rate([25, 50], Picks(8)), clip_rate([None], Picks(8))
        (12.4, None, None)
        >>> clip_rate([25, 50, None], Picks(8, fps=10))
        10.0
    """
    if picks.sampling != "dense":
        return None
    found = [picks.fps or rate or 0.0 for rate in rates]
    least = min(found, default=0.0)
    return least / picks.stride if 0 < max(found, default=0.0) <= SAME_RATE * least else None


def unbroken(lost: Numbers, picks: Picks) -> list[range]:
    """Return the stretches of frames that clips are cut from: none reaches across frames that were lost.

    Those too short for a clip count for nothing; if all are, the longest is what there is. Clips that are
    spread over a whole sequence take it as it is.

    Args:
        lost: For each frame, how many were lost before it.
        picks: How clips are cut.

    Example:
        >>> unbroken(np.array([0, 0, 0, 1, 1, 1, 1, 7]), Picks(3)), unbroken(np.array([0, 0, 2]), Picks(3))
        ([range(0, 3), range(3, 7)], [range(0, 2)])
    """
    if picks.sampling != "dense" or not picks.length or picks.streamed or len(lost) < 2:
        return [range(len(lost))]
    ends = [0, *(np.flatnonzero(np.diff(lost)) + 1).tolist(), len(lost)]
    runs = [range(first, end) for first, end in pairwise(ends)]
    return [run for run in runs if len(run) >= picks.reach] or [max(runs, key=len)]


def starts(count: int, picks: Picks) -> list[int]:
    """Return the first frame of every window over `count` frames, or the number of every view.

    Example:
        >>> starts(10, Picks(4, step=3)), starts(10, Picks(4, views=2))
        ([0, 3, 6], [0, 1])
        >>> starts(3, Picks(4)), starts(3, Picks(4, short="pad"))
        ([], [0])
    """
    if picks.streamed:
        return list(range(0, count, picks.length * picks.stride))
    if count == 0 or (count < picks.reach and picks.short in ("drop", "error")):
        return []
    if picks.views or picks.sampling != "dense" or not picks.length:
        return list(range(max(picks.views, 1)))
    return list(range(0, max(count - picks.reach, 0) + 1, picks.step))


def pick(
    count: int,
    picks: Picks,
    start: int,
    rng: np.random.Generator | None = None,
    runs: Sequence[range] = (),
) -> tuple[Numbers, int]:
    """Return which of `count` frames make a clip, and how many there are before padding.

    Args:
        count: Frames there are.
        picks: How clips are cut.
        start: One of `starts(count, picks)`.
        rng: Source of `jitter`; None is the middle of what it could be.
        runs: The stretches that views must lie in, as `unbroken` returns them; none for all frames.

    Returns:
        Numbers of frames; fewer than a clip's where it is to be padded.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> for picks in Picks(3, stride=2), Picks(3, sampling="uniform"), Picks(12, short="loop"):
        ...     print(pick(9, picks, 0, rng)[0].tolist())
        [0, 2, 4]
        [1, 4, 7]
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2]
    """
    chosen: NDArray[np.generic]
    if not picks.length:
        chosen = np.arange(0, count, picks.stride)
    elif picks.streamed:
        chosen = np.arange(start, min(start + picks.length * picks.stride, count), picks.stride)
    elif count < picks.reach and picks.short == "pad":
        chosen = np.arange(0, count, picks.stride if picks.sampling == "dense" else 1)
    elif picks.sampling == "dense":
        first = _first(runs or [range(count)], picks, start, rng)
        chosen = first + picks.stride * np.arange(picks.length)
        chosen = chosen % count if picks.short == "loop" else chosen.clip(max=count - 1)
    else:
        chosen = _spread(count, picks, start, rng)
    return chosen.astype(np.int64), len(chosen)


def _first(runs: Sequence[range], picks: Picks, start: int, rng: np.random.Generator | None) -> int:
    if not picks.views:
        return start
    free = [max(len(run) - picks.reach, 0) + 1 for run in runs]
    place = rng.random() if picks.jitter and rng else (start + 0.5) / picks.views
    left = int(place * sum(free))
    for run, places in zip(runs, free, strict=True):
        if left < places:
            return run.start + left
        left -= places
    raise AssertionError("a place is one of those that are free")


def _spread(count: int, picks: Picks, view: int, rng: np.random.Generator | None) -> NDArray[np.floating]:
    places = np.full(picks.length, (view + 0.5) / max(picks.views, 1))
    if picks.jitter and rng:  # one draw for all keeps frames equally far apart, one draw each does not
        places = rng.random(picks.length) if picks.sampling == "tsn" else np.full(picks.length, rng.random())
    spread: NDArray[np.floating] = np.floor((np.arange(picks.length) + places) * count / picks.length)
    return spread.clip(max=count - 1)


def crop_corners(frame: tuple[int, int], crop: tuple[int, int], count: int) -> list[tuple[int, int]]:
    """Return the top left corners of crops that look at a frame from several places.

    Args:
        frame: Height and width.
        crop: Height and width of the crops, at most the frame's.
        count: 1 for the middle, 3 along the longer side, 5 for the middle and the corners.

    Raises:
        UsageError: Another number.

    Example:
        >>> crop_corners((4, 10), (4, 4), 3)
        [(0, 0), (0, 3), (0, 6)]
    """
    down, across = frame[0] - crop[0], frame[1] - crop[1]
    middle = (down // 2, across // 2)
    if count == 1:
        return [middle]
    if count == 3:
        ends = [(0, middle[1]), (down, middle[1])] if down > across else [(middle[0], 0), (middle[0], across)]
        return [ends[0], middle, ends[1]]
    if count == 5:
        return [middle, (0, 0), (0, across), (down, 0), (down, across)]
    raise UsageError(f"{count} crops of a frame", why="there are 1, 3 or 5")
