"""A sequence decoded once to the model's working size, for random access in constant memory."""

import math
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqimg.config import ReadingConfig
from seqimg.data.items import Item
from seqimg.data.pixels import resize, to_tensor, working_size
from seqimg.data.pool import FramePool, Stretch
from seqimg.errors import SeqimgError
from seqimg.sequences.base import Sequence, SequenceError, SequenceInfo
from seqimg.sequences.damage import Lost

__all__ = [
    "Box",
    "FrameSource",
    "FrameStore",
    "Places",
    "frame_bytes",
    "lost_of",
    "scaled_frame",
    "stored_dtype",
]

Places = NDArray[np.integer] | range
"""Which frames, counted over those that there are."""

_NOTHING = Lost()

Box = tuple[slice, slice]
"""Which rows and columns."""


class FrameSource(Protocol):
    """Frames of one sequence at working size, by number.

    Attributes:
        item: The sequence.
        info: What it said of itself.
        times: `[T]` float64, seconds since its start.
        indices: `[T]` int64, the place of each frame in the sequence: damaged ones that were left out count.
        losses: What had to be left out, in a sentence.
        lost: How many frames that is.

    Example:
        >>> import numpy as np
        >>> np.save(Path(tmp) / "source.npy", np.zeros((9, 8, 8), np.uint8))
        >>> source: FrameSource = FrameStore.read(str(Path(tmp) / "source.npy"), 0)
        >>> len(source), source.channels
        (9, 1)
        >>> source.close()
    """

    item: Item
    info: SequenceInfo
    times: NDArray[np.float64]
    indices: NDArray[np.int64]
    losses: str | None
    lost: Lost

    @property
    def path(self) -> str:
        """Where the frames come from."""
        ...

    @property
    def height(self) -> int:
        """Height at working size, in pixels."""
        ...

    @property
    def width(self) -> int:
        """Width at working size, in pixels."""
        ...

    @property
    def channels(self) -> int:
        """Channels of the frames."""
        ...

    def __len__(self) -> int: ...

    def frames(self, places: Places, box: Box) -> Tensor:
        """Return frames `[T, C, h, w]` in [0, 1], cut to `box`, NaN where there is no value.

        Args:
            places: `[T]`, which frames, counted over those that there are.
            box: Rows and columns.
        """
        ...

    def close(self) -> None:
        """Give the frames up; they cannot be read any more."""
        ...


def lost_of(item: Item, sequence: Sequence, indices: NDArray[np.int64]) -> Lost:
    """Sum up what the pass over an item left out that gave the frames at `indices`."""
    if item.places is not None or item.seconds is not None or not len(indices):
        return Lost.among(sequence.damage)  # it takes some frames only: what lies between is not missing
    return Lost.among(sequence.damage, int(indices[-1]), len(indices))


class FrameStore:
    """The frames of one sequence at working size, in an unnamed temporary file.

    8-bit sources stay 8-bit, others become float32 scaled to [0, 1], NaN where there is no value. The
    file has no name on the disk, so nothing is left behind however the process ends; `close`, or the
    end of a `with` block, frees its space at once, unless other stores share the file.

    Args:
        item: Where the frames came from.
        info: What the sequence said of itself.
        stretch: Where they are.
        times: `[T]` float64, seconds of each frame.
        indices: `[T]` int64, place of each frame in the source.
        losses: What had to be left out, in a sentence.
        lost: How many frames that is.

    Example:
        >>> import numpy as np
        >>> np.save(Path(tmp) / "stack.npy", np.zeros((9, 48, 64), np.uint8))
        >>> with FrameStore.read(str(Path(tmp) / "stack.npy"), longer_side=32) as store:
        ...     store.frames(range(2, 5), (slice(0, 8), slice(0, 8))).shape, store.height
        (torch.Size([3, 1, 8, 8]), 24)
    """

    def __init__(
        self,
        item: Item,
        info: SequenceInfo,
        stretch: Stretch,
        times: NDArray[np.float64],
        indices: NDArray[np.int64],
        losses: str | None = None,
        lost: Lost = _NOTHING,
    ) -> None:
        self.item, self.info, self.times, self.indices = item, info, times, indices
        self.losses, self.lost = losses, lost
        self._stretch: Stretch | None = stretch
        self.path = item.path

    @classmethod
    def read(
        cls,
        item: Item | str,
        longer_side: int,
        reading: ReadingConfig | None = None,
        pool: FramePool | None = None,
    ) -> Self:
        """Decode a whole sequence.

        Args:
            item: The sequence, or where it is.
            longer_side: Frames are shrunk until their longer side has at most this many pixels; 0 for never.
            reading: How to read it.
            pool: The file to put the frames into; None for a new one.

        Raises:
            SequenceError: The sequence cannot be read or is damaged.
            SeqimgError: The temporary folder has no room for the frames.
        """
        item = Item(item) if isinstance(item, str) else item
        pool = pool or FramePool()
        with item.open(reading or ReadingConfig()) as sequence:
            info = sequence.info
            size = working_size(info.height, info.width, longer_side)
            count = info.frame_count if item.places is None else len(item.places)
            if item.seconds is None:
                pool.check_room(item.path, frame_bytes(info, size) * (count or 0))
            stretch, times, indices = _decode(item, sequence, size, pool)
            lost = lost_of(item, sequence, indices)
            return cls(item, info, stretch, times, indices, sequence.losses(), lost)

    def __len__(self) -> int:
        return len(self.pixels)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the frames up; they cannot be read any more."""
        self._stretch = None

    @property
    def pixels(self) -> NDArray[np.generic]:
        """All frames, `[T, H, W, C]` uint8 or float32.

        Raises:
            SequenceError: The store was closed.
        """
        if self._stretch is None:
            raise SequenceError(f"the frames of {self.path} were closed", hint="read them again")
        return self._stretch.pixels

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

    def frames(self, places: Places, box: Box) -> Tensor:
        """Return frames `[T, C, h, w]` in [0, 1], cut to `box` (rows, columns), NaN where there is no value.

        Args:
            places: `[T]`, which frames, counted over those that there are.
            box: Rows and columns.
        """
        pixels = self.pixels[_as_slice(places), box[0], box[1]]
        scale = 1 / 255 if pixels.dtype == np.uint8 else 1.0
        # Always a copy: the file is mapped read-only, and tensors can be written to.
        return torch.from_numpy(np.array(pixels.transpose(0, 3, 1, 2), order="C")).float() * scale


def stored_dtype(info: SequenceInfo) -> np.dtype[np.generic]:
    """Return the dtype frames are kept in: only floats have a place for missing values."""
    return np.dtype(np.uint8 if info.dtype == "uint8" and not info.may_miss else np.float32)


def frame_bytes(info: SequenceInfo, size: tuple[int, int]) -> int:
    """Return the bytes of one frame as it is kept, at `size` (height, width)."""
    return math.prod(size) * info.channels * stored_dtype(info).itemsize


def scaled_frame(frame: NDArray[np.generic], info: SequenceInfo, size: tuple[int, int]) -> Tensor:
    """Return a frame `[H, W, C]` at `size`, `[C, h, w]` in [0, 1], NaN where there is no value.

    What is kept as 8 bits is rounded to them.
    """
    missing = info.missing(frame) if info.may_miss else None
    scaled = resize(to_tensor(frame, info.value_range, missing)[None], size)[0]
    if stored_dtype(info) == np.uint8:
        scaled = (scaled * 255).round().clamp(0, 255)
    return scaled


def _decode(
    item: Item, sequence: Sequence, size: tuple[int, int], pool: FramePool
) -> tuple[Stretch, NDArray[np.float64], NDArray[np.int64]]:
    info = sequence.info
    dtype, times, indices = stored_dtype(info), [], []
    with pool.stretch(dtype, (*size, info.channels)) as stretch:
        for frame in item.timed(sequence):
            pixels = scaled_frame(frame.pixels, info, size).permute(1, 2, 0)
            stretch.append(np.ascontiguousarray(pixels.numpy().astype(dtype)))
            times.append(frame.time)
            indices.append(frame.index)
        if not times:
            raise SeqimgError(
                f"nothing of {item.path} can be used", why=sequence.losses() or "it has no frames"
            )
    return stretch, np.array(times), np.array(indices, np.int64)


def _as_slice(places: Places) -> slice | NDArray[np.integer]:
    """Return neighbours as a slice, which reads nothing but what it names."""
    first, count = int(places[0]), len(places)
    if isinstance(places, range):
        if places.step > 0:
            return slice(first, places.stop, places.step)
        return np.asarray(places)
    if int(places[-1]) - first == count - 1 and bool((np.diff(places) == 1).all()):
        return slice(first, first + count)
    return places
