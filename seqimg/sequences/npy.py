"""The raw bytes of an array in a `.npy` file or in a `.npz` archive."""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.sequences.base import SequenceError

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
_MEMBER = "frames"
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
    def inspect(cls, path: Path) -> "NpyFile":
        """Read the header.

        Raises:
            SequenceError: The file is no array, or an archive of several.
        """
        try:
            with path.open("rb") as file:
                member = _member(path) if file.read(2) == b"PK" else None
            with _opened(path, member) as (file, size):
                # Only as much as an honest header needs: a compressed one may unpack to gigabytes.
                head = io.BytesIO(file.read(_HEADER_BYTES))
            shape, fortran, dtype = _parse(head)
        except BAD_FILE as error:
            reason = (
                "the file is empty"
                if not path.stat().st_size
                else f"it is no NumPy array: {_first_line(error)}"
            )
            raise SequenceError(f"cannot read {path}", why=reason) from error
        return cls(path, member, shape, dtype, fortran, head.tell(), size - head.tell())

    def chunks(self, size: int, count: int) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        """Yield the data in `count` pieces of `size` bytes, each in memory of its own.

        Raises:
            SequenceError: The data ends early or does not unpack.
        """
        with _opened(self.path, self.member) as (file, _):
            file.seek(self.start)
            for _ in range(count):
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


def _member(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
    if f"{_MEMBER}.npy" in names:
        return f"{_MEMBER}.npy"
    if len(names) != 1:
        shown = ", ".join(name.removesuffix(".npy") for name in names[:8]) or "none"
        raise SequenceError(
            f"cannot tell which array of {path} holds the frames",
            why=f"its arrays: {shown}",
            hint=f"save it alone, or call it {_MEMBER!r}",
        )
    return names[0]


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
