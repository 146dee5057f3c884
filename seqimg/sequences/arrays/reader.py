"""Stacks of frames in `.npy` and `.npz` files, read one frame at a time."""

import math
from bisect import bisect_left
from collections.abc import Generator
from collections.abc import Sequence as Several
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.sequences.arrays.axes import detect_axes, given_axes
from seqimg.sequences.arrays.npy import BAD_FILE, NpyFile
from seqimg.sequences.arrays.ranges import found_range, missing_note
from seqimg.sequences.arrays.scattered import check_scattered, gathered
from seqimg.sequences.base import (
    ASSUMED_FPS,
    DTYPES,
    Damage,
    OnError,
    Sequence,
    SequenceError,
    SequenceInfo,
    TimedFrame,
)
from seqimg.sequences.limits import check_fill_value, check_size, check_value_range, value_range_of

__all__ = ["ArraySequence", "checked_dtype"]

_HINTS = {
    "bool": "np.save a.astype('uint8') * 255",
    "object": "np.save it as numbers: loading objects could run code, so that is never done",
}


class ArraySequence(Sequence):
    """A stack of frames in a `.npy` file, or in a `.npz` file.

    Frames are read one at a time, never the whole stack, so memory stays flat. Those of a `.npy` file,
    or of an archive that is not compressed, are gone to directly.

    Args:
        path: The file.
        array: For archives, which array; by default the only one that can hold frames, or `frames`.
        axes: What each axis is, for example `"THWC"`: T time, H height, W width, C channels. By default
            `THW`, `THWC` or `TCHW` is told from the shape, if only one is possible.
        value_range: The values that mean black and white; by default all of an integer's range,
            [0, 1] for floats that stay inside it, and otherwise their least and greatest value.
        fill_value: A value that stands for a missing one; NaN always does.
        on_error: What to do about a file that is cut short or damaged. What follows damage cannot be
            trusted, so `"skip"` ends there too.

    Raises:
        SequenceError: The file is damaged, or holds no stack of frames.
        UsageError: The order of its axes is ambiguous, or `axes` does not fit.
    """

    def __init__(
        self,
        path: Path,
        *,
        array: str | None = None,
        axes: str | None = None,
        value_range: tuple[float, float] | None = None,
        fill_value: float | None = None,
        on_error: OnError = "error",
    ) -> None:
        self._on_error = on_error
        self._file = file = NpyFile.inspect(path, array)
        dtype = checked_dtype(path, file.dtype)
        self._axes = given_axes(path, file.shape, axes) if axes else detect_axes(path, file.shape)
        sizes = self._axes.sizes(file.shape)
        height, width, channels = sizes["H"], sizes["W"], sizes.get("C", 1)
        check_size(path, height, width, channels)
        self._together = self._axes.keeps_frames_together(fortran=file.fortran)
        if not self._together:
            check_scattered(file, f"np.save np.ascontiguousarray(a.transpose{self._axes.order_for('THWC')})")
        self._frame_bytes = height * width * channels * file.dtype.itemsize
        count, note = self._count(sizes["T"])
        if not self._together:
            note.append("frames are scattered over the file, which takes longer")
        missing = None if fill_value is None else check_fill_value(fill_value, dtype)
        declared = value_range and check_value_range(value_range)
        super().__init__(
            SequenceInfo(
                path=str(path),
                format="array",
                height=height,
                width=width,
                channels=channels,
                dtype=dtype,
                value_range=declared or value_range_of(dtype),
                fill_value=missing,
                frame_count=count,
                notes=(f"axes {self._axes.letters}", *note, *missing_note(missing)),
            )
        )
        if declared is None and dtype.startswith("float"):
            self.info = found_range(self)

    def _count(self, stated: int) -> tuple[int, list[str]]:
        """Return how many whole frames there are, and what there is to say about it."""
        whole = min(stated, self._file.size // self._frame_bytes)
        if whole == stated > 0:
            return stated, []
        if self._on_error == "error" or not whole:
            raise SequenceError(
                f"cannot read {self._file.path}",
                why=f"it ends after {whole} of {stated} frames" if stated else "it holds no frames",
                hint="--on-error truncate" if whole else None,
            )
        return whole, [f"cut short, {stated} frames stated"]

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pick(range(self.info.frame_count or 0))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        file, count = self._file, self.info.frame_count or 0
        shape = [size for size, letter in zip(file.shape, self._axes.letters, strict=True) if letter != "T"]
        places = indices[: bisect_left(indices, count)]
        if self._together:
            chunks = file.chunks(math.prod(shape) * file.dtype.itemsize, places)
        else:
            chunks = gathered(file, self._axes.letters.index("T"), places)
        for place in places:
            try:
                chunk = next(chunks)
            except BAD_FILE as error:
                if self._on_error == "error":
                    raise SequenceError(
                        f"{file.path} is damaged at frame {place}", why=str(error), hint="--on-error truncate"
                    ) from error
                self.damage.append(Damage(place, None, str(error)))
                return
            stored = chunk.view(file.dtype).reshape(shape, order="F" if file.fortran else "C")
            pixels = np.ascontiguousarray(self._axes.to_hwc(stored), dtype=self.info.dtype)
            yield TimedFrame(place, float(Fraction(place) / ASSUMED_FPS), pixels)


def checked_dtype(path: Path, dtype: np.dtype[Any]) -> str:
    """Return the name of an array's dtype in this machine's byte order.

    Raises:
        SequenceError: Frames cannot have it.
    """
    if dtype.name not in DTYPES:
        raise SequenceError(
            f"cannot read {path}",
            why=f"its values are {dtype.name}; frames are {', '.join(DTYPES)}",
            hint=_HINTS.get(dtype.name, "np.save a.astype('float32')"),
        )
    return dtype.name
