"""Motion: as a picture, and taken out."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import hsv2rgb
from skimage.registration import optical_flow_ilk, optical_flow_tvl1, phase_cross_correlation
from skimage.transform import resize

from seqimg.sequences import SequenceInfo, TimedFrame
from seqimg_filter.framewise import to_grey
from seqimg_filter.pixels import Floats, filled, has_alpha, with_channels
from seqimg_filter.temporal.stream import StreamStep, check_held

__all__ = ["FlowPicture", "Stabilise", "flow_colours"]

_REGISTERED = (
    256  # longer side, in pixels, of what is registered: the finer parts of a pixel come from upsampling
)


def flow_colours(flow: NDArray[np.floating[Any]], fastest: float) -> Floats:
    """Return motion `[2, H, W]` (down, right), in pixels, as colours `[H, W, 3]`.

    Hue 0, red, is motion to the right; it turns as a clock's hand does: yellow-green down, cyan left, violet up.
    Black is stillness.

    Example:
        >>> flow_colours(np.array([[[0.0]], [[8.0]]]), 8).ravel().tolist()
        [1.0, 0.0, 0.0]
    """
    down, right = flow
    hue = np.arctan2(down, right) / (2 * np.pi) % 1
    speed = np.minimum(np.hypot(down, right) / fastest, 1)
    colours: Floats = hsv2rgb(np.stack([hue, np.ones_like(hue), speed], axis=-1))
    return colours


class FlowPicture(StreamStep):
    """The motion from the frame before to each frame, as colours; black at the first."""

    def __init__(self, info: SequenceInfo, *, method: str, radius: int, fastest: float, longer: int) -> None:
        super().__init__(with_channels(info, 3))
        self._method, self._radius, self._fastest, self._longer = method, radius, fastest, longer
        self._channels = info.channels - has_alpha(info)

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the picture `[H, W, 3]` of each frame."""
        before: Floats | None = None
        for frame in frames:
            size = frame.pixels.shape[:2]
            grey = _small(_grey(frame, self._channels), self._longer or max(size))
            flow: NDArray[np.floating[Any]] = (
                np.zeros((2, *grey.shape)) if before is None else self._flow(before, grey)
            )
            before = grey
            if grey.shape != size:
                scale = np.array(size)[:, None, None] / np.array(grey.shape)[:, None, None]
                flow = resize(flow, (2, *size), order=1, preserve_range=True) * scale
            yield replace(frame, pixels=flow_colours(flow, self._fastest).astype(frame.pixels.dtype))

    def _flow(self, before: Floats, grey: Floats) -> NDArray[np.floating[Any]]:
        if (before == grey).all():
            return np.zeros((2, *grey.shape))
        flow: NDArray[np.floating[Any]]
        if self._method == "tvl1":
            flow = optical_flow_tvl1(before, grey)
        else:
            flow = optical_flow_ilk(before, grey, radius=self._radius)
        finite: NDArray[np.floating[Any]] = np.nan_to_num(flow)
        return finite


class Stabilise(StreamStep):
    """Frames shifted so that the camera's path is smooth.

    Each frame is registered with the one before it by phase correlation; the shifts add up to a path, and
    each frame is moved from its place on the path to the mean of the places about it.
    """

    def __init__(self, info: SequenceInfo, *, smooth: int, upsample: int, largest: float, edge: str) -> None:
        super().__init__(info)
        self._smooth, self._upsample, self._largest, self._edge = smooth, upsample, largest, edge
        self._channels = info.channels - has_alpha(info)
        if edge == "missing" and info.fill_value is None and info.dtype.startswith("uint"):
            self.notes.append("integers without --fill-value cannot miss values: beyond the edge is 0")

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield the frames, moved."""
        cuts = 0
        for scene in _scenes(self._placed(frames)):
            cuts += 1
            yield from self._steadied(scene)
        if cuts > 1:
            self.notes.append(f"stabilised {cuts} scenes, each by itself")

    def _placed(self, frames: Iterator[TimedFrame]) -> Iterator[tuple[TimedFrame, NDArray[np.float64], bool]]:
        """Yield each frame, where the scene lies in it, and whether it begins one."""
        before: Floats | None = None
        place = np.zeros(2)
        for frame in frames:
            grey = _small(_grey(frame, self._channels), _REGISTERED)
            shift = np.zeros(2) if before is None else self._shift(before, grey, frame)
            begins = bool(np.isnan(shift).any())
            place = np.zeros(2) if begins else place + shift
            before = grey
            yield frame, place, begins

    def _shift(self, before: Floats, grey: Floats, frame: TimedFrame) -> NDArray[np.float64]:
        """Return how far, down and right, the scene has moved in pixels of the frame; NaN after a cut."""
        if before.std() == 0 or grey.std() == 0 or (before == grey).all():
            return np.zeros(2)
        window = np.outer(np.hanning(grey.shape[0] + 2)[1:-1], np.hanning(grey.shape[1] + 2)[1:-1])
        pair = [(picture - picture.mean()) * window for picture in (before, grey)]
        # Normalised phases find shifts of textures; where light alone tells, they are noise.
        found = phase_cross_correlation(*pair, upsample_factor=self._upsample * 4, normalization=None)[0]
        sides = np.array(grey.shape)
        if (np.abs(found) > self._largest * sides).any() or _unlike(before, grey):
            return np.full(2, np.nan)
        scale = np.array(frame.pixels.shape[:2]) / sides
        moved: NDArray[np.float64] = -np.asarray(found, np.float64) * scale
        return moved

    def _steadied(
        self, scene: Iterator[tuple[TimedFrame, NDArray[np.float64], bool]]
    ) -> Iterator[TimedFrame]:
        if self._smooth == 0:
            for frame, place, _ in scene:
                yield self._moved(frame, -place)
            return
        held: deque[tuple[TimedFrame, NDArray[np.float64]]] = deque()
        at = 0
        for frame, place, _ in scene:
            check_held(frame, 2 * self._smooth + 1)
            held.append((frame, place))
            if len(held) - 1 - at >= self._smooth:
                yield self._smoothed(held, at)
                at = self._next(held, at)
        while at < len(held):
            yield self._smoothed(held, at)
            at = self._next(held, at)

    def _next(self, held: deque[tuple[TimedFrame, NDArray[np.float64]]], at: int) -> int:
        if at < self._smooth:
            return at + 1
        held.popleft()
        return at

    def _smoothed(self, held: deque[tuple[TimedFrame, NDArray[np.float64]]], at: int) -> TimedFrame:
        # As many on one side as on the other, or the path would bend at both ends.
        reach = min(at, len(held) - 1 - at, self._smooth)
        near = [held[i][1] for i in range(at - reach, at + reach + 1)]
        frame, place = held[at]
        return self._moved(frame, np.mean(near, axis=0) - place)

    def _moved(self, frame: TimedFrame, by: NDArray[np.float64]) -> TimedFrame:
        values: Floats = frame.pixels  # type: ignore[assignment]  # values
        if np.abs(by).max() < 0.05:
            return frame
        there, missing = filled(values)
        mode, fill = ("constant", np.nan) if self._edge == "missing" else (self._edge, 0.0)
        # Cubic: linear interpolation would make frames softer and sharper in turn, as they fall between pixels.
        parts = [
            ndimage.shift(there[..., i], by, order=3, mode=mode, cval=fill) for i in range(there.shape[2])
        ]
        moved = np.stack(parts, axis=2).clip(there.min(), there.max())
        if missing is not None:
            moved[ndimage.shift(missing.astype(np.float32), (*by, 0), order=1, mode="nearest") > 0.5] = np.nan
        return replace(frame, pixels=moved)


def _scenes(placed: Iterator[tuple[TimedFrame, NDArray[np.float64], bool]]) -> Iterator[Iterator[Any]]:
    """Split at the frames that begin a scene; each is to be gone through before the next."""
    following = next(placed, None)

    def scene() -> Iterator[Any]:
        nonlocal following
        assert following is not None, "a scene has a first frame"
        yield following
        for following in chain(placed, [None]):
            if following is None or following[2]:
                return
            yield following

    while following is not None:
        yield scene()


def _grey(frame: TimedFrame, channels: int) -> Floats:
    values: Floats = frame.pixels  # type: ignore[assignment]  # values
    return to_grey(filled(values)[0][..., :channels])


def _small(grey: Floats, most: int) -> Floats:
    longer = max(grey.shape)
    if longer <= most:
        return grey
    size = tuple(max(1, round(side * most / longer)) for side in grey.shape)
    small: Floats = resize(grey, size, order=1, anti_aliasing=True, preserve_range=True)
    return small


def _unlike(before: Floats, grey: Floats) -> bool:
    """Tell whether two frames have next to nothing in common, coarsely seen."""
    coarse = [
        resize(picture, (8, 8), order=1, anti_aliasing=True, preserve_range=True)
        for picture in (before, grey)
    ]
    spread = max(float(np.std(coarse[0])), float(np.std(coarse[1])), 1e-3)
    return float(np.abs(coarse[0] - coarse[1]).mean()) > 1.2 * spread
