"""Two digits that bounce about a black canvas."""

from functools import cache
from math import pi

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seqimg.data.generator import Frames8, Split, check_request, generator_rng

__all__ = ["VARIANTS", "glyph", "moving_digits"]

VARIANTS: dict[Split, range] = {
    "train": range(8000),
    "val": range(8000, 9000),
    "test": range(9000, 10000),
}
"""The drawings of each digit, by split: no drawing is shared between two of them."""

_DIGITS = 2
_SIDE = 0.4375  # of a digit's square, in canvas heights: 28 of 64 pixels
_STEP = 0.1  # the way of one frame, in free ways: 3.6 of 36 pixels on a canvas of 64
_FINE = 2  # a glyph's texels per pixel: it stays as sharp between pixels as on them
_MASTER = 160  # side of the drawing all variants of a digit are bent from
_CHUNK = 2**19  # pixels made at a time, bounds the temporaries


def moving_digits(index: int, *, length: int, size: tuple[int, int], seed: int, split: Split) -> Frames8:
    """Make a sequence of two bouncing digits, in the manner of Moving MNIST.

    A digit's square has 7/16 of the canvas's shorter side s (28 of 64 pixels) and is free to move by
    L = (height, width) - 7/16 s. Its corner is at

        q(t) = L - |(q0 + v t) mod 2 L - L|,    |v| = s (1 - 7/16) / 10   (3.6 pixels per frame for 64)

    on each axis: an exact bounce, also between frames. q0 and the direction are random. A pixel is the mean
    of the glyph over its area, so a digit's total brightness does not change with its place; where digits
    overlap, the brighter one is seen. Digits are drawn in Pillow's own font, each in 8,000 ways
    for training and 1,000 each for validation and test.

    Args:
        index: Which sequence, 0 or more.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set, 0 or more.
        split: Which drawings of the digits.

    Returns:
        Frames `[T, H, W, 1]`, uint8, 0..255.

    Raises:
        UsageError: An argument is out of its range.

    Example:
        >>> moving_digits(0, length=20, size=(64, 64), seed=0, split="train").shape
        (20, 64, 64, 1)
    """
    check_request(index, length=length, size=size, seed=seed, split=split, channels=1)
    rng = generator_rng("moving_digits", index, seed, split)
    side = round(_SIDE * min(size))
    free = np.array([size[0] - side, size[1] - side], np.float64)
    glyphs, starts, speeds = [], [], []
    for _ in range(_DIGITS):
        variant = int(rng.integers(VARIANTS[split].start, VARIANTS[split].stop))
        glyphs.append(glyph(int(rng.integers(10)), variant, side * _FINE))
        starts.append(rng.random(2) * free)
        angle = rng.uniform(-pi, pi)
        speeds.append(_STEP * free.min() * np.array([np.sin(angle), np.cos(angle)]))

    frames = np.zeros((length, *size, 1), np.uint8)
    step = max(1, _CHUNK // (size[0] * size[1]))
    for begin in range(0, length, step):
        part = frames[begin : begin + step, :, :, 0]
        time = np.arange(begin, begin + len(part))[:, None]
        for drawing, start, speed in zip(glyphs, starts, speeds, strict=True):
            corner = free - np.abs((start + speed * time) % (2 * free) - free)  # [t, 2]
            _paint(part, drawing, corner)
    return frames


def glyph(digit: int, variant: int, side: int) -> NDArray[np.float32]:
    """Draw a digit in one of its ways: turned, slanted, stretched and with a pen of its own width.

    Args:
        digit: 0 to 9.
        variant: Which drawing; the same number is the same drawing at every size.
        side: Height and width in texels.

    Returns:
        Brightness `[side, side]`, float32, 0..1.
    """
    rng = np.random.default_rng((digit, variant))
    turn, slant = rng.uniform(-0.25, 0.25), rng.uniform(-0.3, 0.3)
    shrink = rng.uniform((0.9, 1.0), (1.25, 1.15))  # across, down
    middle = _MASTER / 2
    cos, sin = np.cos(turn), np.sin(turn)
    bend = np.diag(shrink) @ np.array([[1, slant], [0, 1]]) @ np.array([[cos, sin], [-sin, cos]])
    offset = middle - bend @ np.array([middle, middle])
    affine = (*bend[0], offset[0], *bend[1], offset[1])
    bent = _master(digit, int(rng.integers(6))).transform(
        (_MASTER, _MASTER), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )
    small = bent.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


@cache
def _master(digit: int, pen: int) -> Image.Image:
    picture = Image.new("L", (_MASTER, _MASTER))
    font = ImageFont.load_default(size=_MASTER * 0.98)
    centre = (_MASTER / 2, _MASTER / 2)
    ImageDraw.Draw(picture).text(centre, str(digit), 255, font, anchor="mm", stroke_width=pen)
    return picture


def _paint(frames: Frames8, drawing: NDArray[np.float32], corner: NDArray[np.float64]) -> None:
    """Lay `drawing` over `frames` `[T, H, W]` with its top left corner at `corner` `[T, 2]`."""
    side = len(drawing) // _FINE + 1  # pixels a drawing between pixels can touch
    first = np.minimum(corner.astype(np.intp), np.array(frames.shape[1:]) - side)  # [T, 2]
    pixels = np.arange(side)
    # How much of each pixel each texel covers, from how far apart their middles are.
    middles = np.subtract.outer(pixels + 0.5, (np.arange(len(drawing)) + 0.5) / _FINE)  # [pixel, texel]
    apart = np.abs(middles - (corner - first)[:, :, None, None]).astype(np.float32)  # [T, 2, pixel, texel]
    cover = (0.5 + 0.5 / _FINE - apart).clip(0, 1 / _FINE)
    patch = cover[:, 0] @ drawing @ cover[:, 1].swapaxes(1, 2)  # [T, side, side]
    where = (
        np.arange(len(frames))[:, None, None],
        first[:, 0, None, None] + pixels[:, None],
        first[:, 1, None, None] + pixels,
    )
    frames[where] = np.maximum(frames[where], (patch * 255 + 0.5).astype(np.uint8))
