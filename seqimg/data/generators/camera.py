"""A camera over a photograph that moves steadily: where each frame looks, and what it sees there."""

from dataclasses import dataclass
from math import log, pi

import numpy as np
from numpy.typing import NDArray

from seqimg.data.generators.generator import Split
from seqimg.data.generators.photographs import Level, level, level_for, photograph
from seqimg.data.generators.samples import Frames8

__all__ = ["CameraMove", "camera_move", "pixel_grid"]

_TILT = 0.35  # radians from upright, outside training
_RANGE = 3.0  # the closest view is at most this much closer than the widest
_CLOSEST = 1.5  # photograph pixels per frame pixel, where the photograph is large enough
_CHUNK = 2**14  # pixels sampled at a time: the temporaries stay in the processor's cache


@dataclass(frozen=True)
class CameraMove:
    """A steady move: frame t shows at u the point `centre + scale (zoom[t] u + way[t])`, perhaps mirrored.

    Attributes:
        pan: v, pixels per frame as a complex number.
        rate: λ = ζ + iω, zoom and turn per frame.
        zoom: `[T]` complex, e^{iα + λt} with the tilt α.
        way: `[T]` complex, how far the view has come.
        scale: Photograph pixels per frame pixel in the first frame.
        centre: Where in the photograph the first frame's centre looks.
        mirrored: Whether left and right are swapped.
        source: The photograph at the right resolution.
    """

    pan: complex
    rate: complex
    zoom: NDArray[np.complex128]
    way: NDArray[np.complex128]
    scale: float
    centre: complex
    mirrored: bool
    source: Level

    def frames(self, size: tuple[int, int]) -> Frames8:
        """Return what the camera sees: `[T, H, W, 3]`."""
        grid = pixel_grid(size)
        frames = np.empty((len(self.zoom), *size, 3), np.uint8)
        step = max(1, _CHUNK // grid.size)
        for start in range(0, len(frames), step):
            part = slice(start, start + step)
            view = self.zoom[part, None, None] * grid + self.way[part, None, None]  # [t, H, W]
            frames[part] = _sample(self.source, self.centre + self.scale * _turned(view, self.mirrored))
        return frames


def pixel_grid(size: tuple[int, int]) -> NDArray[np.complex128]:
    """Return each pixel's place from the frame's centre, x + iy: `[H, W]`."""
    across, down = (np.arange(side) - (side - 1) / 2 for side in (size[1], size[0]))
    grid: NDArray[np.complex128] = across + 1j * down[:, None]
    return grid


def camera_move(
    rng: np.random.Generator,
    name: str,
    pan: complex,
    rate: complex,
    *,
    length: int,
    size: tuple[int, int],
    split: Split,
) -> CameraMove:
    """Draw tilt, mirror image, scale and place of a move over photograph `name` that never leaves it."""
    tilt = rng.uniform(-pi, pi) if split == "train" else rng.uniform(-_TILT, _TILT)
    mirrored = bool(rng.random() < 0.5)
    time = np.arange(length, dtype=np.float64)
    zoom = np.exp(1j * tilt + rate * time)  # [T]
    way = np.exp(1j * tilt) * pan * (np.expm1(rate * time) / rate if rate else time)  # [T]
    corners = pixel_grid(size)[[0, 0, -1, -1], [0, -1, 0, -1]]
    seen = _turned(zoom[:, None] * corners + way[:, None], mirrored)  # [T, 4]
    widest = float(np.abs(zoom).max())
    scale, centre = _fit(rng, seen, photograph(name).shape, widest)
    return CameraMove(pan, rate, zoom, way, scale, centre, mirrored, level(name, level_for(scale * widest)))


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
