"""Drawings of digits: in Pillow's own font, each bent in thousands of ways, or from an IDX file."""

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seqimg.data.generators.generator import Split
from seqimg.data.generators.idx import read_idx
from seqimg.errors import UsageError

__all__ = ["VARIANTS", "drawings", "glyph"]

VARIANTS: dict[Split, range] = {
    "train": range(8000),
    "val": range(8000, 9000),
    "test": range(9000, 10000),
}
"""The drawings of each digit, by split: no drawing is shared between two of them."""

_ALL = 10_000
_MASTER = 160  # side of the drawing all variants of a digit are bent from, in which pens are measured
_PENS = 6


def drawings(choices: NDArray[np.float64], side: int, *, split: Split, idx: Path | None) -> NDArray[np.uint8]:
    """Return drawings chosen by random numbers.

    Of an IDX file the first four fifths are for training, then a tenth each for validation and test.

    Args:
        choices: `[N, 2]` numbers in [0, 1): which digit, and which of its drawings.
        side: Height and width of a drawing in pixels.
        split: Which drawings.
        idx: A file to take them from.

    Returns:
        `[N, side, side]` uint8, 0..255.

    Raises:
        SeqimgError: The file cannot be read as pictures.
        UsageError: It has too few to be split.
    """
    if idx is not None:
        return _from_file(choices, side, split, idx)
    variants = VARIANTS[split]
    digits = (choices[:, 0] * 10).astype(int).tolist()
    which = (variants.start + choices[:, 1] * len(variants)).astype(int).tolist()
    pictures = np.empty((len(choices), side, side), np.uint8)
    for place, (digit, variant) in enumerate(zip(digits, which, strict=True)):
        pictures[place] = glyph(digit, variant, side)
    return pictures


def _from_file(choices: NDArray[np.float64], side: int, split: Split, path: Path) -> NDArray[np.uint8]:
    pictures = read_idx(path)
    variants = VARIANTS[split]
    first, last = (len(pictures) * bound // _ALL for bound in (variants.start, variants.stop))
    if first == last:
        raise UsageError(
            f"{path} has no picture for {split}", why=f"it has {len(pictures)}; at least 10 are needed"
        )
    chosen: NDArray[np.uint8] = pictures[first + (choices[:, 1] * (last - first)).astype(int)]
    if chosen.shape[1:] == (side, side):
        return chosen
    resized = [Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC) for one in chosen]
    return np.stack([np.asarray(one) for one in resized])


@lru_cache(maxsize=256)
def glyph(digit: int, variant: int, side: int) -> NDArray[np.uint8]:
    """Draw a digit in one of its ways: turned, slanted, stretched and with a pen of its own width.

    Args:
        digit: 0 to 9.
        variant: Which drawing; the same number is the same drawing at every size.
        side: Height and width in pixels.

    Returns:
        Brightness `[side, side]`, uint8, 0..255.

    Example:
        >>> int(glyph(3, variant=0, side=28).max())
        255
    """
    rng = np.random.default_rng((digit, variant))
    turn, slant = rng.uniform(-0.25, 0.25), rng.uniform(-0.3, 0.3)
    shrink = rng.uniform((0.9, 1.0), (1.25, 1.15))  # across, down
    middle = side / 2
    cos, sin = np.cos(turn), np.sin(turn)
    bend = np.diag(shrink) @ np.array([[1, slant], [0, 1]]) @ np.array([[cos, sin], [-sin, cos]])
    offset = middle - bend @ np.array([middle, middle])
    affine = (*bend[0], offset[0], *bend[1], offset[1])
    upright = _upright(digit, int(rng.integers(_PENS)), side)
    return np.asarray(
        upright.transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    )


@cache
def _upright(digit: int, pen: int, side: int) -> Image.Image:
    """Draw a digit straight, with a pen `pen / 160` of its side wider than the font's."""
    fine = _MASTER * max(1, -(-side // _MASTER))
    picture = Image.new("L", (fine, fine))
    font = ImageFont.load_default(size=fine * 0.98)
    width = pen * fine // _MASTER
    centre = (fine / 2, fine / 2)
    ImageDraw.Draw(picture).text(centre, str(digit), 255, font, anchor="mm", stroke_width=width)
    return picture.resize((side, side), Image.Resampling.BOX)
