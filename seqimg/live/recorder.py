"""The last seconds of what was shown, kept as JPEGs, and written as a video when somebody asks."""

import io
import itertools
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seqimg.errors import SeqimgError
from seqimg.live.pictures import Encoded, Moment
from seqimg.sequences import save_sequence

__all__ = ["Recorder"]

_MOST = 96 * 2**20  # bytes of pictures
_FASTEST = 60.0  # frames a second of a video


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    picture: Encoded


class Recorder:
    """Keeps the last seconds, in a thread of its own that leaves out what it is too slow for.

    Args:
        stem: What files are called, before the number: they go to the current folder.
        seconds: How much is kept; 0 keeps nothing.

    Attributes:
        seconds: How much is kept.
    """

    def __init__(self, stem: str, seconds: float) -> None:
        self._stem, self.seconds = stem, seconds
        self._kept: deque[_Kept] = deque()
        self._bytes = 0
        self._lock, self._saving = threading.Lock(), threading.Lock()
        self._changed = threading.Condition()
        self._next: Moment | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="seqimg-live-recorder", daemon=True)
        if seconds:
            self._thread.start()

    def hear(self, moment: Moment) -> None:
        """Take in what is shown."""
        with self._changed:
            self._next = moment
            self._changed.notify_all()

    def close(self) -> None:
        """Keep nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def save(self) -> Path:
        """Write what is kept as a video to the current folder and return its name.

        Raises:
            SeqimgError: There is too little, or it cannot be written, or one is being written already.
        """
        if not self._saving.acquire(blocking=False):
            raise SeqimgError("a recording is being saved already")
        try:
            with self._lock:
                kept = list(self._kept)
            # A video has frames of one size: those of the newest.
            size = (kept[-1].picture.width, kept[-1].picture.height) if kept else None
            kept = list(
                itertools.takewhile(
                    lambda one: (one.picture.width, one.picture.height) == size, reversed(kept)
                )
            )[::-1]
            if len(kept) < 2:
                raise SeqimgError("there is nothing to save yet", why="fewer than two frames were shown")
            path = self._free_name()
            rate = min(_FASTEST, (len(kept) - 1) / max(kept[-1].at - kept[0].at, 1e-3))
            save_sequence(self._frames(kept, rate), path, fps=rate)
            return path
        finally:
            self._saving.release()

    def _free_name(self) -> Path:
        names = (Path(f"{self._stem}-{number}.mp4") for number in itertools.count(1))
        return next(name for name in names if not name.exists())

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._next is None and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                moment, self._next = self._next, None
            assert moment is not None, "it was waited for"
            picture = moment.encoded("output", "medium") or moment.encoded("input", "medium")
            if picture is not None:
                self._keep(_Kept(moment.at, picture))

    def _keep(self, one: _Kept) -> None:
        with self._lock:
            self._kept.append(one)
            self._bytes += len(one.picture.data)
            while self._bytes > _MOST or self._kept[0].at < one.at - self.seconds:
                self._bytes -= len(self._kept.popleft().picture.data)

    def _frames(self, kept: list[_Kept], rate: float) -> Iterator[NDArray[np.uint8]]:
        """Yield frames at a constant rate: at each moment what was shown then."""
        place = 0
        for number in itertools.count():
            if self._closed:
                raise SeqimgError("the recording was broken off", why="seqimg live was stopped")
            moment = kept[0].at + number / rate
            while place + 1 < len(kept) and kept[place + 1].at <= moment + 1e-6:
                place += 1
            image = Image.open(io.BytesIO(kept[place].picture.data), formats=["JPEG"]).convert("RGB")
            yield np.asarray(image)
            if place == len(kept) - 1:
                return
