"""Make the pictures that the gallery's styles are learnt from: painted by a few rules, no one's work is copied."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, zoom

__all__ = ["PICTURES", "make"]

_SIDE = 384
_FINER = 2  # painted at so many times the size, then made smaller: no jagged edges

Colours = NDArray[np.float64]


def swirls(rng: np.random.Generator) -> Image.Image:
    """Long brush strokes that follow whirls, night blue to lamp yellow."""
    palette = _colours("101c44 1b3a7c 2f66b0 5f9fd0 a9d3dc f4e9b0 f6c33b e08a1e")
    return _strokes(rng, palette, whirls=18.0, length=34, width=7, count=5200)


def embers(rng: np.random.Generator) -> Image.Image:
    """Short broad strokes, violet to orange."""
    palette = _colours("2a0f2e 5b1a4a 9c2748 d9483b f07f3c f9b65a fbe3b1 274b5a")
    return _strokes(rng, palette, whirls=34.0, length=14, width=11, count=6500)


def glass(rng: np.random.Generator) -> Image.Image:
    """Pieces of coloured glass in lead."""
    side = _SIDE * _FINER
    points = rng.random((240, 2)) * side
    palette = _colours("c2302e e98a2b f3c93f 3c8d5a 1f6f8b 2b3f87 7a3b8f f2e6c9")
    rows, columns = np.mgrid[:side, :side]
    first = np.full((side, side), np.inf)
    second, owner = first.copy(), np.zeros((side, side), int)
    for number, (down, across) in enumerate(points):
        distance = np.hypot(rows - down, columns - across)
        nearer = distance < first
        second = np.where(nearer, first, np.minimum(second, distance))
        owner, first = np.where(nearer, number, owner), np.where(nearer, distance, first)
    tints = palette[rng.integers(len(palette), size=len(points))] * rng.uniform(0.75, 1.15, (len(points), 1))
    light = 0.85 + 0.3 * gaussian_filter(rng.standard_normal((side, side)), 12) * 12
    picture = tints[owner] * light[..., None]
    picture[second - first < 9] = (24, 22, 26)
    return _smaller(Image.fromarray(picture.clip(0, 255).astype(np.uint8)))


def ink(rng: np.random.Generator) -> Image.Image:
    """Crossing ink lines on paper, close where it is dark."""
    side = _SIDE * _FINER
    tone = _noise(rng, side, 40.0)
    canvas = Image.new("RGB", (side, side), (243, 236, 220))
    draw = ImageDraw.Draw(canvas)
    for angle, least in ((0.7, 0.25), (-0.8, 0.5), (0.05, 0.72)):
        for _ in range(5200):
            x, y = rng.random(2) * side
            if tone[int(y), int(x)] > least:
                reach, turn = rng.uniform(9, 26), angle + rng.normal(0, 0.12)
                ends = (x - np.cos(turn) * reach, y - np.sin(turn) * reach)
                draw.line((*ends, 2 * x - ends[0], 2 * y - ends[1]), fill=(28, 30, 44), width=2)
    return _smaller(canvas)


PICTURES: Mapping[str, Callable[[np.random.Generator], Image.Image]] = {
    "swirls": swirls,
    "embers": embers,
    "glass": glass,
    "ink": ink,
}
"""What paints each of them, by name."""


def make(name: str, folder: Path) -> Path:
    """Paint a picture, always the same one, and return where it lies."""
    path = folder / f"{name}.png"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        PICTURES[name](np.random.default_rng(7)).save(path)
    return path


def _strokes(
    rng: np.random.Generator, palette: Colours, *, whirls: float, length: int, width: int, count: int
) -> Image.Image:
    side = _SIDE * _FINER
    height = _noise(rng, side, whirls * _FINER)
    tone = 0.65 * _noise(rng, side, 30.0 * _FINER) + 0.35 * height
    down, across = np.gradient(height)
    canvas = Image.new("RGB", (side, side), tuple(palette[2].astype(int)))
    draw = ImageDraw.Draw(canvas)
    for number in range(count):
        place = rng.random(2) * side
        shade = tone[int(place[0]), int(place[1])] + rng.normal(0, 0.07)
        colour = palette[int(np.clip(shade * len(palette), 0, len(palette) - 1))] + rng.normal(0, 9, 3)
        points = []
        for _ in range(length):  # along the lines of equal height
            row, column = (int(value) % side for value in place)
            points.append((place[1], place[0]))
            way = np.array([-across[row, column], down[row, column]])
            place = place + 2.2 * _FINER * way / (np.linalg.norm(way) + 1e-9)
        thick = int(width * _FINER * rng.uniform(0.45, 1.1) * (1 if number < 0.7 * count else 0.6))
        draw.line(points, fill=tuple(colour.clip(0, 255).astype(int)), width=max(thick, 2), joint="curve")
    return _smaller(canvas)


def _noise(rng: np.random.Generator, side: int, size: float) -> NDArray[np.float64]:
    """Return smooth noise from 0 to 1, every value as frequent as any other."""
    small = gaussian_filter(rng.standard_normal((side // 4, side // 4)), size / 4, mode="wrap")
    smooth = zoom(small, 4, order=1)[:side, :side]
    ranks = smooth.ravel().argsort().argsort()
    shares: NDArray[np.float64] = ranks.reshape(smooth.shape) / ranks.size
    return shares


def _colours(codes: str) -> Colours:
    return np.array(
        [[int(code[place : place + 2], 16) for place in (0, 2, 4)] for code in codes.split()], float
    )


def _smaller(picture: Image.Image) -> Image.Image:
    return picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    for each in PICTURES:
        print(make(each, Path("styles")))
