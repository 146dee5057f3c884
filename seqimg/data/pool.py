"""One temporary file for the frames of any number of sequences."""

import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import SeqimgError

__all__ = ["FramePool", "Stretch"]

_ALIGNED = 64


class FramePool:
    """An unnamed temporary file that sequences are appended to, one after the other.

    However many there are, it takes one file handle. Its space is free once nothing refers to it.

    Example:
        >>> pool = FramePool()
        >>> with pool.stretch(np.dtype(np.uint8), (2, 2)) as stretch:
        ...     stretch.append(np.full((2, 2), 7, np.uint8))
        >>> stretch.pixels.shape, int(stretch.pixels.max())
        ((1, 2, 2), 7)
    """

    def __init__(self) -> None:
        # Unbuffered, or a full disk would be met once more on closing.
        self._hold(tempfile.TemporaryFile(prefix="seqimg-", buffering=0), 0)  # noqa: SIM115

    def _hold(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        self._map: mmap.mmap | None = None
        finalize(self, file.close)

    def check_room(self, path: str, needed: int) -> None:
        """Refuse what the temporary folder has no room for.

        Raises:
            SeqimgError: `needed` bytes are more than are free.
        """
        folder = Path(tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise _no_room(
                f"{path} needs {needed / 1e9:.1f} GB of temporary space, {folder} has {free / 1e9:.1f} GB"
            )

    @contextmanager
    def stretch(self, dtype: "np.dtype[np.generic]", shape: tuple[int, ...]) -> "Iterator[Stretch]":
        """Give out the end of the file for frames of one kind; what an error leaves behind is cut off."""
        begin = -(-self._size // _ALIGNED) * _ALIGNED
        stretch = Stretch(self, begin, dtype, shape)
        try:
            self._file.seek(begin)
            yield stretch
        except BaseException:
            self._file.truncate(self._size)
            raise
        self._size = begin + stretch.nbytes

    def write(self, frame: bytes) -> None:
        """Append bytes to the stretch that is open.

        Raises:
            SeqimgError: The disk is full.
        """
        left = memoryview(frame)
        try:
            while left:  # an unbuffered file may take less than all
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _no_room(f"cannot write to {tempfile.gettempdir()}: {error.strerror}") from error

    def mapped(self, end: int) -> mmap.mmap:
        """Return the file as memory, at least up to `end`."""
        if self._map is None or len(self._map) < end:
            self._map = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)
        return self._map

    def __reduce__(self) -> tuple[Any, ...]:
        """Hand the open file to a child process that is being started; it is not copied."""
        from multiprocessing.reduction import DupFd  # not everywhere

        return _received, (DupFd(self._file.fileno()), self._size)


class Stretch:
    """The frames of one sequence in a pool.

    Args:
        pool: The file.
        begin: Where they begin in it.
        dtype: dtype of the values.
        shape: Shape of a frame.
    """

    def __init__(
        self, pool: FramePool, begin: int, dtype: "np.dtype[np.generic]", shape: tuple[int, ...]
    ) -> None:
        self._pool, self._begin, self._dtype, self._shape = pool, begin, dtype, shape
        self._count = 0
        self._pixels: NDArray[np.generic] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes written so far."""
        return self._count * math.prod(self._shape) * self._dtype.itemsize

    def append(self, frame: NDArray[np.generic]) -> None:
        """Write one frame of the stretch's shape and dtype."""
        self._pool.write(frame.tobytes())
        self._count += 1

    @property
    def pixels(self) -> NDArray[np.generic]:
        """All frames written, `[T, …]`, read-only."""
        if self._pixels is None:
            memory = self._pool.mapped(self._begin + self.nbytes)
            count = self._count * math.prod(self._shape)
            flat: NDArray[np.generic] = np.frombuffer(memory, self._dtype, count, self._begin)
            self._pixels = flat.reshape(self._count, *self._shape)
        return self._pixels

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_pixels": None}


def _received(handle: Any, size: int) -> FramePool:
    pool = FramePool.__new__(FramePool)
    pool._hold(os.fdopen(handle.detach(), "rb", buffering=0), size)
    return pool


def _no_room(message: str) -> SeqimgError:
    elsewhere = ", or TMPDIR=/somewhere/larger" if os.name == "posix" else ""
    return SeqimgError(
        message,
        why="frames are read in random order, so they are decoded once to disk",
        hint=f"a smaller --size{elsewhere}, or --cache none",
    )
