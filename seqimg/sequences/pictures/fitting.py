"""Pictures of other sizes, given that of the first."""

from dataclasses import replace

import numpy as np

from seqimg.sequences.base import Fit, SequenceInfo
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.resize import Resizer

__all__ = ["Fitter"]


class Fitter:
    """Gives pictures the size that a sequence has.

    `"resize"` resamples, whatever the proportions. `"crop"` cuts larger pictures and `"pad"` borders
    smaller ones about the middle, and keep every pixel that stays as it is. A border is the fill value,
    NaN for floats without one, and 0 for integers without one.

    Args:
        info: What every frame is to be.
        fit: How.

    Example:
        >>> info = SequenceInfo(
        ...     path="", format="", height=2, width=4, channels=1, dtype="uint8", value_range=(0, 255)
        ... )
        >>> Fitter(info, "pad")(np.full((2, 2, 1), 7, np.uint8))[..., 0].tolist()
        [[0, 7, 7, 0], [0, 7, 7, 0]]
    """

    def __init__(self, info: SequenceInfo, fit: Fit) -> None:
        self._info, self._fit = info, fit
        self._resizer: tuple[tuple[int, int], Resizer] | None = None

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return `pixels`, `[H, W, C]`, in the sequence's size."""
        size = (self._info.height, self._info.width)
        if self._fit == "error" or pixels.shape[:2] == size:
            return pixels
        if self._fit == "resize":
            found = (pixels.shape[0], pixels.shape[1])
            if self._resizer is None or self._resizer[0] != found:
                old = replace(self._info, height=found[0], width=found[1])
                self._resizer = (found, Resizer(old, *size))
            return np.ascontiguousarray(self._resizer[1](pixels))
        return self._about_the_middle(pixels)

    def _about_the_middle(self, pixels: Pixels) -> Pixels:
        info = self._info
        border = info.fill_value
        if border is None:
            border = np.nan if info.dtype.startswith("float") else 0
        fitted: Pixels = np.full((info.height, info.width, pixels.shape[2]), border, pixels.dtype)
        into, out = zip(
            *(_overlap(new, old) for new, old in zip(fitted.shape, pixels.shape[:2], strict=False)),
            strict=True,
        )
        fitted[into] = pixels[out]
        return fitted


def _overlap(new: int, old: int) -> tuple[slice, slice]:
    """Return where the old pixels go to along an axis, and which they are."""
    size = min(new, old)
    to, start = (new - size) // 2, (old - size) // 2
    return slice(to, to + size), slice(start, start + size)
