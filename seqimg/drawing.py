"""Words and boxes drawn into frames of any size and any number of channels.

What is drawn is sized by the frame, so that it can be read on 112 pixels as on 2160. A colour is red, green
and blue in [0, 1]; frames of other than three or four channels get its brightness in every channel, and the
fourth channel is opaque where something is drawn.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

__all__ = ["Colour", "colour_of", "outline", "write"]

Colour: TypeAlias = tuple[float, float, float]
"""Red, green, blue in [0, 1]."""

_WHITE: Colour = (1.0, 1.0, 1.0)
_DARK: Colour = (0.05, 0.05, 0.07)
_PLATE = 0.7  # how much the plate behind words hides
_SMALLEST, _SHARE = 10, 30  # letters have this many pixels, or one part in so many of the shorter side
_LEAST = 7  # pixels; below it letters cannot be read and lines are cut instead
_LINE = 300  # a box's line is one part in so many of the shorter side
_BRIGHTNESS = (0.299, 0.587, 0.114)
# Told apart by people who see colours differently, and bright enough to stand on photographs.
_PALETTE: tuple[Colour, ...] = (
    (1.00, 0.76, 0.03),
    (0.20, 0.73, 1.00),
    (1.00, 0.38, 0.28),
    (0.35, 0.90, 0.45),
    (0.93, 0.48, 0.95),
    (0.30, 0.95, 0.88),
    (1.00, 0.60, 0.75),
    (0.75, 0.85, 0.20),
    (0.62, 0.58, 1.00),
    (0.95, 0.62, 0.30),
)


def colour_of(number: int) -> Colour:
    """Return the colour of a class or a track: the same for the same number, others for those near it.

    Args:
        number: Of a class or a track.

    Example:
        >>> from seqimg.drawing import colour_of
        >>> colour_of(3) == colour_of(3), colour_of(3) == colour_of(4)
        (True, False)
    """
    return _PALETTE[number % len(_PALETTE)]


def write(frame: Tensor, text: str, *, at: tuple[int, int] = (4, 4), colour: Colour = _WHITE) -> Tensor:
    """Write words on a dark plate into a frame.

    Letters have a thirtieth of the frame's shorter side, at least 10 pixels; smaller ones, to 7 pixels, are
    taken if a line is too wide, and what is then too long is cut and ends in an ellipsis. A plate that would
    reach over the right or lower edge is moved inside.

    Args:
        frame: `[C, H, W]` float, values in [0, 1]; missing values (NaN) under the plate count as 0.
        text: One or more lines; with nothing in it the frame stays as it is.
        at: Left and top of the plate, in pixels.
        colour: Colour of the letters.

    Returns:
        A new tensor of the frame's shape, type and device.

    Example:
        >>> from seqimg.drawing import write
        >>> written = write(torch.zeros(3, 64, 112), "walking 0.91")
        >>> written.shape, bool(written.max() > 0.9)
        (torch.Size([3, 64, 112]), True)
    """
    return _written(frame.clone(), text, at, colour, _DARK, _PLATE)


def outline(
    frame: Tensor, corners: Tensor, colours: Sequence[Colour] = (), captions: Sequence[str] = ()
) -> Tensor:
    """Draw boxes into a frame, each with its caption on a plate of its colour above it, or inside its top.

    Args:
        frame: `[C, H, W]` float, values in [0, 1].
        corners: `[N, 4]`: left, top, right, bottom in pixels, along the pixels' edges; what is beyond the
            frame is not drawn.
        colours: One for each box; one that all have; or none for the palette's in their order.
        captions: One for each box, or none.

    Returns:
        A new tensor of the frame's shape, type and device.

    Raises:
        ValueError: There are more or fewer colours or captions than boxes, or corners that are no numbers.

    Example:
        >>> from seqimg.drawing import outline
        >>> outline(torch.zeros(1, 6, 6), torch.tensor([[1.0, 1, 5, 4]]), [(1, 1, 1)])[0, 1:5].int()
        tensor([[0, 1, 1, 1, 1, 0],
                [0, 1, 0, 0, 1, 0],
                [0, 1, 1, 1, 1, 0],
                [0, 0, 0, 0, 0, 0]], dtype=torch.int32)
    """
    places, several = _checked(corners, colours, captions)
    picture = frame.clone()
    height, width = frame.shape[-2:]
    thick = max(1, round(min(height, width) / _LINE))
    for box, colour in zip(places, several, strict=True):
        if thick > 1:
            _rectangle(picture, [box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1], 1, _DARK)
        _rectangle(picture, box, thick, colour)
    # After all lines, so that no line runs through words.
    for box, colour, caption in zip(places, several, captions, strict=False):
        if caption and box[2] > 0 and box[3] > 0 and box[0] < width and box[1] < height:
            letters = _DARK if _brightness(colour) > 0.45 else _WHITE
            tall = _plate(caption, _letters(height, width), width, height).shape[0]
            top = box[1] - tall if box[1] >= tall else max(0, box[1])
            _written(picture, caption, (max(0, box[0]), top), letters, colour, 0.9)
    return picture


def _checked(
    corners: Tensor, colours: Sequence[Colour], captions: Sequence[str]
) -> tuple[list[list[int]], list[Colour]]:
    """Return the corners in whole pixels and a colour for each."""
    count = len(corners)
    if corners.shape != (count, 4) or not bool(torch.isfinite(corners).all()):
        raise ValueError(f"corners of shape {tuple(corners.shape)} are not N boxes of four finite numbers")
    if len(colours) not in (0, 1, count) or len(captions) not in (0, count):
        raise ValueError(f"{count} boxes, {len(colours)} colours and {len(captions)} captions")
    several = list(colours) if colours else [colour_of(number) for number in range(count)]
    places: list[list[int]] = corners.detach().double().round().clamp(-(2**30), 2**30).long().tolist()
    return places, several * count if len(several) == 1 else several


def _rectangle(picture: Tensor, box: list[int], thick: int, colour: Colour) -> None:
    """Draw the four sides just inside a box of whole pixels, cut off at the frame's edges."""
    left, top, right, bottom = box
    inks = _inks(picture, colour)
    for upper, lower, first, last in (
        (top, top + thick, left, right),
        (bottom - thick, bottom, left, right),
        (top, bottom, left, left + thick),
        (top, bottom, right - thick, right),
    ):
        rows = slice(max(0, upper, top), max(0, min(lower, bottom)))
        columns = slice(max(0, first, left), max(0, min(last, right)))
        picture[:, rows, columns] = inks


def _inks(picture: Tensor, colour: Colour) -> Tensor:
    """Return the colour as values `[C, 1, 1]` of the picture's channels."""
    channels = picture.shape[0]
    values = [*colour, 1.0][:channels] if channels in (3, 4) else [_brightness(colour)] * channels
    return picture.new_tensor(values)[:, None, None]


def _brightness(colour: Colour) -> float:
    return sum(share * part for share, part in zip(_BRIGHTNESS, colour, strict=True))


def _letters(height: int, width: int) -> int:
    return max(_SMALLEST, round(min(height, width) / _SHARE))


def _written(
    picture: Tensor, text: str, at: tuple[int, int], colour: Colour, ground: Colour, hides: float
) -> Tensor:
    """Lay a plate with words over part of a picture, in place; return the picture."""
    height, width = picture.shape[-2:]
    plate = _plate(text, _letters(height, width), width, height)
    tall, wide = plate.shape
    if not text.strip() or not tall or not wide:
        return picture
    left, top = (
        max(0, min(place, room)) for place, room in zip(at, (width - wide, height - tall), strict=True)
    )
    part = picture[:, top : top + tall, left : left + wide]
    ink = torch.from_numpy(plate).to(picture)  # [h, w]
    under = torch.nan_to_num(part, nan=0.0)
    covered = under + hides * (_inks(picture, ground) - under)
    part.copy_(covered + ink * (_inks(picture, colour) - covered))
    return picture


@lru_cache(maxsize=64)
def _plate(text: str, size: int, width: int, height: int) -> NDArray[np.float32]:
    """Return how much ink each pixel of a plate has, `[h, w]` in [0, 1], no larger than the frame."""
    lines = text.splitlines() or [""]
    margin = max(1, round(size / 5))
    room = width - 2 * margin
    while size > _LEAST and max(_font(size).getlength(line) for line in lines) > room:
        size -= 1
    font = _font(size)
    lines = [_cut(line, font, room) for line in lines]
    step = round(size * 1.2)
    wide = min(width, round(max(font.getlength(line) for line in lines)) + 2 * margin + 1)
    tall = min(height, step * len(lines) + 2 * margin)
    plate = Image.new("L", (wide, tall))
    pen = ImageDraw.Draw(plate)
    for number, line in enumerate(lines):
        # Words share a base line, whatever letters they have.
        pen.text((margin, margin + number * step + round(size * 0.95)), line, 255, font, anchor="ls")
    return np.asarray(plate, np.float32) / np.float32(255)


def _cut(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    if font.getlength(line) <= room:
        return line
    few, many = 0, len(line)
    while few < many:
        middle = (few + many + 1) // 2
        few, many = (middle, many) if font.getlength(line[:middle] + "…") <= room else (few, middle - 1)
    return line[:few] + "…"


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own has no letters beyond English; the one that matplotlib brings has most there are.
    spec = find_spec("matplotlib")
    for place in spec.submodule_search_locations or () if spec else ():
        file = Path(place) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(file, size)
    return ImageFont.load_default(size)
