"""Frames read when they are asked for, for data too large to be decoded to disk beforehand."""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqimg.config import ReadingConfig
from seqimg.data.items import Item
from seqimg.data.pixels import working_size
from seqimg.data.store import Box, Places, lost_of, scaled_frame, stored_dtype
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceError
from seqimg.sequences.isolated.looking import index_of
from seqimg.sequences.isolated.reader import IsolatedSequence
from seqimg.sequences.prepared import unprepared

__all__ = ["LazyFrames", "OpenSequences"]


class OpenSequences:
    """The sequences used last, kept open; at most a few, each process its own.

    Args:
        limit: Most sequences open at once.
    """

    def __init__(self, limit: int = 4) -> None:
        self._limit = limit
        self._open: OrderedDict[int, Sequence] = OrderedDict()
        self._owner = os.getpid()
        self._parents: list[Sequence] = []

    def get(self, source: "LazyFrames") -> Sequence:
        """Return a source's sequence, opened if it is not open."""
        if self._owner != os.getpid():
            # A forked process shares its parent's file positions: it may neither use nor close those.
            self._parents += self._open.values()
            self._open, self._owner = OrderedDict(), os.getpid()
        key = id(source)
        if key not in self._open:
            while len(self._open) >= self._limit:
                self._open.popitem(last=False)[1].close()
            self._open[key] = source.item.open(source.reading)
        self._open.move_to_end(key)
        return self._open[key]

    def close(self) -> None:
        """Close all that this process opened."""
        if self._owner == os.getpid():
            while self._open:
                self._open.popitem()[1].close()

    def __getstate__(self) -> dict[str, object]:
        return {"_limit": self._limit, "_open": OrderedDict(), "_owner": os.getpid(), "_parents": []}


class LazyFrames:
    """The frames of one sequence, each decoded when it is asked for.

    Only the number and times of the frames are found beforehand: from the source's own account where
    that can be trusted, or else by reading it once.

    Args:
        item: The sequence.
        longer_side: Frames are shrunk until their longer side has at most this many pixels; 0 for never.
        reading: How to read it.
        opened: What keeps sequences open.

    Raises:
        SequenceError: The sequence cannot be read or is damaged.

    Example:
        >>> np.save(Path(tmp) / "lazy.npy", np.zeros((9, 48, 64), np.uint8))
        >>> with LazyFrames(Item(str(Path(tmp) / "lazy.npy")), longer_side=32) as frames:
        ...     frames.frames(range(2, 5), (slice(0, 8), slice(0, 8))).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self,
        item: Item,
        longer_side: int,
        reading: ReadingConfig | None = None,
        opened: OpenSequences | None = None,
    ) -> None:
        self.item, self.reading, self.path = item, reading or ReadingConfig(), item.path
        self._opened = opened or OpenSequences()
        self._closed = False
        with item.open(self.reading) as sequence:
            self.info = sequence.info
            self.indices, self.times = _frames_of(item, sequence, self.reading)
            self.losses, self.lost = sequence.losses(), lost_of(item, sequence, self.indices)
        if not len(self.indices):
            raise SequenceError(f"nothing of {item.path} can be used", why=self.losses or "it has no frames")
        self.height, self.width = working_size(self.info.height, self.info.width, longer_side)
        self.channels = self.info.channels

    def __len__(self) -> int:
        return len(self.indices)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the frames up; they cannot be read any more."""
        self._closed = True
        self._opened.close()

    def frames(self, places: Places, box: Box) -> Tensor:
        """Return frames `[T, C, h, w]` in [0, 1], cut to `box` (rows, columns), NaN where there is no value.

        Args:
            places: `[T]`, which frames, counted over those that there are.
            box: Rows and columns.

        Raises:
            SequenceError: The source was closed, or a frame cannot be read any more.
        """
        if self._closed:
            raise SequenceError(f"the frames of {self.path} were closed", hint="read them again")
        wanted = self.indices[np.asarray(places)]
        scale = 1 / 255 if stored_dtype(self.info) == np.uint8 else 1.0
        sequence = self._opened.get(self)
        found = [
            scaled_frame(frame.pixels, self.info, (self.height, self.width))[:, box[0], box[1]] * scale
            for frame in sequence.frames(wanted.tolist())
        ]
        if len(found) != len(wanted):
            raise SequenceError(
                f"{self.path} changed while it was being read",
                why=f"{len(wanted) - len(found)} of {len(wanted)} frames are gone: {sequence.losses() or 'unread'}",
            )
        return torch.stack(found)


def _frames_of(
    item: Item, sequence: Sequence, reading: ReadingConfig
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the places and times of the item's frames."""
    times = _times(item, sequence) if reading.on_error == "error" and reading.gaps != "skip" else None
    if times is not None:
        if item.places is not None:
            places = np.array(item.places, np.int64)
            if not len(places) or places.max() >= len(times):
                raise SequenceError(
                    f"{item.path} has {len(times)} frames", why=f"frame {places.max()} is wanted"
                )
            return places, times[places]
        first, last = item.seconds or (-np.inf, np.inf)
        places = np.flatnonzero((times >= first) & (times < last)).astype(np.int64)
        return places, times[places]
    # With damage left out only reading tells which frames are there.
    found = [(frame.index, frame.time) for frame in item.timed(sequence)]
    return np.array([index for index, _ in found], np.int64), np.array(
        [time for _, time in found], np.float64
    )


def _times(item: Item, sequence: Sequence) -> NDArray[np.float64] | None:
    """Return the time of every frame if that can be told without decoding them."""
    info = sequence.info
    if info.format in ("array", "frames") and info.frame_count:
        return np.arange(info.frame_count) / float(info.fps or ASSUMED_FPS)
    if info.format != "video" or item.opener is not None:
        return None
    index = index_of(Path(item.path), isolate=isinstance(unprepared(sequence), IsolatedSequence))
    if index.doubt is not None or index.frame_count is None or index.frame_count != info.frame_count:
        return None
    seconds: NDArray[np.float64] = index.seconds
    return seconds
