"""The raw bytes of an array in a `.npy` file or in a `.npz` archive."""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.errors import UsageError
from seqimg.sequences.arrays.choosing import chosen_array
from seqimg.sequences.base import SequenceError
from seqimg.sequences.limits import MAX_RATIO, check_limit

__all__ = ["BAD_FILE", "NpyFile"]

# What NumPy's header parser and the zip reader raise for files that are not what they seem.
BAD_FILE = (
    ValueError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    EOFError,
    RecursionError,
    MemoryError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
)
_MAX_MEMBERS = 10_000
_HEADER_BYTES = 16384


@dataclass(frozen=True)
class NpyFile:
    """Where an array's bytes are.

    Attributes:
        path: The file.
        member: Its name in the archive; None if the file itself is the array.
        shape: Size of each axis.
        dtype: dtype, byte order included.
        fortran: Whether the first axis varies fastest.
        start: Where the data begins.
        size: How many bytes of data there are; an archive's is its own claim.
    """

    path: Path
    member: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    start: int
    size: int

    @classmethod
    def inspect(cls, path: Path, array: str | None = None) -> "NpyFile":
        """Read the header.

        Args:
            path: The file.
            array: Which array of an archive; None for the only one that can hold frames.

        Raises:
            SequenceError: The file is no array, or an archive of several.
            UsageError: There is no such array.
        """
        try:
            with path.open("rb") as file:
                is_archive = file.read(2) == b"PK"
            if array and not is_archive:
                raise UsageError(f"array means nothing for {path}", why="it holds a single array")
            member = _member(path, array) if is_archive else None
            head, size, (shape, fortran, dtype) = _header(path, member)
        except BAD_FILE as error:
            reason = (
                "the file is empty"
                if not path.stat().st_size
                else f"it is no NumPy array: {_first_line(error)}"
            )
            raise SequenceError(f"cannot read {path}", why=reason) from error
        return cls(path, member, shape, dtype, fortran, head.tell(), size - head.tell())

    def chunks(self, size: int, places: Iterable[int]) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        """Yield pieces of `size` bytes, at rising places, each in memory of its own.

        Raises:
            SequenceError: The data ends early or does not unpack.
        """
        with _opened(self.path, self.member) as (file, _):
            for place in places:
                file.seek(self.start + place * size)
                chunk = np.empty(size, np.uint8)
                filled = 0
                while filled < size:
                    # Archives hand out a little at a time.
                    piece = file.readinto(chunk[filled:].data)
                    if not piece:
                        raise EOFError("the data ends here")
                    filled += piece
                yield chunk


def _parse(head: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(head)
    if version not in readers:
        raise ValueError(f"format version {version} holds no numbers")
    return readers[version](head)


def _header(
    path: Path, member: str | None
) -> tuple[io.BytesIO, int, tuple[tuple[int, ...], bool, np.dtype[Any]]]:
    with _opened(path, member) as (file, size):
        # Only as much as an honest header needs: a compressed one may unpack to gigabytes.
        head = io.BytesIO(file.read(_HEADER_BYTES))
    return head, size, _parse(head)


def _member(path: Path, asked: str | None) -> str:
    """Return the name of the member that holds the frames."""
    with zipfile.ZipFile(path) as archive:
        members = [item for item in archive.infolist() if item.filename.endswith(".npy")]
    check_limit(path, "arrays", len(members), _MAX_MEMBERS)
    for item in members:
        parts = item.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise SequenceError(
                f"cannot read {path}", why=f"its member {item.filename!r} has a name that leads out of it"
            )
        allowed = MAX_RATIO * max(item.compress_size, 1)
        check_limit(path, f"bytes unpacked from {item.compress_size:,}", item.file_size, allowed)
    arrays = {}
    for item in members:
        try:
            _, _, (shape, _, dtype) = _header(path, item.filename)
        except BAD_FILE:
            if len(members) == 1:
                raise
            shape, dtype = (), np.dtype(object)  # no frames in it
        arrays[item.filename.removesuffix(".npy")] = (shape, dtype)
    return f"{chosen_array(path, arrays, asked)}.npy"


@contextmanager
def _opened(path: Path, member: str | None) -> Iterator[tuple[Any, int]]:
    """Yield the array's file, header included, and its size in bytes."""
    if member is None:
        with path.open("rb") as file:
            yield file, path.stat().st_size
    else:
        with zipfile.ZipFile(path) as archive, archive.open(member) as inner:
            yield inner, archive.getinfo(member).file_size


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
