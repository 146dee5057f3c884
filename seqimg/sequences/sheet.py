"""Contact sheets: evenly spread frames of a sequence on one picture."""

import math
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seqimg.sequences.base import Sequence, SequenceError, SequenceInfo, TimedFrame
from seqimg.sequences.pixels import EightBit
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["clock", "contact_sheet", "spread"]

_BACKGROUND, _TEXT, _MUTED, _MISSING = (16, 18, 23), (222, 226, 233), (143, 150, 164), (150, 40, 160)
_WIDTH = 1280
_MARGIN, _GAP, _CAPTION, _LINE = 20, 12, 22, 24
_PANORAMA, _LANDSCAPE, _PORTRAIT = 3.0, 1.2, 0.6
_ROOM = 113  # for the caption
_TALLEST = 3.0  # times as wide; what is taller is made smaller


def contact_sheet(
    sequence: Sequence, title: str, *, frames: int = 20, count: int | None = None
) -> Image.Image:
    """Draw evenly spread frames, the first and the last among them, each with its place and time.

    Values are scaled by the sequence's value range; missing ones are violet. Of sequences that are
    neither grey nor RGB the first channel is shown.

    Args:
        sequence: What to show.
        title: What stands above.
        frames: At most how many are shown.
        count: How many the sequence has; None if nobody knows.

    Raises:
        SequenceError: It has no frames, or they are damaged.

    Example:
        >>> from seqimg.sequences import open_sequence
        >>> path = Path(tmp) / "stack.npy"
        >>> np.save(path, np.zeros((50, 48, 64), np.uint16))
        >>> with open_sequence(path) as opened:
        ...     contact_sheet(opened, "zeros").width
        1280
    """
    draw = _Thumbnails(sequence.info)
    shown = [draw(frame) for frame in spread(sequence, frames, count)]
    if not shown:
        raise SequenceError(f"cannot draw {sequence.info.path}", why="it has no frames")
    return _lay_out(shown, _title_lines(title, sequence.info))


def spread(sequence: Sequence, most: int, count: int | None = None) -> list[TimedFrame]:
    """Return at most so many evenly spread frames, the first and, if the count is known, the last among them.

    Where nobody knows how many there are, all are read, and no more than twice as many are held. Of a
    live source it is the first that come.
    """
    if sequence.info.live:
        return list(islice(sequence.timed(), most))
    known = sequence.info.frame_count if count is None else count
    if known is not None:
        places = np.unique(np.linspace(0, known - 1, min(most, known)).round().astype(int)).tolist()
        return list(sequence.frames(places))
    held: list[TimedFrame] = []
    step = 1
    for number, frame in enumerate(sequence.timed()):
        if number % step == 0:
            held.append(frame)
        if len(held) == 2 * most:
            held, step = held[::2], 2 * step
    return held if len(held) <= most else held[::2]


def clock(seconds: float) -> str:
    """Write a time as people do.

    Example:
        >>> clock(3725.5), clock(0.04)
        ('1:02:05.500', '0:00.040')
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 1000:06.3f}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


class _Thumbnails:
    """Turns frames into small pictures with a caption.

    Args:
        info: What the frames are.
    """

    def __init__(self, info: SequenceInfo) -> None:
        self._info, self._scale = info, EightBit(info)
        self._timed = info.fps is not None
        width, height = float(info.width * info.pixel_aspect), info.height
        columns = _columns(width / height)
        room = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
        tall = min(height * room / width, _TALLEST * room)
        self._size = (max(1, round(tall)), max(1, round(tall * width / height)))

    def __call__(self, frame: TimedFrame) -> tuple[Image.Image, str]:
        picture = Image.fromarray(self._rgb(frame.pixels))
        height, width = self._size
        # Enlarged pixels stay visible as such.
        enlarged = width > picture.width
        method = Image.Resampling.NEAREST if enlarged else Image.Resampling.BICUBIC
        time = f"   {clock(frame.time)}" if self._timed else ""
        return picture.resize((width, height), method), f"{frame.index}{time}"

    def _rgb(self, pixels: Pixels) -> NDArray[np.uint8]:
        missing = self._info.missing(pixels)
        grey = pixels.shape[2] not in (3, 4)
        part = pixels[:, :, :1] if grey else pixels[:, :, :3]
        levels = self._scale(part)
        rgb = np.repeat(levels, 3, axis=2) if grey else np.array(levels)
        if missing is not None:
            rgb[missing[:, :, : part.shape[2]].any(axis=2)] = _MISSING
        return rgb


def _columns(aspect: float) -> int:
    """Return how many pictures of a shape stand side by side: 20 of them fill their rows."""
    if aspect < _PORTRAIT:
        return 10
    return 2 if aspect > _PANORAMA else 4 if aspect > _LANDSCAPE else 5


def _title_lines(title: str, info: SequenceInfo) -> list[str]:
    if info.channels not in (1, 3, 4):
        title += f" First of {info.channels} channels shown."
    lines, line = [], ""
    font = _font(16)
    for word in title.split(" "):
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > _WIDTH - 2 * _MARGIN:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def _lay_out(shown: list[tuple[Image.Image, str]], title: list[str]) -> Image.Image:
    width, height = shown[0][0].size
    width = max(width, _ROOM)
    columns = min(10, (_WIDTH - 2 * _MARGIN + _GAP) // (width + _GAP))
    rows = math.ceil(len(shown) / columns)
    top = _MARGIN + len(title) * _LINE + _GAP
    sheet = Image.new("RGB", (_WIDTH, top + rows * (height + _CAPTION + _GAP) + _MARGIN - _GAP), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(title):
        draw.text((_MARGIN, _MARGIN + number * _LINE), line, fill=_TEXT, font=_font(16))
    for (picture, caption), (left, upper) in zip(shown, _places(columns, width, height, top), strict=False):
        sheet.paste(picture, (left, upper))
        draw.text((left, upper + height + 3), caption, fill=_MUTED, font=_font(13))
    return sheet


def _places(columns: int, width: int, height: int, top: int) -> Iterator[tuple[int, int]]:
    row = 0
    while True:
        for column in range(columns):
            yield _MARGIN + column * (width + _GAP), top + row * (height + _CAPTION + _GAP)
        row += 1


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own has no letters beyond English; the one that matplotlib brings has most there are.
    spec = find_spec("matplotlib")
    for place in spec.submodule_search_locations or () if spec else ():
        file = Path(place) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(file, size)
    return ImageFont.load_default(size)
