"""A sequence decoded once to the model's working size, for random access in constant memory."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqimg.config import ReadingConfig
from seqimg.data.pixels import resize, to_tensor, working_size
from seqimg.errors import SeqimgError
from seqimg.sequences import open_configured
from seqimg.sequences.base import Sequence, SequenceError, SequenceInfo

__all__ = ["FrameStore"]


class FrameStore:
    """The frames of one sequence at working size, in an unnamed temporary file.

    8-bit sources stay 8-bit, others become float32 scaled to [0, 1]. The file has no name on the
    disk, so nothing is left behind however the process ends; `close`, or the end of a `with` block,
    frees its space at once.

    Args:
        path: Where the frames came from.
        info: What the sequence said of itself.
        pixels: `[T, H, W, C]` uint8 or float32.
        losses: What had to be left out, in a sentence.
    """

    def __init__(
        self, path: str, info: SequenceInfo, pixels: NDArray[np.generic], losses: str | None = None
    ) -> None:
        self.path, self.info, self.losses = path, info, losses
        self._pixels: NDArray[np.generic] | None = pixels

    @classmethod
    def read(cls, path: str, longer_side: int, reading: ReadingConfig | None = None) -> Self:
        """Decode a whole sequence.

        Args:
            path: Where it is.
            longer_side: Frames are shrunk until their longer side has at most this many pixels; 0 for never.
            reading: How to read it.

        Raises:
            SequenceError: The sequence cannot be read or is damaged.
            SeqimgError: The temporary folder has no room for the frames.
        """
        with open_configured(path, reading or ReadingConfig()) as sequence:
            size = working_size(sequence.info.height, sequence.info.width, longer_side)
            pixels = _decode(sequence, size)
            return cls(path, sequence.info, pixels, sequence.losses())

    def __len__(self) -> int:
        return len(self.pixels)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the frames up; they cannot be read any more."""
        self._pixels = None

    @property
    def pixels(self) -> NDArray[np.generic]:
        """All frames, `[T, H, W, C]` uint8 or float32.

        Raises:
            SequenceError: The store was closed.
        """
        if self._pixels is None:
            raise SequenceError(f"the frames of {self.path} were closed", hint="read them again")
        return self._pixels

    @property
    def height(self) -> int:
        """Height at working size, in pixels."""
        return int(self.pixels.shape[1])

    @property
    def width(self) -> int:
        """Width at working size, in pixels."""
        return int(self.pixels.shape[2])

    @property
    def channels(self) -> int:
        """Channels of the frames."""
        return int(self.pixels.shape[3])

    def frames(self, first: int, count: int, box: tuple[slice, slice]) -> Tensor:
        """Return `count` frames from `first`, cut to `box` (rows, columns): `[T, C, h, w]` in [0, 1]."""
        pixels = self.pixels[first : first + count, box[0], box[1]]
        scale = 1 / 255 if pixels.dtype == np.uint8 else 1.0
        # Always a copy: the file is mapped read-only, and tensors can be written to.
        return torch.from_numpy(np.array(pixels.transpose(0, 3, 1, 2), order="C")).float() * scale


def _decode(sequence: Sequence, size: tuple[int, int]) -> NDArray[np.generic]:
    info = sequence.info
    dtype = np.dtype(np.uint8 if info.dtype == "uint8" else np.float32)
    shape = (*size, info.channels)
    _check_room(info, int(np.prod(shape)) * dtype.itemsize)
    # Unbuffered, or a full disk would be met once more on closing.
    with tempfile.TemporaryFile(prefix="seqimg-", buffering=0) as file:
        count = 0
        for frame in sequence:
            scaled = resize(to_tensor(frame, info.value_range)[None], size)[0].permute(1, 2, 0)
            stored = (scaled * 255).round().clamp(0, 255) if dtype == np.uint8 else scaled
            _append(file, np.ascontiguousarray(stored.numpy().astype(dtype)).tobytes())
            count += 1
        # The map outlives the file object: the system keeps the file until the map is gone.
        pixels: NDArray[np.generic] = np.memmap(file, dtype=dtype, mode="r", shape=(count, *shape))
    return pixels


def _append(file: IO[bytes], frame: bytes) -> None:
    left = memoryview(frame)
    try:
        while left:  # an unbuffered file may take less than all
            left = left[file.write(left) :]
    except OSError as error:
        raise _no_room(f"cannot write to {tempfile.gettempdir()}: {error.strerror}") from error


def _check_room(info: SequenceInfo, frame_bytes: int) -> None:
    folder = Path(tempfile.gettempdir())
    needed, free = frame_bytes * (info.frame_count or 0), shutil.disk_usage(folder).free
    if needed > free:
        raise _no_room(
            f"{info.path} needs {needed / 1e9:.1f} GB of temporary space, {folder} has {free / 1e9:.1f} GB"
        )


def _no_room(message: str) -> SeqimgError:
    elsewhere = ", or TMPDIR=/somewhere/larger" if os.name == "posix" else ""
    return SeqimgError(
        message,
        why="frames are read in random order, so they are decoded once to disk",
        hint=f"a smaller --size{elsewhere}",
    )
