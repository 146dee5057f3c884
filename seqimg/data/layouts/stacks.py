"""Arrays on disk that hold many sequences, read a frame at a time; nothing is ever unpickled."""

import io
import math
import struct
import zipfile
from collections.abc import Callable, Generator, Iterator
from collections.abc import Sequence as Several
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqimg.config import ReadingConfig
from seqimg.data.pool import FramePool, Stretch
from seqimg.errors import UsageError
from seqimg.sequences.arrays.npy import BAD_FILE
from seqimg.sequences.base import ASSUMED_FPS, DTYPES, Sequence, SequenceError, SequenceInfo, TimedFrame
from seqimg.sequences.limits import check_size, check_value_range, value_range_of

__all__ = ["Stack", "StackSequence", "member_names", "stack_info", "value_range"]

_HEADER_BYTES = 16384
_SCANNED = 2**24  # values looked at together
_LOCAL_HEADER = 30

Pixels = NDArray[np.generic]


@dataclass(frozen=True)
class Stack:
    """An array in a `.npy` file or a `.npz` archive.

    Attributes:
        path: The file.
        member: Its name in the archive; None if the file itself is the array.
        shape: Size of each axis.
        dtype: dtype, byte order included.
        start: Where its data begin in the file.
        unpacked: Its data, where the archive has them compressed.
    """

    path: Path
    member: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    unpacked: Stretch | None = field(default=None, compare=False)

    @classmethod
    def open(cls, path: Path, member: str | None = None) -> "Stack":
        """Read the header, and unpack what is compressed to a temporary file.

        Raises:
            SequenceError: There is no such array, or it holds no numbers or is cut short.
        """
        try:
            if member is None:
                with path.open("rb") as file:
                    stack, size = _parsed(path, None, file.read(_HEADER_BYTES), 0), path.stat().st_size
            else:
                with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as inside:
                    entry = archive.getinfo(f"{member}.npy")
                    stored = entry.compress_type == zipfile.ZIP_STORED
                    begin = _data_start(path, entry) if stored else 0
                    stack = _parsed(path, member, inside.read(_HEADER_BYTES), begin)
                    size = begin + entry.file_size
        except KeyError as error:
            raise SequenceError(f"{path} has no array {member!r}") from error
        except BAD_FILE as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise SequenceError(f"cannot read {path}", why=f"it is no array of numbers: {reason}") from error
        if stack.start + stack.nbytes > size:
            raise SequenceError(f"cannot read {path}", why=f"it ends before its {stack.shape} values do")
        return stack if member is None or stored else stack._unpack()

    @property
    def nbytes(self) -> int:
        """Bytes of all data."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, *place: int) -> Pixels:
        """Return the part at the given place on the first axes.

        Raises:
            SequenceError: The file has become shorter.
        """
        if self.unpacked is not None:
            whole: Pixels = self.unpacked.pixels[place]
            return whole.copy()
        shape = self.shape[len(place) :]
        count = math.prod(shape)
        offset = 0
        for number, size in zip(place, self.shape, strict=False):
            offset = offset * size + number
        # Read, not mapped: a file that shrinks under a map ends the process.
        with self.path.open("rb") as file:
            file.seek(self.start + offset * count * self.dtype.itemsize)
            part: Pixels = np.fromfile(file, self.dtype, count)
        if len(part) < count:
            raise SequenceError(f"{self.path} changed while it was being read", why="it is shorter now")
        return part.reshape(shape)

    def parts(self) -> Iterator[Pixels]:
        """Yield all values once, a piece at a time."""
        if not self.shape:
            return
        axes = next(
            (n for n in range(len(self.shape)) if math.prod(self.shape[n:]) <= _SCANNED), len(self.shape)
        )
        for place in np.ndindex(*self.shape[:axes]):
            yield self.read(*place)

    def _unpack(self) -> "Stack":
        pool = FramePool()
        pool.check_room(str(self.path), self.nbytes)
        shape = self.shape[1:] or (1,)
        try:
            with (
                zipfile.ZipFile(self.path) as archive,
                archive.open(f"{self.member}.npy") as inside,
                pool.stretch(self.dtype, shape) as stretch,
            ):
                inside.read(self.start)
                for _ in range(self.shape[0]):
                    row = inside.read(math.prod(shape) * self.dtype.itemsize)
                    stretch.append(np.frombuffer(row, self.dtype).reshape(shape))
        except BAD_FILE as error:
            raise SequenceError(
                f"cannot read {self.path}", why=f"{self.member} does not unpack: {error}"
            ) from error
        return Stack(self.path, self.member, self.shape, self.dtype, 0, stretch)


class StackSequence(Sequence):
    """A sequence whose frames are got one by one from arrays.

    Args:
        info: What it is.
        frame: Returns frame t, `[H, W, C]`.
    """

    def __init__(self, info: SequenceInfo, frame: Callable[[int], Pixels]) -> None:
        super().__init__(info)
        self._frame = frame

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pick(range(self.info.frame_count or 0))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        for index in indices:
            if index >= (self.info.frame_count or 0):
                return
            pixels: Any = np.ascontiguousarray(self._frame(index).astype(self.info.dtype))
            yield TimedFrame(index, float(index / ASSUMED_FPS), pixels)


def stack_info(
    path: str,
    stack: Stack,
    frame: tuple[int, int, int],
    count: int,
    limits: tuple[float, float],
    reading: ReadingConfig,
) -> SequenceInfo:
    """Describe a sequence of frames of `frame` (height, width, channels) out of a stack."""
    check_size(path, *frame)
    if stack.dtype.name not in DTYPES:
        raise SequenceError(
            f"cannot read {path}", why=f"its values are {stack.dtype.name}; frames are {', '.join(DTYPES)}"
        )
    return SequenceInfo(
        path=path,
        format="array",
        height=frame[0],
        width=frame[1],
        channels=frame[2],
        dtype=stack.dtype.name,
        value_range=limits,
        frame_count=count,
        fill_value=reading.fill_value,
    )


def member_names(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays in an archive; none if it is no archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy"))
    except BAD_FILE:
        return ()


def value_range(stacks: Several[Stack], reading: ReadingConfig) -> tuple[tuple[float, float], str]:
    """Return the range of the values and how it is known: as told, by the dtype, or by looking at all of them."""
    if reading.value_range:
        low, high = check_value_range((reading.value_range[0], reading.value_range[1]))
        return (low, high), f"values {low:g} to {high:g}"
    if stacks[0].dtype.kind == "u":
        low, high = value_range_of(stacks[0].dtype.name)
        return (low, high), f"values {low:g} to {high:g}"
    low, high = math.inf, -math.inf
    for stack in stacks:
        for part in stack.parts():
            finite = part[np.isfinite(part)]
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise SequenceError(f"cannot read {stacks[0].path}", why="it has no finite value")
    if low >= 0 and high <= 1:
        return (0.0, 1.0), "values 0 to 1"
    if low >= -1 and high <= 1:
        return (-1.0, 1.0), "values -1 to 1"
    return (low, high if high > low else low + 1), f"values {low:g} to {high:g}, as found"


def _parsed(path: Path, member: str | None, head: bytes, begin: int) -> Stack:
    file = io.BytesIO(head)
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"format version {version}")
    shape, fortran, dtype = readers[version](file)
    if dtype.name not in (*DTYPES, "int64", "int32"):
        raise SequenceError(f"cannot read {path}", why=f"its values are {dtype.name}")
    if fortran and len(shape) > 1:
        raise UsageError(
            f"cannot read {path} frame by frame",
            why="its first axis varies fastest (Fortran order)",
            hint="np.save np.ascontiguousarray(a)",
        )
    if min(shape, default=1) < 0:
        raise ValueError(f"a shape of {shape}")
    return Stack(path, member, tuple(shape), dtype, begin + file.tell())


def _data_start(path: Path, entry: zipfile.ZipInfo) -> int:
    """Return where a stored member's bytes begin; its local header may differ from the directory's."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\3\4":
        raise zipfile.BadZipFile("a local header is damaged")
    name, extra = struct.unpack("<HH", header[26:30])
    return int(entry.header_offset) + _LOCAL_HEADER + int(name) + int(extra)
