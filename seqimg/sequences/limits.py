"""Limits on what is read, checked before anything is allocated, and ranges of values."""

import math

from seqimg.errors import UsageError
from seqimg.sequences.base import SequenceError

__all__ = ["MAX_FPS", "MAX_PIXELS", "check_size", "check_value_range", "value_range_of"]

MAX_PIXELS = 2**28
MAX_CHANNELS = 1024
MAX_FPS = 1000
MAX_VALUES = 2**30


def check_size(path: object, height: int, width: int, channels: int) -> None:
    """Refuse frames too large to be meant, before anything is allocated for them.

    Raises:
        SequenceError: A frame is empty or beyond the limits, which the message names.
    """
    if min(height, width, channels) < 1:
        raise SequenceError(
            f"cannot handle {path}", why=f"frames of {width} by {height} with {channels} channels are empty"
        )
    if height * width > MAX_PIXELS or channels > MAX_CHANNELS or height * width * channels > MAX_VALUES:
        raise SequenceError(
            f"cannot handle {path}",
            why=f"frames of {width} by {height} with {channels} channels are over the limit"
            f" ({MAX_PIXELS:,} pixels, {MAX_CHANNELS:,} channels, {MAX_VALUES:,} values)",
        )


def value_range_of(dtype: str) -> tuple[float, float]:
    """Return the range values of `dtype` have by default: all of an integer's, [0, 1] for floats.

    Example:
        >>> value_range_of("uint16"), value_range_of("float32")
        ((0.0, 65535.0), (0.0, 1.0))
    """
    return (0.0, float(2 ** int(dtype[4:]) - 1)) if dtype.startswith("uint") else (0.0, 1.0)


def check_value_range(value_range: tuple[float, float]) -> tuple[float, float]:
    """Return `value_range` as floats.

    Raises:
        UsageError: It is not two finite numbers, the smaller first.
    """
    low, high = map(float, value_range)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(
            f"value range {low:g} to {high:g} is not one", why="two numbers, the smaller first, are needed"
        )
    return low, high
