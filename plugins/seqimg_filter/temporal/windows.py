"""Means, medians and extremes over time."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from seqimg.sequences import SequenceInfo, TimedFrame
from seqimg_filter.pixels import Floats
from seqimg_filter.temporal.stream import StreamStep, windows

__all__ = ["ExponentialMean", "TemporalDenoise", "Windowed"]

_HOW: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "mean": (np.mean, np.nanmean),
    "median": (np.median, np.nanmedian),
    "max": (np.max, np.nanmax),
    "min": (np.min, np.nanmin),
}


class Windowed(StreamStep):
    """A figure of each pixel over the frames of a window; missing values are left out.

    Args:
        info: What the frames are.
        how: Which figure.
        frames: Frames in a window.
        centred: Whether it lies about the frame, rather than end with it.
    """

    def __init__(self, info: SequenceInfo, *, how: str, frames: int, centred: bool) -> None:
        super().__init__(info)
        self._plain, self._missing = _HOW[how]
        self._before = frames // 2 if centred else frames - 1
        self._after = frames - 1 - self._before

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the figure at each frame."""
        for frame, window in windows(frames, self._before, self._after):
            stack: Floats = np.stack([other.pixels for other in window])
            yield replace(frame, pixels=self._figure(stack).astype(stack.dtype))

    def _figure(self, stack: Floats) -> Floats:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", RuntimeWarning
            )  # a pixel that is missing everywhere stays missing
            done: Floats = (self._missing if np.isnan(stack).any() else self._plain)(stack, axis=0)
        return done


class ExponentialMean(StreamStep):
    """A mean in which each new frame counts `alpha`; a missing value changes nothing."""

    def __init__(self, info: SequenceInfo, *, alpha: float) -> None:
        super().__init__(info)
        self._alpha = alpha

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the mean at each frame."""
        mean: Floats | None = None
        for frame in frames:
            mean = followed(mean, frame.pixels, self._alpha)
            yield replace(frame, pixels=mean.astype(frame.pixels.dtype))


class TemporalDenoise(StreamStep):
    """A mean over a centred window in which pixels count the less, the more their surroundings have changed.

    A pixel of another frame has the weight exp(-d²/2s²), where d is the root mean square of the differences
    in its 5 by 5 neighbourhood and all channels, less what two frames differ by anyway if `strength` is the
    noise's standard deviation, and s is `strength`.
    """

    def __init__(self, info: SequenceInfo, *, frames: int, strength: float) -> None:
        super().__init__(info)
        self._before, self._after = frames // 2, frames - 1 - frames // 2
        self._strength = strength

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the mean at each frame."""
        for frame, window in windows(frames, self._before, self._after):
            centre: Floats = frame.pixels  # type: ignore[assignment]  # values
            total, weights = np.zeros(centre.shape), np.zeros(centre.shape)
            for other in window:
                weight = self._weight(centre, other.pixels)  # type: ignore[arg-type]
                total += np.where(weight > 0, weight * np.nan_to_num(other.pixels), 0)
                weights += weight
            with np.errstate(invalid="ignore"):
                mean = total / weights
            yield replace(frame, pixels=np.where(np.isnan(centre), np.nan, mean).astype(centre.dtype))

    def _weight(self, centre: Floats, other: Floats) -> Floats:
        """Return weights `[H, W, C]`."""
        if other is centre:
            return np.where(np.isnan(centre), 0.0, 1.0)
        squares = np.nan_to_num((other - centre) ** 2).mean(axis=2)
        distance = np.maximum(ndimage.uniform_filter(squares, 5) - 2 * self._strength**2, 0)
        weight = np.exp(-distance / (2 * self._strength**2))[:, :, None]
        return np.where(np.isnan(other), 0.0, weight)


def followed(mean: Floats | None, values: Any, share: float) -> Floats:
    """Return a running mean after one frame more, `[H, W, C]`; float64, so that small steps are not lost."""
    if mean is None:
        return np.array(values, np.float64)
    new = np.where(np.isnan(values), mean, values)
    return np.where(np.isnan(mean), new, mean + share * (new - mean))
