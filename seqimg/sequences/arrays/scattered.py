"""Frames of a stack whose time axis is not the slowest, so that each lies scattered over the whole file."""

import math
from collections.abc import Iterable, Iterator
from io import FileIO
from typing import Any

import numpy as np

from seqimg.sequences.arrays.npy import NpyFile
from seqimg.sequences.base import SequenceError
from seqimg.sequences.isolated.pulse import pulse

__all__ = ["MOST_BYTES", "check_scattered", "gathered"]

MOST_BYTES = 2**32
"""Larger files are refused: all of a file is read again for every so many frames."""

_BLOCK = 2**26  # bytes of frames gathered at once
_PIECE = 2**22  # bytes read at once
_FAR = 2**16  # bytes from which on a jump is quicker than reading what lies between

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def check_scattered(file: NpyFile, hint: str) -> None:
    """Refuse a stack whose frames cannot be gathered.

    Args:
        file: The stack.
        hint: What to do instead.

    Raises:
        SequenceError: It is packed, cut short, or larger than can be read over and over.
    """
    needed = math.prod(file.shape) * file.dtype.itemsize
    why = None
    if file.member is not None:
        why = "it is in an archive"
    elif needed > MOST_BYTES:
        why = f"it is over the limit for such files ({MOST_BYTES:,} bytes)"
    elif needed > file.size:
        why = f"it ends after {file.size:,} of {needed:,} bytes, in every frame"
    if why is not None:
        scattered = "time is not its slowest axis, so that each frame is scattered over the whole file"
        raise SequenceError(
            f"cannot read {file.path} frame by frame", why=f"{scattered}, and {why}", hint=hint
        )


def gathered(file: NpyFile, axis: int, places: Iterable[int]) -> Iterator[Bytes]:
    """Yield the bytes of the frames at rising places, in the order they are stored.

    Args:
        file: The stack.
        axis: Which of its axes is time.
        places: The frames wanted.

    Raises:
        EOFError: The data ends early.
    """
    slower, faster = file.shape[:axis], file.shape[axis + 1 :]
    if file.fortran:
        slower, faster = faster, slower
    rows, count, inner = math.prod(slower), file.shape[axis], math.prod(faster) * file.dtype.itemsize
    at_once = max(1, _BLOCK // max(1, rows * inner))
    for block in _blocks(places, at_once):
        first, width = block[0], block[-1] + 1 - block[0]
        frames = _block(file, rows, count * inner, first * inner, width * inner)
        shaped = frames.reshape(rows, width, inner)
        for place in block:
            yield np.ascontiguousarray(shaped[:, place - first]).reshape(-1)


def _blocks(places: Iterable[int], width: int) -> Iterator[list[int]]:
    """Split rising places into runs that span so many frames at most."""
    block: list[int] = []
    for place in places:
        if block and place - block[0] >= width:
            yield block
            block = []
        block.append(place)
    if block:
        yield block


def _block(file: NpyFile, rows: int, stride: int, start: int, length: int) -> Bytes:
    """Return `length` bytes from `start` on of every row, one row after the other."""
    taken = np.empty((rows, length), np.uint8)
    with file.path.open("rb", buffering=0) as source:
        if stride - length >= _FAR:
            for row in range(rows):
                pulse()
                source.seek(file.start + row * stride + start)
                _fill(source, taken[row])
            return taken
        source.seek(file.start)
        some = max(1, _PIECE // stride)
        whole = np.empty((min(some, rows), stride), np.uint8)
        for row in range(0, rows, some):
            pulse()
            part = whole[: min(some, rows - row)]
            _fill(source, part.reshape(-1))
            taken[row : row + len(part)] = part[:, start : start + length]
    return taken


def _fill(source: FileIO, into: Bytes) -> None:
    filled = 0
    while filled < into.size:
        got = source.readinto(into[filled:].data)
        if not got:
            raise EOFError("the data ends here")
        filled += got
