"""What stays and what changes."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from seqimg.sequences import SequenceInfo, TimedFrame
from seqimg_filter.pixels import Floats, has_alpha, with_channels
from seqimg_filter.temporal.stream import StreamStep, check_held
from seqimg_filter.temporal.windows import followed

__all__ = ["Background", "Foreground", "FrameDifference"]


class _Learnt:
    """A background, learnt frame by frame."""

    def __init__(self, rate: float, method: str) -> None:
        self._rate, self._method = rate, method
        self._background: Floats | None = None

    def after(self, values: Floats) -> Floats:
        """Return the background once it has seen a frame more."""
        if self._background is None or self._method == "mean":
            self._background = followed(self._background, values, self._rate)
            return self._background
        # A step towards each value, however far it is, ends where as many lie above as below.
        away = values - self._background
        step = np.clip(np.nan_to_num(away), -self._rate, self._rate)
        self._background = np.where(np.isnan(self._background), values, self._background + step)
        return self._background


class Background(StreamStep):
    """The background as it is known at each frame."""

    def __init__(self, info: SequenceInfo, *, rate: float, method: str) -> None:
        super().__init__(info)
        self._rate, self._method = rate, method

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the background at each frame."""
        learnt = _Learnt(self._rate, self._method)
        for frame in frames:
            values: Floats = frame.pixels  # type: ignore[assignment]  # values
            yield replace(frame, pixels=learnt.after(values).astype(values.dtype))


class Foreground(StreamStep):
    """Where a frame differs from the background known before it; nowhere in the first."""

    def __init__(self, info: SequenceInfo, *, rate: float, method: str, threshold: float) -> None:
        super().__init__(with_channels(info, 1))
        self._rate, self._method, self._threshold = rate, method, threshold
        self._channels = info.channels - has_alpha(info)

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the mask `[H, W, 1]` of each frame."""
        learnt = _Learnt(self._rate, self._method)
        known: Floats | None = None
        for frame in frames:
            values: Floats = frame.pixels[..., : self._channels]  # type: ignore[assignment]  # values
            away = np.abs(values - (values if known is None else known))
            mask = (away > self._threshold).any(axis=2, keepdims=True)
            known = learnt.after(values)
            yield replace(frame, pixels=np.asarray(mask, values.dtype))


class FrameDifference(StreamStep):
    """How far each value is from that of a frame before; alpha stays as it is."""

    def __init__(self, info: SequenceInfo, *, lag: int) -> None:
        super().__init__(info)
        self._lag, self._channels = lag, info.channels - has_alpha(info)

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the difference at each frame; 0 at the first."""
        before: deque[Floats] = deque(maxlen=self._lag + 1)
        for frame in frames:
            values: Floats = frame.pixels  # type: ignore[assignment]  # values
            check_held(frame, self._lag + 1)
            before.append(values)
            away: Floats = np.abs(values - before[0])
            away[..., self._channels :] = values[..., self._channels :]
            yield replace(frame, pixels=away)
