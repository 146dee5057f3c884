"""Digits that bounce about a black canvas."""

from collections.abc import Sequence
from math import pi
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from seqimg.data.generators.digits import drawings
from seqimg.data.generators.generator import Frames8, Split, check_request, draws
from seqimg.errors import UsageError

__all__ = ["Placement", "moving_digits", "moving_digits_batch"]

Placement: TypeAlias = Literal["exact", "pixel"]
"""How digits move between pixels: smoothly, or from one whole pixel to another."""

_SIDE = 0.4375  # of a digit's square, in canvas heights: 28 of 64 pixels
_STEP = 0.1  # the way of one frame, in free ways: 3.6 of 36 pixels on a canvas of 64
_MOST_DIGITS = 64
_GRID = 64  # places within half a pixel that a digit can have: with 8 bits of brightness all sums are exact
_CHUNK = 2**23  # pixels of all digits prepared at a time, bounds the temporaries
_HOT = 2**19  # pixels laid at a time: they stay in the processor's cache
_DRAWS = 5  # random numbers for a digit: which, which drawing, top, left, direction


def moving_digits(
    index: int,
    *,
    length: int,
    size: tuple[int, int],
    seed: int,
    split: Split,
    digits: int = 2,
    speed: float = _STEP,
    placement: Placement = "exact",
    idx: Path | None = None,
) -> Frames8:
    """Make a sequence of bouncing digits, in the manner of Moving MNIST.

    A digit's square has 7/16 of the canvas's shorter side s (28 of 64 pixels) and is free to move by
    L = (height, width) - 7/16 s. Its corner is at

        q(t) = L - |(q0 + v t) mod 2 L - L|,    |v| = speed * s (1 - 7/16)   (3.6 pixels per frame for 64)

    on each axis: an exact bounce, also between frames. q0 and the direction are random. A pixel is the mean
    of the drawing over its area (places are exact to 1/256 pixel), so a digit's total brightness does not
    change with its place; with `placement="pixel"` corners are rounded down to whole pixels, as the data sets
    of the papers do. Where digits overlap, the brighter one is seen. Digits are drawn in Pillow's own font,
    each in 8,000 ways for training and 1,000 each for validation and test, or taken from an IDX file.

    Args:
        index: Which sequence, 0 or more.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set, 0 or more.
        split: Which drawings of the digits.
        digits: How many there are, 1 to 64.
        speed: The way of one frame, in ways free along the shorter side; 0 to 1.
        placement: `exact` or `pixel`.
        idx: An IDX file of pictures, plain or gzipped, such as MNIST's `train-images-idx3-ubyte.gz`. The first
            four fifths are for training, then a tenth each for validation and test.

    Returns:
        Frames `[T, H, W, 1]`, uint8, 0..255.

    Raises:
        UsageError: An argument is out of its range.
        SeqimgError: The IDX file cannot be used.

    Example:
        >>> moving_digits(0, length=20, size=(64, 64), seed=0, split="train").shape
        (20, 64, 64, 1)
    """
    frames: Frames8 = moving_digits_batch(
        [index],
        length=length,
        size=size,
        seed=seed,
        split=split,
        digits=digits,
        speed=speed,
        placement=placement,
        idx=idx,
    )[0]
    return frames


def moving_digits_batch(
    indices: Sequence[int],
    *,
    length: int,
    size: tuple[int, int],
    seed: int,
    split: Split,
    digits: int = 2,
    speed: float = _STEP,
    placement: Placement = "exact",
    idx: Path | None = None,
) -> Frames8:
    """Make many sequences at once: [moving_digits][seqimg.data.generators.moving_digits] of each, but quicker.

    Args:
        indices: Which sequences.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set.
        split: Which drawings of the digits.
        digits: How many there are.
        speed: The way of one frame.
        placement: `exact` or `pixel`.
        idx: An IDX file of pictures.

    Returns:
        Frames `[N, T, H, W, 1]`, uint8, 0..255.

    Raises:
        UsageError: An argument is out of its range, or all frames would take more than 2 GiB.
        SeqimgError: The IDX file cannot be used.

    Example:
        >>> frames = moving_digits_batch(range(3), length=5, size=(32, 48), seed=0, split="test", digits=1)
        >>> frames.shape
        (3, 5, 32, 48, 1)
    """
    check_request(
        min(indices, default=0), length=length * len(indices), size=size, seed=seed, split=split, channels=1
    )
    _check_options(digits, speed, placement)
    side = round(_SIDE * min(size))
    free = np.array([size[0] - side, size[1] - side], np.float64)
    random = draws("moving_digits", indices, seed, split, digits * _DRAWS).reshape(-1, digits, _DRAWS)
    angle = (2 * random[..., 4] - 1) * pi
    velocity = speed * free.min() * np.stack([np.sin(angle), np.cos(angle)], axis=-1)  # [N, D, 2]
    start = random[..., 2:4] * free

    frames = np.empty((len(indices), length, *size, 1), np.uint8)
    area = size[0] * size[1]
    together = max(1, _CHUNK // (length * area * digits))
    at_once = max(1, _CHUNK // (together * area * digits))
    for first in range(0, len(indices), together):
        some = slice(first, first + together)
        movers = [
            _Mover(drawings(random[some, digit, :2], side, split=split, idx=idx), placement, free)
            for digit in range(digits)
        ]
        for begin in range(0, length, at_once):
            time = np.arange(begin, min(begin + at_once, length))[:, None, None]
            way = start[some, None] + velocity[some, None] * time  # [n, t, D, 2]
            corner = free - np.abs(way % (2 * free) - free)
            part = frames[some, begin : begin + at_once, :, :, 0]
            _lay(part, [mover(corner[:, :, digit]) for digit, mover in enumerate(movers)])
    return frames


def _check_options(digits: int, speed: float, placement: str) -> None:
    if not 1 <= digits <= _MOST_DIGITS:
        raise UsageError(f"digits is {digits}", why=f"it must be 1 to {_MOST_DIGITS}")
    if not 0 <= speed <= 1:
        raise UsageError(f"speed is {speed}", why="it must be 0 to 1")
    if placement not in ("exact", "pixel"):
        raise UsageError(f"placement is {placement!r}", why="it must be exact or pixel")


class _Mover:
    """Pictures `[n, s, s]` at places between pixels.

    Called with corners `[n, t, 2]`, it returns patches `[n, t or 1, h, w]` and their corners in whole pixels.
    """

    def __init__(self, pictures: NDArray[np.uint8], placement: Placement, free: NDArray[np.float64]) -> None:
        self._pictures, self._free = pictures, free.astype(np.intp)
        self._sources = _half_pixels(pictures) if placement == "exact" else None

    def __call__(self, corner: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        if self._sources is None:
            return self._pictures[:, None], corner.astype(np.intp)
        return _between(self._sources, corner, self._free)


def _half_pixels(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Move `[n, s, s]` by 0, 1 and 2 half pixels down and across: `[n, 9, (s + 1)²]`, whole numbers."""
    count, side, _ = pictures.shape
    twice = np.zeros((count, 2 * side + 4, 2 * side + 4), np.uint16)
    twice[:, 2:-2, 2:-2] = pictures.repeat(2, axis=1).repeat(2, axis=2)
    pairs = twice[:, :-1] + twice[:, 1:]
    means = (pairs[:, :, :-1] + pairs[:, :, 1:] + 2) >> 2  # a pixel's mean, from every half pixel on
    moved = np.empty((count, 3, 3, side + 1, side + 1), np.float32)
    for down in range(3):
        for across in range(3):
            moved[:, down, across] = means[:, 2 - down :: 2, 2 - across :: 2][:, : side + 1, : side + 1]
    return moved.reshape(count, 9, -1)


def _between(
    sources: NDArray[np.float32], corner: NDArray[np.float64], free: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Blend the four half-pixel moves around `corner` `[n, t, 2]`: patches `[n, t, s + 1, s + 1]` and their corners.

    The sum is exact in float32, so it is the same on every machine and in every batch.
    """
    places = np.rint(corner * (2 * _GRID)).astype(np.intp)
    first = np.minimum(places // (2 * _GRID), free - 1)
    half, rest = np.divmod(places - first * (2 * _GRID), _GRID)  # [n, t, 2], half pixels 0..2
    weights = np.zeros((*corner.shape, 4), np.float32)
    np.put_along_axis(weights, half[..., None], (_GRID - rest)[..., None], axis=-1)
    np.put_along_axis(weights, half[..., None] + 1, rest[..., None], axis=-1)
    both = weights[:, :, 0, :3, None] * weights[:, :, 1, None, :3]
    mixed = both.reshape(*corner.shape[:2], 9) @ sources  # [n, t, (s + 1)²]
    mixed += _GRID**2 / 2
    mixed *= 1 / _GRID**2
    side = round(mixed.shape[-1] ** 0.5)
    return mixed.astype(np.uint8).reshape(*corner.shape[:2], side, side), first


def _lay(frames: Frames8, laid: Sequence[tuple[NDArray[np.uint8], NDArray[np.intp]]]) -> None:
    """Lay patches `[n, t or 1, h, w]` over black `frames` `[n, t, H, W]`, top left at their corners `[n, t, 2]`.

    The rows of a patch, a frame's row apart, are one stretch of the frame's memory: with zeros between them
    it is laid in one piece, and `maximum` leaves what is under the zeros.
    """
    width = frames.shape[3]
    step, jump = frames.strides[:2]
    number, time = np.ogrid[: frames.shape[0], : frames.shape[1]]
    origin = number * step + time * jump
    rows, columns = laid[0][0].shape[2:]
    stretch = (rows - 1) * width + columns
    # Every stretch of the memory behind `frames`, which is a slice along its first two axes.
    reach = int(origin[-1, -1]) + frames.shape[2] * width - stretch + 1
    windows = as_strided(frames, (reach, stretch), (1, 1))
    layers = []
    for patches, corner in laid:
        stretches = np.zeros((*patches.shape[:2], rows, width), np.uint8)
        stretches[..., :columns] = patches
        flat = stretches.reshape(*patches.shape[:2], -1)[..., :stretch]
        layers.append((flat, origin + corner[..., 0] * width + corner[..., 1]))
    few = max(1, _HOT // frames[0].size)
    for first in range(0, len(frames), few):
        some = slice(first, first + few)
        frames[some] = 0
        for digit, (flat, places) in enumerate(layers):
            place = places[some]
            if digit == 0:
                windows[place] = flat[some]
            else:
                under = windows[place]
                windows[place] = np.maximum(under, flat[some], out=under)
