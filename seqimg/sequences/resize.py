"""Frames in another size, without aliasing, in their own dtype."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seqimg.sequences.base import SequenceInfo
from seqimg.sequences.limits import value_range_of
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["Resizer"]


class Resizer:
    """Resamples frames to a size of their own dtype, channels and missing values.

    8-bit frames that can miss nothing are resampled with a cubic filter. For all others it is a
    triangle, which never leaves the range of what it averages: no negative rain beside strong rain.
    Both are as wide as the step between the new pixels, so that nothing finer aliases.

    A missing value spreads no further than the filter reaches: a new value is the mean of those that
    are there, and missing only where more than half of what it is made of is.

    Args:
        info: What the frames are.
        height: The new height in pixels.
        width: The new width in pixels.

    Example:
        >>> info = SequenceInfo(
        ...     path="", format="", height=4, width=4, channels=1, dtype="float32", value_range=(0, 1)
        ... )
        >>> frame = np.ones((4, 4, 1), np.float32)
        >>> frame[:2, :2] = np.nan
        >>> Resizer(info, 2, 2)(frame)[..., 0]
        array([[nan,  1.],
               [ 1.,  1.]], dtype=float32)
    """

    def __init__(self, info: SequenceInfo, height: int, width: int) -> None:
        self._info, self._size = info, (height, width)
        self._smooth = info.dtype == "uint8" and info.fill_value is None
        self._taps = (_taps(info.height, height), _taps(info.width, width))

    def __call__(self, frame: Pixels) -> Pixels:
        """Return `frame`, `[H, W, C]`, as `[height, width, C]` of the same dtype."""
        if frame.shape[:2] == self._size:
            return frame
        return self._cubic(frame) if self._smooth else self._triangle(frame)

    def _cubic(self, frame: Pixels) -> Pixels:
        height, width = self._size
        channels = frame.shape[2]
        # Colour weighted by opacity is right for pictures; for channels that are no colours nothing is.
        parts = [frame] if channels == 3 else [frame[:, :, [i]] for i in range(channels)]
        if self._info.channel_names[-1:] == ("alpha",) and channels in (2, 4):
            parts = [frame]
        resized = [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(part[:, :, 0] if part.shape[2] == 1 else part)).resize(
                    (width, height), Image.Resampling.BICUBIC
                )
            ).reshape(height, width, -1)
            for part in parts
        ]
        return resized[0] if len(resized) == 1 else np.concatenate(resized, axis=2)

    def _triangle(self, frame: Pixels) -> Pixels:
        exact = np.float64 if frame.dtype == np.float64 else np.float32
        values: NDArray[np.floating] = frame.astype(exact)
        missing = self._info.missing(frame)
        if missing is None:
            values = self._averaged(values)
        else:
            values[missing] = 0
            there = self._averaged((~missing).astype(exact))
            values = self._averaged(values) / np.maximum(there, 0.25)
            values[there < 0.5] = np.nan if self._info.fill_value is None else self._info.fill_value
        if frame.dtype.kind == "f":
            return values.astype(frame.dtype)
        # A mean is never beyond what it is made of, but for rounding.
        rounded: Pixels = np.rint(values).clip(0, value_range_of(str(frame.dtype))[1]).astype(frame.dtype)
        return rounded

    def _averaged(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        rows, columns = self._taps
        upright = rows.sum_along(values, 0)
        return columns.sum_along(upright, 1)


@dataclass(frozen=True, slots=True)
class _Taps:
    """Which old pixels, and with what weights, make up each new one along an axis.

    Attributes:
        places: `[new, taps]`.
        weights: `[new, taps]`, each row sums to 1.
    """

    places: NDArray[np.intp]
    weights: NDArray[np.float64]

    def sum_along(self, values: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        total: NDArray[np.floating] | None = None
        for places, weights in zip(self.places.T, self.weights.T, strict=True):
            part = np.take(values, places, axis)
            part *= weights.astype(values.dtype).reshape(shape)
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None, "there is at least one tap"
        return total


def _taps(old: int, new: int) -> _Taps:
    """Return the taps of a triangle as wide as the coarser of the two grids.

    Example:
        >>> taps = _taps(4, 2)
        >>> [f"{weight:.3f} of {place}" for place, weight in zip(taps.places[0], taps.weights[0]) if weight]
        ['0.429 of 0', '0.429 of 1', '0.143 of 2']
    """
    step = old / new
    reach = max(step, 1.0)
    centres = (np.arange(new) + 0.5) * step - 0.5
    first = np.ceil(centres - reach).astype(np.intp)
    places = first[:, None] + np.arange(math.floor(2 * reach) + 1)
    weights = np.maximum(0.0, 1 - np.abs(places - centres[:, None]) / reach)
    weights *= (places >= 0) & (places < old)
    used = weights.any(axis=0)
    weights /= weights.sum(1, keepdims=True)
    return _Taps(places.clip(0, old - 1)[:, used], weights[:, used])
