"""Several sequences put together, read in step: frame by frame, whatever their rates."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from seqimg.errors import UsageError
from seqimg.sequences import Sequence as Source
from seqimg.sequences import SequenceInfo, TimedFrame
from seqimg.sequences.limits import check_size
from seqimg_filter.framewise import to_grey
from seqimg_filter.functions.looks import resize
from seqimg_filter.pixels import Floats, filled, has_alpha, to_values, with_channels
from seqimg_filter.temporal.stream import StreamStep

__all__ = ["Above", "Beside", "Blend", "Difference", "Grid", "Mask", "PictureInPicture"]


class _Together(StreamStep):
    """Frames with those of other sequences; ends with the shortest of them, but a single picture is shown throughout.

    Args:
        info: What the frames are.
        others: The other sequences that take part.

    Raises:
        UsageError: Their channels do not go together.
    """

    def __init__(self, info: SequenceInfo, others: Sequence[Source]) -> None:
        self._others = others
        self._channels = _common_channels([info, *(other.info for other in others)])
        self._own = info
        super().__init__(with_channels(info, self._channels + has_alpha(info)))
        for other in others:
            if None not in (info.fps, other.info.fps) and info.fps != other.info.fps:
                self.notes.append(f"{other.info.path} has another frame rate: it is read frame by frame")

    def frames(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield what comes of each frame and those beside it."""
        passes = [_held(other) if other.info.frame_count == 1 else other.timed() for other in self._others]
        count = 0
        for frame in frames:
            beside = [next(reading, None) for reading in passes]
            there = [other for other in beside if other is not None]
            if len(there) < len(beside):
                short = [s.info.path for s, other in zip(self._others, beside, strict=True) if other is None]
                self.notes.append(f"{', '.join(short)} ended after {count} frames; so does the result")
                return
            pictures = [to_values(one.pixels, s.info) for one, s in zip(there, self._others, strict=True)]
            done = self.together(self._brought(frame.pixels, self._own, keep_alpha=True), pictures)  # type: ignore[arg-type]
            yield replace(frame, pixels=done.astype(frame.pixels.dtype, copy=False))
            count += 1
        for reading, other in zip(passes, self._others, strict=True):
            if not other.info.live and other.info.frame_count != 1 and next(reading, None) is not None:
                self.notes.append(f"{other.info.path} goes on after the {count} frames that were needed")

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return the frame that comes of one frame of each.

        Args:
            values: `[H, W, C]`, with the common channels, and alpha if the frames have it.
            others: As they are, with their own sizes and channels.
        """
        raise NotImplementedError

    def _brought(self, values: Floats, info: SequenceInfo, *, keep_alpha: bool = False) -> Floats:
        """Return a frame with the common channels."""
        alpha = has_alpha(info)
        body = values[..., : info.channels - alpha]
        if body.shape[2] != self._channels:
            grey = to_grey(body)[:, :, None]
            body = grey if self._channels == 1 else np.repeat(grey, self._channels, axis=2)
        if alpha and keep_alpha:
            body = np.concatenate([body, values[..., -1:]], axis=2)
        return body

    def _fitting(self, number: int, other: Floats, height: int, width: int) -> tuple[Floats, Floats]:
        """Return the other's frame, of this size and with this one's channels, and its alpha `[height, width, 1]`."""
        info = self._others[number].info
        alpha = other[..., -1:] if has_alpha(info) else np.ones((*other.shape[:2], 1), other.dtype)
        body = np.concatenate([self._brought(other, info), alpha], axis=2)
        if body.shape[:2] != (height, width):
            there, missing = filled(body)
            body = resize(there, width=width, height=height, order=1)
            if missing is not None:
                gone = resize(missing.astype(np.float32), width=width, height=height, order=1)
                body = np.where(gone > 0.5, np.nan, body)
        colours, opaque = body[..., :-1], body[..., -1:]
        if has_alpha(self._own):
            colours = np.concatenate([colours, opaque], axis=2)
        return colours, opaque


class _One(_Together):
    """Frames with those of one other sequence."""

    def __init__(self, info: SequenceInfo, others: Sequence[Source], *, source: int) -> None:
        if source > len(others):
            named = (
                f"{len(others)} {'was' if len(others) == 1 else 'were'} named" if others else "none was named"
            )
            raise UsageError(
                f"there is no sequence {source} beside the first", why=named, hint="--with other.mp4"
            )
        super().__init__(info, [others[source - 1]])


class Blend(_One):
    """Another sequence over this one."""

    def __init__(self, info: SequenceInfo, others: Sequence[Source], *, source: int, alpha: float) -> None:
        super().__init__(info, others, source=source)
        self._alpha = alpha

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return the mixture; where the other has no value, this frame alone."""
        other, opaque = self._fitting(0, others[0], *values.shape[:2])
        weight = np.where(np.isnan(other), 0, self._alpha * np.nan_to_num(opaque))
        weight[..., self._channels :] = 0
        return values + weight * (np.nan_to_num(other) - values)


class Mask(_One):
    """What another sequence marks."""

    def __init__(
        self, info: SequenceInfo, others: Sequence[Source], *, source: int, below: bool, soft: bool
    ) -> None:
        self._grey_other = others[source - 1].info if source <= len(others) else info
        super().__init__(info, [*others], source=source)
        self._below, self._soft = below, soft

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return the frame, dark where the other is."""
        grey = to_grey(others[0][..., : self._grey_other.channels - has_alpha(self._grey_other)])[:, :, None]
        if grey.shape[:2] != values.shape[:2]:
            grey = resize(np.nan_to_num(grey), width=values.shape[1], height=values.shape[0], order=1)
        marked = np.nan_to_num(grey) if self._soft else (np.nan_to_num(grey) > 0.5).astype(values.dtype)
        done = values.copy()
        done[..., : self._channels] *= 1 - marked if self._below else marked
        return done


class Difference(_One):
    """How far another sequence is from this one."""

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return the absolute difference; alpha stays as it is."""
        away = np.abs(values - self._fitting(0, others[0], *values.shape[:2])[0])
        away[..., self._channels :] = values[..., self._channels :]
        return away


class Beside(_One):
    """Another sequence at the right."""

    def __init__(self, info: SequenceInfo, others: Sequence[Source], *, source: int, gap: int) -> None:
        super().__init__(info, others, source=source)
        self._gap = gap

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return both, the other as high as this."""
        height = values.shape[0]
        width = max(1, round(others[0].shape[1] * height / others[0].shape[0]))
        check_size("both together", height, values.shape[1] + self._gap + width, values.shape[2])
        other = self._fitting(0, others[0], height, width)[0]
        gap = np.zeros((height, self._gap, values.shape[2]), values.dtype)
        return np.concatenate([values, gap, other], axis=1)


class Above(Beside):
    """Another sequence below."""

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return both, the other as wide as this."""
        width = values.shape[1]
        height = max(1, round(others[0].shape[0] * width / others[0].shape[1]))
        check_size("both together", values.shape[0] + self._gap + height, width, values.shape[2])
        other = self._fitting(0, others[0], height, width)[0]
        gap = np.zeros((self._gap, width, values.shape[2]), values.dtype)
        return np.concatenate([values, gap, other], axis=0)


class Grid(_Together):
    """This and all others."""

    def __init__(
        self, info: SequenceInfo, others: Sequence[Source], *, gap: int, columns: int | None = None
    ) -> None:
        super().__init__(info, others)
        self._gap, self._columns = gap, columns or math.ceil(math.sqrt(len(others) + 1))

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return the grid, row by row; places left over are dark."""
        height, width, channels = values.shape
        rows = math.ceil((len(others) + 1) / self._columns)
        down, across = height + self._gap, width + self._gap
        check_size("the grid", rows * down, self._columns * across, channels)
        done = np.zeros((rows * down - self._gap, self._columns * across - self._gap, channels), values.dtype)
        fitting = [self._fitting(number, other, height, width)[0] for number, other in enumerate(others)]
        for place, picture in enumerate([values, *fitting]):
            top, left = place // self._columns * down, place % self._columns * across
            done[top : top + height, left : left + width] = picture
        return done


class PictureInPicture(_One):
    """Another sequence in a corner."""

    def __init__(
        self,
        info: SequenceInfo,
        others: Sequence[Source],
        *,
        source: int,
        scale: float,
        corner: str,
        margin: int,
    ) -> None:
        super().__init__(info, others, source=source)
        self._scale, self._corner, self._margin = scale, corner, margin

    def together(self, values: Floats, others: list[Floats]) -> Floats:
        """Return this frame with the other in it, as much of it as there is room for."""
        high, wide = values.shape[:2]
        height = max(1, round(high * self._scale))
        width = max(1, min(wide, round(others[0].shape[1] * height / others[0].shape[0])))
        top = self._margin if self._corner.startswith("top") else high - height - self._margin
        left = self._margin if self._corner.endswith("left") else wide - width - self._margin
        top, left = max(0, min(top, high - height)), max(0, min(left, wide - width))
        other, opaque = self._fitting(0, others[0], height, width)
        done = values.copy()
        part = done[top : top + height, left : left + width]
        part += np.where(np.isnan(other), 0, opaque) * (np.nan_to_num(other) - part)
        return done


def _held(still: Source) -> Iterator[TimedFrame]:
    """Yield the frame of a picture again and again."""
    first = next(iter(still.timed()))
    while True:
        yield first


def _common_channels(infos: Sequence[SequenceInfo]) -> int:
    """Return how many channels, without alpha, frames of all these have together."""
    counts = sorted({info.channels - has_alpha(info) for info in infos})
    if len(counts) > 1 and counts != [1, 3]:
        shown = ", ".join(f"{info.path} has {info.channels}" for info in infos)
        raise UsageError("sequences of such different channels do not go together", why=shown)
    return counts[-1]
