"""Stacks of frames in files that are read by slices: HDF5, Zarr."""

import math
from abc import abstractmethod
from collections.abc import Generator, Mapping
from collections.abc import Sequence as Several
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UsageError
from seqimg.sequences.arrays.axes import Axes, detect_axes, given_axes, named_axes
from seqimg.sequences.arrays.ranges import found_range, missing_note
from seqimg.sequences.arrays.reader import checked_dtype
from seqimg.sequences.base import (
    ASSUMED_FPS,
    Damage,
    OnError,
    Sequence,
    SequenceError,
    SequenceInfo,
    TimedFrame,
)
from seqimg.sequences.limits import (
    MAX_CHUNK,
    check_fill_value,
    check_limit,
    check_size,
    check_value_range,
    value_range_of,
)
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["SlicedSequence", "Stack", "missing_of"]

_SLAB = 2**26  # bytes read at a time, at most, unless one frame has more
_MISSING = ("_FillValue", "missing_value", "fill_value", "fillvalue")
_PACKED = ("scale_factor", "add_offset")


@dataclass(frozen=True)
class Stack:
    """An array as its file describes it.

    Attributes:
        name: Its name within the file.
        shape: Size of each axis.
        dtype: dtype, byte order included.
        chunks: What is stored, and unpacked, as one; None if there is no such thing.
        axis_names: What the file calls its axes, `""` where nothing.
        attributes: What else it says.
        fill_value: What absent parts are read as, if that was chosen.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    axis_names: tuple[str, ...]
    attributes: Mapping[str, Any]
    fill_value: float | None


class SlicedSequence(Sequence):
    """A stack of frames that is read a few frames at a time, as it is chunked.

    Args:
        path: The file.
        stack: The array in it.
        format_name: The format's name.
        axes: What each axis is, or None to tell.
        value_range: The values that mean black and white, or None to tell.
        fill_value: A value that stands for a missing one; by default the one the file states.
        on_error: What to do about damage.

    Raises:
        SequenceError: The array holds no frames.
        UsageError: The order of its axes is ambiguous, or an option does not fit.
    """

    def __init__(
        self,
        path: Path,
        stack: Stack,
        *,
        format_name: str,
        axes: str | None,
        value_range: tuple[float, float] | None,
        fill_value: float | None,
        on_error: OnError,
    ) -> None:
        self._path, self._stack, self._on_error = path, stack, on_error
        dtype = checked_dtype(path, stack.dtype)
        self._axes = _axes_of(path, stack, axes)
        sizes = self._axes.sizes(stack.shape)
        height, width, channels, count = sizes["H"], sizes["W"], sizes.get("C", 1), sizes["T"]
        check_size(path, height, width, channels)
        if count < 1:
            raise SequenceError(f"cannot read {path}", why="it holds no frames")
        item = stack.dtype.itemsize
        if stack.chunks is not None:
            check_limit(path, "bytes in a chunk", math.prod(stack.chunks) * item, MAX_CHUNK)
        chunk = stack.chunks[self._axes.letters.index("T")] if stack.chunks else 1
        self._slab = max(1, min(chunk, _SLAB // (height * width * channels * item)))
        found = missing_of(stack, dtype) if fill_value is None else check_fill_value(fill_value, dtype)
        declared = value_range and check_value_range(value_range)
        packed = [
            f"{name} {_shown(stack.attributes[name])} not applied"
            for name in _PACKED
            if name in stack.attributes
        ]
        super().__init__(
            SequenceInfo(
                path=str(path),
                format=format_name,
                height=height,
                width=width,
                channels=channels,
                dtype=dtype,
                value_range=declared or value_range_of(dtype),
                fill_value=found,
                frame_count=count,
                notes=(*_name_note(stack), f"axes {self._axes.letters}", *packed, *missing_note(found)),
            )
        )
        if declared is None and dtype.startswith("float"):
            self.info = found_range(self)

    @abstractmethod
    def _opened(self) -> AbstractContextManager[Any]:
        """Open the array: what it yields is sliced, one slice for each axis."""

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pick(range(self.info.frame_count or 0))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        count = self.info.frame_count or 0
        with self._opened() as array:
            start, slab = 0, np.empty(0)
            for index in indices:
                if index >= count:
                    return
                at = index - start
                if not 0 <= at < len(slab):
                    start = index - index % self._slab
                    loaded = self._load(array, index, start, min(count, start + self._slab))
                    if loaded is None:
                        if self._on_error == "truncate":
                            return
                        slab = np.empty(0)
                        continue
                    start, slab = loaded
                    at = index - start
                yield TimedFrame(index, float(Fraction(index) / ASSUMED_FPS), self._pixels(slab[at]))

    def _load(self, array: Any, index: int, start: int, stop: int) -> tuple[int, NDArray[Any]] | None:
        """Return frames about one and the place of the first of them; None if that one is damaged."""
        ranges = [(start, stop)] if stop - start == 1 else [(start, stop), (index, index + 1)]
        time = self._axes.letters.index("T")
        for begin, end in ranges:
            slices = tuple(
                slice(begin, end) if axis == time else slice(None) for axis in range(len(self._stack.shape))
            )
            try:
                return begin, np.moveaxis(_sliced(array, slices), time, 0)
            except SequenceError as error:
                failure = error
        if self._on_error == "error":
            raise SequenceError(
                f"{self._path} is damaged at frame {index}", why=failure.message, hint="--on-error skip"
            ) from failure
        self.damage.append(Damage(index, None if self._on_error == "truncate" else 1, failure.message))
        return None

    def _pixels(self, frame: NDArray[Any]) -> Pixels:
        return np.array(self._axes.to_hwc(frame), dtype=self.info.dtype, order="C")


def _name_note(stack: Stack) -> tuple[str, ...]:
    return () if stack.name.strip("/") == "" else (f"array {stack.name}",)


def _sliced(array: Any, slices: tuple[slice, ...]) -> NDArray[Any]:
    try:
        return np.asarray(array[slices])
    # Decoders meet hostile files with exceptions of any kind, and each is the file's fault.
    except Exception as error:
        raise SequenceError(f"{type(error).__name__}: {error}".splitlines()[0]) from error


def missing_of(stack: Stack, dtype: str) -> float | None:
    """Return the value that stands for missing ones, as the array states it, or None."""
    stated = [stack.attributes[name] for name in _MISSING if name in stack.attributes]
    for value in (*stated, stack.fill_value):
        try:
            number = float(np.asarray(value, np.float64).ravel()[0])
            return None if math.isnan(number) else check_fill_value(number, dtype)
        except (TypeError, ValueError, IndexError, UsageError):
            continue
    return None


def _axes_of(path: Path, stack: Stack, axes: str | None) -> Axes:
    if axes:
        return given_axes(path, stack.shape, axes)
    return named_axes(stack.axis_names) or detect_axes(f"{path}, array {stack.name},", stack.shape)


def _shown(value: Any) -> str:
    return str(np.asarray(value).ravel()[0])
