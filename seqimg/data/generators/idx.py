"""Pictures of digits from IDX files, the format of MNIST and its relatives."""

import gzip
import math
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import SeqimgError

__all__ = ["read_idx"]

_MAGIC = b"\0\0\x08\x03"  # unsigned bytes, three axes
_HEADER = 16
_SIDE = 1024
_BYTES = 2**30


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of pictures, plain or gzipped, for example MNIST's `train-images-idx3-ubyte.gz`.

    What the header says is checked before anything is allocated. A plain file is mapped, not read.

    Args:
        path: The file.

    Returns:
        `[N, H, W]` uint8, 0..255, read-only.

    Raises:
        SeqimgError: The file cannot be read, is no IDX file of 8-bit pictures, or is cut off.

    Example:
        >>> file = Path(tmp) / "two-idx3-ubyte"
        >>> _ = file.write_bytes(bytes.fromhex("00000803 00000002 00000001 00000003") + bytes(range(6)))
        >>> read_idx(file).tolist()
        [[[0, 1, 2]], [[3, 4, 5]]]
    """
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except (OSError, EOFError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SeqimgError(f"cannot read {path}", why=reason) from error


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int, file_size: int) -> NDArray[np.uint8]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.open(file) as unpacked:
                shape = _shape(path, unpacked.read(_HEADER))
                pixels = _unpacked(path, unpacked, math.prod(shape))
                pixels.setflags(write=False)
                return pixels.reshape(shape)
        shape = _shape(path, file.read(_HEADER))
        if file_size != _HEADER + math.prod(shape):
            raise _bad(
                path, f"it has {file_size:,} bytes; its header asks for {_HEADER + math.prod(shape):,}"
            )
        return np.memmap(file, np.uint8, "r", offset=_HEADER, shape=shape)


def _shape(path: Path, header: bytes) -> tuple[int, int, int]:
    if len(header) < _HEADER or header[:4] != _MAGIC:
        raise _bad(path, "it is no IDX file of 8-bit pictures, such as train-images-idx3-ubyte")
    count, height, width = np.frombuffer(header, ">u4", offset=4).tolist()
    if not (count and 0 < height <= _SIDE and 0 < width <= _SIDE and count * height * width <= _BYTES):
        raise _bad(path, f"{count:,} pictures of {width} by {height} are none, or over the limit of 1 GiB")
    return count, height, width


def _unpacked(path: Path, file: gzip.GzipFile, size: int) -> NDArray[np.uint8]:
    pixels = np.empty(size, np.uint8)
    left = pixels.data
    while left:
        part = file.read(min(len(left), 2**20))
        if not part:
            raise _bad(path, f"it ends {len(left):,} bytes early")
        left[: len(part)] = part
        left = left[len(part) :]
    if file.read(1):
        raise _bad(path, f"it goes on after the {size:,} bytes its header asks for")
    return pixels


def _bad(path: Path, why: str) -> SeqimgError:
    return SeqimgError(f"cannot read {path} as pictures of digits", why=why)
