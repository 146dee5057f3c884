"""A camera that pans, zooms and turns over photographs."""

from math import log, pi

import numpy as np
from numpy.typing import NDArray

from seqimg.data.generator import Frames8, Split, check_request, generator_rng
from seqimg.data.photographs import PHOTOGRAPHS, Level, level, level_for, photograph

__all__ = ["pans"]

# Which of pan, zoom and turn a sequence has; drawn with equal chances.
_MOVES = (
    (True, False, False),
    (True, False, False),
    (False, True, False),
    (False, False, True),
    (True, True, False),
    (True, False, True),
    (True, True, True),
)
_PAN = 3 / 64  # fastest pan: shorter sides of the frame per frame
_TURN = 0.05  # fastest turn: radians per frame
_ZOOM = 0.03  # fastest zoom: natural logarithm of the scale per frame
_TRAVEL = 2.0  # longest way of a pan, in shorter sides
_MAX_ZOOM = 3.0  # largest ratio of scales within a sequence
_TILT = 0.35  # radians from upright, outside training
_RANGE = 3.0  # the closest view is at most this much closer than the widest
_CLOSEST = 1.5  # photograph pixels per frame pixel, where the photograph is large enough
_CHUNK = 2**14  # pixels sampled at a time: the temporaries stay in the processor's cache


def pans(index: int, *, length: int, size: tuple[int, int], seed: int, split: Split) -> Frames8:
    """Make a steady camera move over a real photograph: pan, zoom, turn or a mixture.

    Points are complex numbers x + iy. With u the place of a frame's pixel from the frame's centre, frame
    t = 0 … T-1 shows there the point

        p(t, u) = c + a (e^{λt} u + v (e^{λt} - 1) / λ),    λ = ζ + iω

    of the photograph (half of the sequences: mirrored). v is the pan in pixels per frame, ω the turn in
    radians per frame, ζ the zoom per frame, a the first frame's scale and tilt, c its centre. All are
    constant, and so is the motion in the camera's own frame: p(t+1, u) = p(t, e^λ u + v (e^λ - 1) / λ),
    so each frame follows from the one before by the same map.

    |v| is at most 3 pixels for frames of 64, in proportion for others, |ω| at most 0.05 and |ζ| at most
    0.03; in long sequences pans and zooms are slower, so that the view never leaves the photograph. The
    picture is sampled between pixels (bilinearly, at about three texels a pixel) from a version of the
    photograph blurred once, for the sequence's widest view: nothing aliases, and a point keeps its
    brightness. Photographs are held out whole, see [seqimg.data.photographs][]; training sequences are
    tilted by any angle, the others by at most 20 degrees.

    Args:
        index: Which sequence, 0 or more.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set, 0 or more.
        split: Which photographs.

    Returns:
        Frames `[T, H, W, 3]`, uint8 RGB, 0..255.

    Raises:
        UsageError: An argument is out of its range.
        UnavailableError: The installed scikit-image lacks its photographs.

    Example:
        >>> pans(0, length=4, size=(32, 32), seed=0, split="test").shape
        (4, 32, 32, 3)
    """
    check_request(index, length=length, size=size, seed=seed, split=split, channels=3)
    rng = generator_rng("pans", index, seed, split)
    name = PHOTOGRAPHS[split][rng.integers(len(PHOTOGRAPHS[split]))]
    pan, rate = _motion(rng, length, min(size))
    tilt = rng.uniform(-pi, pi) if split == "train" else rng.uniform(-_TILT, _TILT)
    mirrored = bool(rng.random() < 0.5)
    time = np.arange(length, dtype=np.float64)
    zoom = np.exp(1j * tilt + rate * time)  # [T]
    way = np.exp(1j * tilt) * pan * (np.expm1(rate * time) / rate if rate else time)  # [T]

    grid = (np.arange(size[1]) - (size[1] - 1) / 2) + 1j * (np.arange(size[0]) - (size[0] - 1) / 2)[:, None]
    corners = grid[[0, 0, -1, -1], [0, -1, 0, -1]]
    seen = _turned(zoom[:, None] * corners + way[:, None], mirrored)  # [T, 4]
    widest = float(np.abs(zoom).max())
    scale, centre = _fit(rng, seen, photograph(name).shape, widest)
    source = level(name, level_for(scale * widest))

    frames = np.empty((length, *size, 3), np.uint8)
    step = max(1, _CHUNK // grid.size)
    for start in range(0, length, step):
        part = slice(start, start + step)
        view = zoom[part, None, None] * grid + way[part, None, None]  # [t, H, W]
        frames[part] = _sample(source, centre + scale * _turned(view, mirrored))
    return frames


def _motion(rng: np.random.Generator, length: int, side: int) -> tuple[complex, complex]:
    """Draw the pan in pixels per frame and the rate λ = ζ + iω."""
    steps = max(1, length - 1)
    has_pan, has_zoom, has_turn = _MOVES[rng.integers(len(_MOVES))]
    speed, zoom, turn = rng.uniform(0.3, 1.0, 3) * (
        min(_PAN, _TRAVEL / steps) * side * has_pan,
        min(_ZOOM, log(_MAX_ZOOM) / steps) * has_zoom * rng.choice((-1, 1)),
        _TURN * has_turn * rng.choice((-1, 1)),
    )
    return complex(speed * np.exp(1j * rng.uniform(-pi, pi))), complex(zoom, turn)


def _fit(
    rng: np.random.Generator, seen: NDArray[np.complex128], shape: tuple[int, ...], widest: float
) -> tuple[float, complex]:
    """Draw the scale and the place that keep all corners `seen` within a photograph of `shape`."""
    box = np.array([np.ptp(seen.real), np.ptp(seen.imag)])
    room = np.array([shape[1] - 1, shape[0] - 1])
    largest = float((room / box).min())
    smallest = min(largest, max(_CLOSEST / widest, largest / _RANGE))
    scale = float(np.exp(rng.uniform(log(smallest), log(largest))))
    corner = rng.random(2) * (room - scale * box).clip(0)
    return scale, complex(*corner) - scale * complex(seen.real.min(), seen.imag.min())


def _turned(points: NDArray[np.complex128], mirrored: bool) -> NDArray[np.complex128]:
    return -points.conj() if mirrored else points


def _sample(source: Level, points: NDArray[np.complex128]) -> Frames8:
    """Read `source` between texels at photograph positions `points` `[t, H, W]`: `[t, H, W, C]`."""
    texels = source.texels
    # A position names a pixel's or texel's middle; + 1 for the texels' border.
    down = (points.imag + 0.5) * source.density[0] + 0.5
    across = (points.real + 0.5) * source.density[1] + 0.5
    row, column = down.astype(np.intp), across.astype(np.intp)
    weight_down = (down - row).astype(np.float32)[..., None]
    weight_across = (across - column).astype(np.float32)[..., None]
    width = texels.shape[1]
    first = row * width + column
    flat = texels.reshape(-1, texels.shape[2])

    def between(start: NDArray[np.intp]) -> NDArray[np.float32]:
        left = flat.take(start, axis=0).astype(np.float32)
        right = flat.take(start + 1, axis=0).astype(np.float32)
        right -= left
        right *= weight_across
        right += left
        return right

    value, below = between(first), between(first + width)
    below -= value
    below *= weight_down
    value += below
    value += 0.5  # rounds, as the values are never negative
    return value.astype(np.uint8)
