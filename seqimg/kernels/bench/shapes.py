"""The sizes of what is measured."""

import re
from dataclasses import dataclass, replace

from seqimg.errors import UsageError

__all__ = ["CLIPS", "SCALING", "STEPS", "Shape"]

_WRITTEN = re.compile(r"(\d+),(\d+),(\d+),(\d+),(\d+):(\d+)")


@dataclass(frozen=True)
class Shape:
    """Frames `[B, T, X, H, W]` and the width C of the state.

    Example:
        >>> shape = Shape.parse("4,10,64,32,48:16")
        >>> shape.frames, shape.hidden, str(shape)
        (10, 16, '4,10,64,32,48:16')
    """

    batch: int
    frames: int
    channels: int
    height: int
    width: int
    hidden: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Read `B,T,C,H,W:hidden`.

        Raises:
            UsageError: It is written differently, or a number is 0.
        """
        match = _WRITTEN.fullmatch(text.replace(" ", ""))
        numbers = [int(number) for number in match.groups()] if match else []
        if not numbers or 0 in numbers:
            raise UsageError(
                f"{text!r} is no shape",
                why="it is written B,T,C,H,W:hidden, in whole numbers from 1 up",
                hint=f"--shapes {CLIPS[0]}",
            )
        return cls(*numbers)

    @property
    def step(self) -> "Shape":
        """One frame of one sample."""
        return replace(self, batch=1, frames=1)

    def __str__(self) -> str:
        frames = (self.batch, self.frames, self.channels, self.height, self.width)
        return f"{','.join(map(str, frames))}:{self.hidden}"


CLIPS = (Shape(4, 10, 64, 64, 64, 64), Shape(8, 10, 64, 32, 32, 64), Shape(16, 10, 64, 16, 16, 64))
"""What is measured unless told otherwise."""

STEPS = (Shape(1, 1, 16, 32, 32, 16), Shape(1, 1, 32, 64, 64, 32), Shape(1, 1, 64, 64, 64, 64))
"""The same for single steps."""

SCALING = Shape(4, 8, 32, 32, 32, 32)
"""The middle from which one size at a time varies."""
