"""Frames of any dtype as 8-bit ones, for formats that hold nothing else."""

import numpy as np
from numpy.typing import NDArray

from seqimg.sequences.base import SequenceInfo
from seqimg.sequences.limits import value_range_of
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["EightBit", "unsaid_notes"]


def unsaid_notes(info: SequenceInfo) -> tuple[str, ...]:
    """Say that a file holds missing values as they are, but not that they are missing."""
    known = info.fill_value is None or info.fill_value != info.fill_value
    return () if known else (f"{info.fill_value:g} means missing, which the file cannot say",)


class EightBit:
    """Turns frames into uint8 by their value range, and remembers what that cost.

    Args:
        info: The frames' dtype, value range and fill value. uint8 frames that use the whole range stay
            as they are.

    Attributes:
        notes: What happened so far: scaling, clipping, missing values.

    Example:
        >>> info = SequenceInfo(
        ...     path="", format="", height=1, width=3, channels=1, dtype="float32", value_range=(0, 2)
        ... )
        >>> scale = EightBit(info)
        >>> scale(np.array([[[0.0], [1.0], [3.0]]], np.float32)).ravel()
        array([  0, 128, 255], dtype=uint8)
        >>> scale.notes
        ('0..2 scaled to 8 bits', 'values outside it clipped')
    """

    def __init__(self, info: SequenceInfo) -> None:
        self._info = info
        self._low, self._high = info.value_range
        self._as_is = info.dtype == "uint8" and info.value_range == value_range_of("uint8")
        self.notes: tuple[str, ...] = (
            () if self._as_is else (f"{self._low:g}..{self._high:g} scaled to 8 bits",)
        )

    def __call__(self, frame: Pixels) -> NDArray[np.uint8]:
        """Return `frame` as uint8 of the same shape; missing values become 0."""
        missing = self._info.missing(frame) if self._info.may_miss else None
        if missing is not None:
            self._note("missing values shown as 0")
        if self._as_is:
            there = frame.astype(np.uint8, copy=False)
            return there if missing is None else np.where(missing, np.uint8(0), there)
        # float16 has too few steps, float32 enough for 8 bits from any other dtype.
        values: NDArray[np.floating] = frame.astype(np.float64 if frame.dtype == np.float64 else np.float32)
        values = (values - self._low) * (255 / (self._high - self._low))
        if missing is not None:
            values[missing] = 0
        # Half a step outside still rounds to the ends of the range.
        if values.min() < -0.5 or values.max() > 255.5:
            self._note("values outside it clipped")
        scaled: NDArray[np.uint8] = np.rint(values).clip(0, 255).astype(np.uint8)
        return scaled

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes += (note,)
