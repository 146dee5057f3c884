"""Eight kinds of motion over photographs that only the order of the frames tells apart."""

from math import log

import numpy as np
from numpy.typing import NDArray

from seqimg.data.generators.camera import camera_move, pixel_grid
from seqimg.data.generators.generator import Frames8, Split, check_request, generator_rng
from seqimg.data.generators.photographs import PHOTOGRAPHS
from seqimg.data.generators.samples import Sample
from seqimg.errors import UsageError, did_you_mean

__all__ = ["MOTIONS", "motion"]

MOTIONS = (
    "pan-right",
    "pan-left",
    "zoom-in",
    "zoom-out",
    "turn-clockwise",
    "turn-anticlockwise",
    "appear",
    "disappear",
)
"""The classes; each pair is one motion forwards and backwards."""

_PAN = 3 / 64  # fastest pan: shorter sides per frame
_TURN = 0.06  # fastest turn: radians per frame
_ZOOM = 0.04  # fastest zoom: natural logarithm of the scale per frame
_TRAVEL, _TURNED, _ZOOMED = 1.2, 1.5, log(2.5)  # longest way, widest turn and strongest zoom of a sequence
_SLOWEST = 0.5  # of the fastest
_DRIFT = 0.2  # what a sequence moves beside its class, in fastest pans
_ASLANT = 0.3  # radians a pan may rise or fall
_RADIUS = (0.18, 0.32)  # of what appears, in shorter sides
_CHUNK = 2**17  # pixels blended at a time, bounds the temporaries


def motion(
    index: int,
    *,
    length: int,
    size: tuple[int, int],
    seed: int,
    split: Split,
    kind: str = "all",
) -> Sample:
    """Make a sequence of one of eight classes of motion over a real photograph.

    | class | backwards it is | what the camera does |
    |---|---|---|
    | pan-right | pan-left | looks further right, rising or falling a little |
    | zoom-in | zoom-out | comes closer |
    | turn-clockwise | turn-anticlockwise | turns about its axis, so that the picture turns the other way |
    | appear | disappear | stays; a disc cut from another photograph grows from nothing |

    All sequences drift a little as well. A sequence of the second class of a pair is one of the first
    played backwards, frame by frame, drawn in the same way from its own random numbers: single frames, or
    frames in any order, say nothing about which of the two it is, and a model that ignores order can't
    be right more than half of the time. Sequence `index` has class `index % 8`.

    Args:
        index: Which sequence, 0 or more.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set, 0 or more.
        split: Which photographs.
        kind: `all`, or the one class to make.

    Returns:
        Frames `[T, H, W, 3]`, uint8 RGB, 0..255, and the class as label.

    Raises:
        UsageError: An argument is out of its range.
        UnavailableError: The installed scikit-image lacks its photographs.

    Example:
        >>> motion(2, length=8, size=(48, 64), seed=0, split="train").label
        'zoom-in'
        >>> forwards, backwards = (
        ...     motion(0, length=8, size=(48, 64), seed=0, split="train", kind=kind).frames
        ...     for kind in ("appear", "disappear")
        ... )
        >>> bool((forwards == backwards[::-1]).all())
        True
    """
    check_request(index, length=length, size=size, seed=seed, split=split, channels=3)
    if kind not in ("all", *MOTIONS):
        raise UsageError(
            f"no motion {kind!r}",
            why=f"there are all, {', '.join(MOTIONS)}",
            hint=did_you_mean(kind, MOTIONS),
        )
    which = index % len(MOTIONS) if kind == "all" else MOTIONS.index(kind)
    rng = generator_rng("motion", index, seed, split)
    frames = _forwards(rng, which // 2, length, size, split)
    return Sample(frames[::-1].copy() if which % 2 else frames, label=MOTIONS[which], classes=MOTIONS)


def _forwards(
    rng: np.random.Generator, pair: int, length: int, size: tuple[int, int], split: Split
) -> Frames8:
    """Make the first class of a pair."""
    steps, side = max(1, length - 1), min(size)
    fastest = min(_PAN, _TRAVEL / steps) * side
    strength = rng.uniform(_SLOWEST, 1.0)
    pan = _DRIFT * fastest * rng.random() * np.exp(2j * np.pi * rng.random())
    aslant = np.exp(1j * rng.uniform(-_ASLANT, _ASLANT))
    rate = 0j
    match pair:
        case 0:
            pan = complex(strength * fastest * aslant)
        case 1:
            rate = complex(-strength * min(_ZOOM, _ZOOMED / steps))
        case 2:
            rate = 1j * strength * min(_TURN, _TURNED / steps)
    names = [PHOTOGRAPHS[split][place] for place in rng.permutation(len(PHOTOGRAPHS[split]))[:2]]
    frames = camera_move(rng, names[0], complex(pan), rate, length=length, size=size, split=split).frames(
        size
    )
    if pair == 3:
        other = camera_move(rng, names[1], 0j, 0j, length=1, size=size, split=split).frames(size)[0]
        _grow(frames, other, rng)
    return frames


def _grow(frames: Frames8, other: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Let a disc of `other` `[H, W, 3]` grow over `frames` from nothing to its full size."""
    length, height, width, _ = frames.shape
    side = min(height, width)
    radius = side * rng.uniform(*_RADIUS)
    place = (rng.random(2) - 0.5) * (np.array([width, height]) - 2 * radius).clip(0)
    way = _DRIFT * _PAN * side * rng.random() * np.exp(2j * np.pi * rng.random())
    time = np.arange(length)
    grown = radius * (1 - np.cos(np.pi * time / max(1, length - 1))) / 2  # gently at both ends
    grid, top = pixel_grid((height, width)), other.astype(np.float32)
    step = max(1, _CHUNK // (height * width))
    for start in range(0, length, step):
        part = slice(start, start + step)
        centre = complex(*place) + way * (time[part] - (length - 1) / 2)
        apart = np.abs(grid - centre[:, None, None])
        # An edge one pixel wide; nothing at all of a disc of radius 0.
        cover = (grown[part, None, None] - apart + 0.5).clip(0, 1) * (grown[part, None, None] > 0)
        below = frames[part].astype(np.float32)
        below += cover[..., None].astype(np.float32) * (top - below)
        frames[part] = np.rint(below).astype(np.uint8)
