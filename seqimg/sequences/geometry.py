"""Sizes and cuts of frames, as a person writes them."""

import re
from dataclasses import dataclass

from seqimg.errors import UsageError
from seqimg.sequences.limits import check_size

__all__ = ["Crop", "Size"]


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the frame.

    Attributes:
        width: Its width in pixels.
        height: Its height in pixels.
        left: Pixels left of it; None puts it in the middle.
        top: Pixels above it; None puts it in the middle.

    Example:
        >>> Crop(width=4, height=2).place(10, 10)
        (slice(4, 6, None), slice(3, 7, None))
    """

    width: int
    height: int
    left: int | None = None
    top: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Crop":
        """Read `WxH+X+Y`, or `WxH` for the middle.

        Args:
            text: What somebody wrote.

        Raises:
            UsageError: It is neither.

        Example:
            >>> Crop.parse("320x240+10+0")
            Crop(width=320, height=240, left=10, top=0)
        """
        found = re.fullmatch(r"(\d+)x(\d+)(?:\+(\d+)\+(\d+))?", text.strip())
        if found is None or not (int(found[1]) and int(found[2])):
            raise UsageError(f"crop {text!r} is none", why="it is WIDTHxHEIGHT+X+Y, for example 320x240+10+0")
        left, top = (None if part is None else int(part) for part in found.groups()[2:])
        return cls(int(found[1]), int(found[2]), left, top)

    def place(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns in frames of this size.

        Args:
            height: The frames' height in pixels.
            width: Their width.

        Raises:
            UsageError: It reaches beyond them.

        Example:
            >>> Crop(4, 2).place(10, 10)
            (slice(4, 6, None), slice(3, 7, None))
        """
        top = (height - self.height) // 2 if self.top is None else self.top
        left = (width - self.width) // 2 if self.left is None else self.left
        if top < 0 or left < 0 or top + self.height > height or left + self.width > width:
            raise UsageError(
                f"crop {self.width}x{self.height}+{max(left, 0)}+{max(top, 0)} reaches beyond the frame",
                why=f"frames are {width}x{height}",
            )
        return slice(top, top + self.height), slice(left, left + self.width)


@dataclass(frozen=True, slots=True)
class Size:
    """A size for frames; what is left open follows from their shape.

    Attributes:
        width: In pixels; None keeps the shape, and `-n` keeps it as nearly as a multiple of n can.
        height: Likewise.
        longer: The longer side instead, in pixels.

    Example:
        >>> Size(longer=320).of(1080, 1920)
        (180, 320)
    """

    width: int | None = None
    height: int | None = None
    longer: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read `WxH`, where one of them may be `-1` or `-2`, or the longer side alone.

        Args:
            text: What somebody wrote.

        Raises:
            UsageError: It is none of them.

        Example:
            >>> Size.parse("640x-2").of(1080, 1920)
            (360, 640)
            >>> Size.parse("320").of(1080, 1920)
            (180, 320)
        """
        word = text.strip()
        if re.fullmatch(r"\d+", word) and int(word):
            return cls(longer=int(word))
        found = re.fullmatch(r"(-?\d+)x(-?\d+)", word)
        sides = [int(side) for side in found.groups()] if found else []
        if not sides or 0 in sides or max(sides) < 0:
            raise UsageError(
                f"size {text!r} is none",
                why="it is WIDTHxHEIGHT, where one may be -1 to keep the shape, or the longer side alone",
            )
        return cls(width=sides[0], height=sides[1])

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that frames of this height and width get.

        Args:
            height: The frames' height in pixels.
            width: Their width.

        Raises:
            SequenceError: They are over the limits.
        """
        new_width, new_height = self.width, self.height
        if self.longer is not None:
            new_width, new_height = (self.longer, -1) if width >= height else (-1, self.longer)
        if new_width is None or new_height is None:
            return height, width
        if new_width < 0:
            new_width = _multiple(new_height * width / height, -new_width)
        elif new_height < 0:
            new_height = _multiple(new_width * height / width, -new_height)
        check_size(f"size {new_width}x{new_height}", new_height, new_width, 1)
        return new_height, new_width


def _multiple(length: float, of: int) -> int:
    return max(of, round(length / of) * of)
