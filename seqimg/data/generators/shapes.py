"""Discs, squares, triangles, crosses and bars, drawn so that a pixel belongs to one or does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, pi

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHAPES", "Thing", "bar", "colours", "paint"]

SHAPES = ("disc", "square", "triangle", "cross")
"""The kinds of shapes, in the order of their numbers."""


@dataclass(frozen=True)
class Thing:
    """A shape and its way.

    Attributes:
        shape: Its number in `SHAPES`.
        radius: Of the circle around it, in pixels.
        colour: `[3]`, 0..255.
        centre: `[T]` complex, x + iy in pixels, at each frame.
        angle: `[T]`, how far it is turned, in radians.
    """

    shape: int
    radius: float
    colour: NDArray[np.float64]
    centre: NDArray[np.complex128]
    angle: NDArray[np.float64]


def paint(
    frames: NDArray[np.uint8],
    thing: Thing,
    time: NDArray[np.int64],
    seen: NDArray[np.uint8] | None = None,
    number: int = 0,
) -> NDArray[np.int64]:
    """Draw a thing over `frames` `[t, H, W, 3]`, which are those of `time`.

    Args:
        frames: Where to.
        thing: What.
        time: `[t]`, the numbers of the frames.
        seen: `[t, H, W]`, gets `number` where the thing is seen.
        number: Which thing it is.

    Returns:
        `[t, 5]`: left, top, right, bottom of its pixels inside the frame, all 0 where there are none, and
        how many pixels it has inside the frame and beyond.
    """
    height, width = frames.shape[1:3]
    extents = np.zeros((len(time), 5), np.int64)
    reach = ceil(thing.radius) + 1
    offsets = np.arange(-reach, reach + 1)
    for place, moment in enumerate(time):
        centre = thing.centre[moment]
        columns, rows = round(centre.real) + offsets, round(centre.imag) + offsets
        # A thing far outside touches nothing.
        if columns[-1] < 0 or rows[-1] < 0 or columns[0] >= width or rows[0] >= height:
            continue
        local = (columns - centre.real) + 1j * (rows - centre.imag)[:, None]
        local /= thing.radius
        mask = _inside(thing.shape, local * np.exp(-1j * thing.angle[moment]))
        total = int(mask.sum())
        across = slice(np.searchsorted(columns, 0), np.searchsorted(columns, width))
        down = slice(np.searchsorted(rows, 0), np.searchsorted(rows, height))
        mask, local = mask[down, across], local[down, across]
        if not mask.any():
            continue
        rows, columns = rows[down], columns[across]
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        light = 0.85 - 0.25 * (local.real + local.imag)  # from the upper left
        shaded = (thing.colour * light[..., None]).clip(0, 255).astype(np.uint8)
        frames[place][window][mask] = shaded[mask]
        if seen is not None:
            seen[place][window][mask] = number
        touched_rows, touched_columns = rows[mask.any(axis=1)], columns[mask.any(axis=0)]
        extents[place] = (
            touched_columns[0],
            touched_rows[0],
            touched_columns[-1] + 1,
            touched_rows[-1] + 1,
            total,
        )
    return extents


def _inside(shape: int, at: NDArray[np.complex128]) -> NDArray[np.bool_]:
    """Tell which points are inside a shape of radius 1."""
    x, y = at.real, at.imag
    inside: NDArray[np.bool_]
    match SHAPES[shape]:
        case "disc":
            inside = np.abs(at) <= 0.9
        case "square":
            inside = np.maximum(np.abs(x), np.abs(y)) <= 0.5**0.5
        case "triangle":
            inside = (y <= 0.5) & (3**0.5 * np.abs(x) - y <= 1)
        case _:
            near, far = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
            inside = (near <= 0.3) & (far <= 0.95)
    return inside


def bar(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw a bar across the whole frame, upright or nearly so, or level: `[H, W]`, True inside."""
    height, width = size
    down, across = np.mgrid[:height, :width]
    direction = rng.uniform(-0.25, 0.25) + (pi / 2 if rng.random() < 0.3 else 0.0)
    distance = (across - rng.random() * width) * np.cos(direction) + (down - rng.random() * height) * np.sin(
        direction
    )
    inside: NDArray[np.bool_] = np.abs(distance) <= min(size) * rng.uniform(0.03, 0.07)
    return inside


def colours(rng: np.random.Generator, count: int) -> Iterator[NDArray[np.float64]]:
    """Draw bright colours that differ: hues are evenly spread, from a random one on."""
    start = rng.random()
    for number in range(count):
        hue = (start + number / count + rng.uniform(-0.2, 0.2) / count) % 1.0
        wheel = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
        yield 255 * (0.12 + 0.88 * wheel)
