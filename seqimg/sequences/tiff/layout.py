"""How the pages of a TIFF file make up frames."""

import itertools
import math
import operator
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from seqimg.errors import UsageError
from seqimg.sequences.arrays.axes import Axes, given_axes
from seqimg.sequences.base import SequenceError
from seqimg.sequences.tiff.tags import Pages

__all__ = ["Layout", "Remarks", "laid_out"]

_TIMES = "TZIQ"  # what the frames of a stack may be called, the likeliest first
_SPACE = "YX"
_LETTERS = {"Y": "H", "X": "W", "S": "C", "C": "C"}
_FLOAT = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|inf|nan)"


@dataclass(frozen=True)
class Layout:
    """Which page holds what.

    Attributes:
        leading: Size of each axis that runs over pages.
        page: Shape of a page.
        time: Which of the leading axes is time; None for a single frame.
        axes: The axes of a frame as it is put together: the other leading ones, then those of a page.
        start: Where the pixels begin, if all pages stand one behind the other, uncompressed; else None.
        note: How the axes were taken.
    """

    leading: tuple[int, ...]
    page: tuple[int, ...]
    time: int | None
    axes: Axes
    start: int | None
    note: str

    @property
    def count(self) -> int:
        """Number of frames."""
        return 1 if self.time is None else self.leading[self.time]

    def pages_of(self, frame: int) -> list[int]:
        """Return the pages that a frame is put together from, in order."""
        places = [[frame] if at == self.time else range(size) for at, size in enumerate(self.leading)]
        strides = [math.prod(self.leading[at + 1 :]) for at in range(len(self.leading))]
        return [sum(map(operator.mul, place, strides)) for place in itertools.product(*places)]

    def put_together(self, pages: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Return `[H, W, C]`."""
        inner = tuple(size for at, size in enumerate(self.leading) if at != self.time)
        return self.axes.to_hwc(np.stack(pages).reshape(*inner, *self.page) if inner else pages[0])


@dataclass(frozen=True)
class Remarks:
    """What the description of a file that seqimg wrote says.

    Attributes:
        own: Whether it is one.
        value_range: The values that mean black and white.
        fps: Frames a second.
    """

    own: bool = False
    value_range: tuple[float, float] | None = None
    fps: Fraction | None = None

    @classmethod
    def of(cls, description: str) -> "Remarks":
        r"""Find them in a description.

        Example:
            >>> Remarks.of("ImageJ=1.53\nseqimg=1\nrange=0.0 2.5\nrate=30000/1001\n").value_range
            (0.0, 2.5)
        """
        if not re.search(r"^seqimg=1$", description, re.MULTILINE):
            return cls()
        values = re.search(rf"^range=({_FLOAT}) ({_FLOAT})$", description, re.MULTILINE)
        rate = re.search(r"^rate=(\d{1,9})/([1-9]\d{0,8})$", description, re.MULTILINE)
        low, high = (float(values[1]), float(values[2])) if values else (0.0, 0.0)
        return cls(
            True,
            (low, high) if -math.inf < low < high < math.inf else None,
            Fraction(int(rate[1]), int(rate[2])) if rate and int(rate[1]) else None,
        )


def laid_out(path: Path, file: tifffile.TiffFile, pages: Pages, axes: str | None, *, own: bool) -> Layout:
    """Tell how the pages make up frames.

    Args:
        path: The file, for messages.
        file: It, opened.
        pages: Where its pages are.
        axes: What each axis is, or None to tell.
        own: Whether seqimg wrote it, so that one page may be meant as one frame.

    Raises:
        SequenceError: It holds a single picture, or pictures of several kinds.
        UsageError: More than one axis could be time, or `axes` does not fit.
    """
    page = file.pages.first
    if not (file.is_imagej or file.is_ome or file.is_shaped or file.is_lsm or file.is_stk):
        return _plain(path, page, len(pages.offsets), axes, own=own)
    series = file.series
    if len(series) != 1:
        kinds = ", ".join(f"{one.axes} {one.shape}" for one in series[:4])
        raise SequenceError(
            f"cannot tell which stack of {path} is meant", why=f"it holds {len(series)}: {kinds}"
        )
    letters, shape = str(series[0].get_axes(False)), tuple(int(n) for n in series[0].get_shape(False))
    inner = _page_axes(path, letters, shape, tuple(page.shape))
    leading = tuple(shape[: len(shape) - inner])
    if series[0].dataoffset is None and math.prod(leading) != len(pages.offsets):
        raise SequenceError(
            f"{path} is damaged", why=f"it has {len(pages.offsets)} of {math.prod(leading)} pages"
        )
    return _named(path, letters, shape, inner, series[0].dataoffset, axes, own=own)


def _plain(path: Path, page: tifffile.TiffPage, count: int, axes: str | None, *, own: bool) -> Layout:
    """Lay out a file that says nothing of axes: every page is a frame."""
    if count == 1 and not own:
        raise _one_picture(path)
    letters, shape = "I" + page.axes, (count, *page.shape)
    if axes is None:
        return _named(path, letters, shape, len(page.shape), None, None, own=True)
    return _named(path, letters, shape, len(page.shape), None, axes, own=own)


def _page_axes(path: Path, letters: str, shape: tuple[int, ...], page: tuple[int, ...]) -> int:
    """Return how many of the last axes one page has."""
    size, wanted = 1, math.prod(page)
    for count in range(1, len(shape) + 1):
        size *= shape[-count]
        if size == wanted and set(_SPACE) <= set(letters[-count:]):
            return count
    raise SequenceError(f"cannot read {path}", why=f"its axes {letters} {shape} do not fit its pages {page}")


def _named(
    path: Path,
    letters: str,
    shape: tuple[int, ...],
    inner: int,
    start: int | None,
    axes: str | None,
    *,
    own: bool,
) -> Layout:
    """Give each axis its meaning."""
    outer = len(shape) - inner
    kept = [at for at, size in enumerate(shape) if size > 1 or letters[at] in _SPACE]
    long = [at for at in kept if at < outer and letters[at] not in "CS"]
    time = long[0] if len(long) == 1 else None
    if axes is not None:
        found = given_axes(path, [shape[at] for at in kept], axes).letters
        meaning = dict(zip(kept, found, strict=True))
        time = next(at for at, letter in meaning.items() if letter == "T")
        if time >= outer:
            raise UsageError(f"axes {axes!r} do not fit {path}", why="time runs within its pages there")
    elif len(long) > 1 or sum(letters[at] in "CS" for at in kept) > 1:
        raise UsageError(
            f"the axes of {path} are ambiguous",
            why=f"they are {''.join(letters[at] for at in kept)} {tuple(shape[at] for at in kept)}",
            hint="--axes TCHW, or whatever their order is, with one of T, C, H and W for each",
        )
    elif time is None:
        time = next((at for at in range(outer) if letters[at] in _TIMES), None)
        if not own:
            raise _one_picture(path)
        meaning = {at: _LETTERS.get(letters[at], "") for at in kept}
    else:
        meaning = {at: "T" if at == time else _LETTERS.get(letters[at], "") for at in kept}
    rest = [at for at in range(len(shape)) if at in kept and at != time]
    note = "".join(
        "T" if at == time else meaning[at] for at in sorted({*rest, *([time] if time is not None else [])})
    )
    said = (
        f"axes {note}" if time is None or letters[time] in "TIQ" else f"axes {note}, {letters[time]} as time"
    )
    # Axes of size 1 stand for nothing and are left out.
    return Layout(
        leading=tuple(shape[at] for at in range(outer) if at in kept or at == time),
        page=tuple(shape[at] for at in range(outer, len(shape)) if at in kept),
        time=None if time is None else [at for at in range(outer) if at in kept or at == time].index(time),
        axes=Axes("".join(meaning[at] for at in rest)),
        start=start,
        note=said,
    )


def _one_picture(path: Path) -> SequenceError:
    return SequenceError(f"{path} is one picture, no sequence", hint=f"{path.parent}, the folder it is in")
