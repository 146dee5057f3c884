"""Values that operations compute with: gaps closed, alpha told apart."""

from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqimg.sequences import SequenceInfo
from seqimg.sequences.values import Values, to_pixels, to_values

__all__ = ["Floats", "filled", "has_alpha", "to_pixels", "to_values", "with_channels"]

Floats: TypeAlias = Values
"""`[H, W, C]`, 0 and 1 the ends of the declared range, NaN where there is no value."""


def filled(values: Floats) -> tuple[Floats, NDArray[np.bool_] | None]:
    """Return values without NaN, each as the nearest that is there, and where there was none; None if nowhere.

    Infinite values of floats become the greatest finite ones of their sign; they are no values to compute with.
    """
    bad = ~np.isfinite(values)
    if not bad.any():
        return values, None
    from scipy import ndimage

    missing = np.isnan(values)
    done = np.nan_to_num(values, nan=np.nan, posinf=1.0, neginf=0.0)
    for i in range(values.shape[2]):
        absent = missing[..., i]
        if absent.all():
            done[..., i] = 0
        elif absent.any():
            rows, columns = ndimage.distance_transform_edt(
                absent, return_distances=False, return_indices=True
            )
            done[..., i] = done[rows, columns, i]
    return done, missing


def has_alpha(info: SequenceInfo) -> bool:
    """Tell whether the last channel says how opaque a pixel is."""
    return info.channels in (2, 4) and info.channel_names[-1] == "alpha"


def with_channels(info: SequenceInfo, channels: int) -> SequenceInfo:
    """Return `info` with another number of channels, under their usual names."""
    return info if channels == info.channels else replace(info, channels=channels, channel_names=())
