"""Order and numbers in file names."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

__all__ = ["Numbering", "natural_key", "number", "words"]

_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Numbering:
    """The one number that tells file names apart.

    Attributes:
        numbers: Each name's number, rising.
        step: What all differences between them are multiples of.

    Example:
        >>> numbers = Numbering((10, 20, 50), 10)
        >>> numbers.places, numbers.missing_count, list(numbers.missing())
        ((0, 1, 4), 2, [30, 40])
    """

    numbers: tuple[int, ...]
    step: int

    @property
    def places(self) -> tuple[int, ...]:
        """Each name's place, counting missing numbers, from 0."""
        return tuple((number - self.numbers[0]) // self.step for number in self.numbers)

    @property
    def missing_count(self) -> int:
        """How many numbers are missing between the first and the last."""
        return (self.numbers[-1] - self.numbers[0]) // self.step + 1 - len(self.numbers)

    def missing(self) -> Iterable[int]:
        """Yield the missing numbers."""
        for before, after in pairwise(self.numbers):
            yield from range(before + self.step, after, self.step)

    def missing_text(self) -> str:
        """Name the missing numbers, at most eight of them."""
        shown = ", ".join(map(str, islice(self.missing(), 8)))
        return shown + (", …" if self.missing_count > 8 else "")


def words(name: str) -> tuple[str | int, ...]:
    """Split a name into text and numbers, text first; case and leading zeros do not matter.

    Example:
        >>> words("Cam2_007")
        ('cam', 2, '_', 7, '')
    """
    parts = _DIGITS.split(name.casefold())
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts))


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key that compares digits as numbers.

    Example:
        >>> sorted(["f10.png", "f9.png", "F2.png"], key=natural_key)
        ['F2.png', 'f9.png', 'f10.png']
    """
    return words(name), name


def number(stems: Sequence[str]) -> Numbering | None:
    """Find the number that counts naturally sorted names, or None if not exactly one number varies.

    Example:
        >>> number(["cam2_0001_640x480", "cam2_0003_640x480"])
        Numbering(numbers=(1, 3), step=2)
        >>> number(["left1", "right2"]) is None
        True
    """
    split = [words(stem) for stem in stems]
    if len(stems) < 2 or len({parts[::2] for parts in split}) > 1:
        return None
    varying = [column for column in zip(*split, strict=True) if len(set(column)) > 1]
    if len(varying) != 1:
        return None
    numbers = tuple(int(value) for value in varying[0])
    return Numbering(numbers, math.gcd(*(after - before for before, after in pairwise(numbers))))
