"""Between frames as sources have them and values as operations want them: float, the declared range from 0 to 1.

| source | 0 and 1 are | on the way back |
|---|---|---|
| uint8, uint16 | the ends of the declared value range | rounded, held within what the dtype can say |
| float16, float32, float64 | the same | not rounded, not cut |
| missing values | NaN | the fill value, or NaN in floats without one |
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqimg.sequences.info import SequenceInfo
from seqimg.sequences.limits import value_range_of
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["Values", "to_pixels", "to_values"]

Values = NDArray[np.floating[Any]]
"""`[H, W, C]`, 0 and 1 the ends of the declared range, NaN where there is no value."""


def to_values(pixels: Pixels, info: SequenceInfo) -> Values:
    """Return a frame as values, float32, or float64 where the source is.

    Args:
        pixels: `[H, W, C]` in the source's dtype.
        info: What it is.

    Returns:
        `[H, W, C]` float, NaN where there is no value.

    Example:
        >>> info = SequenceInfo(
        ...     path="", format="", height=1, width=2, channels=1, dtype="uint16",
        ...     value_range=(0, 4095), fill_value=65535,
        ... )
        >>> to_values(np.array([[[4095], [65535]]], np.uint16), info).ravel()
        array([ 1., nan], dtype=float32)
    """
    low, high = info.value_range
    exact = np.float64 if pixels.dtype == np.float64 else np.float32
    values: Values = pixels.astype(exact)
    if (low, high) != (0.0, 1.0):
        values = (values - exact(low)) / exact(high - low)
    if info.may_miss and (missing := info.missing(pixels)) is not None:
        values[missing] = np.nan
    return values


def to_pixels(values: Values, info: SequenceInfo) -> Pixels:
    """Return values as a frame of `info`'s dtype and range; undoes `to_values`.

    Args:
        values: `[H, W, C]` float, NaN where there is no value.
        info: What the frame is to be.

    Returns:
        `[H, W, C]` in the dtype that `info` says.

    Example:
        >>> info = SequenceInfo(
        ...     path="", format="", height=1, width=3, channels=1, dtype="uint8", value_range=(0, 255), fill_value=255
        ... )
        >>> to_pixels(np.array([[[0.5], [1.0], [np.nan]]]), info).ravel()
        array([128, 254, 255], dtype=uint8)
    """
    low, high = info.value_range
    scaled = values if (low, high) == (0.0, 1.0) else values * (high - low) + low
    missing = np.isnan(scaled)
    missed = bool(missing.any())
    if info.dtype.startswith("float"):
        if missed and info.fill_value is not None:
            scaled = np.where(missing, info.fill_value, scaled)
        return scaled.astype(info.dtype, copy=False)
    least, most = value_range_of(info.dtype)
    whole = np.rint(np.where(missing, low, scaled) if missed else scaled).clip(least, most)
    fill = info.fill_value
    if fill is not None:
        # What is there must not look as if it were missing.
        whole[(whole == fill) & ~missing] += 1 if fill <= low else -1
        whole[missing] = fill
    done: Pixels = whole.astype(info.dtype)
    return done
