"""The camera of somebody who watches, sent up picture by picture: the source `browser:`."""

import io
import threading
import time
from collections.abc import Generator

import numpy as np
from PIL import Image

from seqimg.live.source import Gate
from seqimg.sequences.base import Sequence, SequenceError
from seqimg.sequences.info import SequenceInfo, TimedFrame

__all__ = ["LARGEST_PICTURE", "SOURCE", "BrowserCamera"]

SOURCE = "browser:"
"""What the source is called."""

LARGEST_PICTURE = 512 * 1024
"""Bytes of the longest picture that is read."""

_SIDE = 1920  # pixels
_WAIT = 0.25  # seconds between looks at whether anybody still wants frames


class BrowserCamera:
    """Holds the newest picture until the source takes it; each opening waits for the first.

    Args:
        channels: What the model reads: 1 for grey, else 3.
    """

    def __init__(self, channels: int) -> None:
        self._mode = "L" if channels == 1 else "RGB"
        self._changed = threading.Condition()
        self._newest: bytes | None = None
        self._back: Image.Image | None = None
        self.gate: Gate | None = None

    def offer(self, picture: bytes) -> None:
        """Take in a JPEG from a viewer; one that nobody has taken yet is dropped."""
        with self._changed:
            self._newest = picture
            self._changed.notify_all()

    def opened(self) -> Sequence:
        """Wait for the first picture and return the sequence that begins with it.

        Raises:
            SequenceError: The end came first.
        """
        first = self.take()
        if first is None:
            raise SequenceError("nobody has shared a camera")
        return _Pictures(self, first)

    def take(self) -> Image.Image | None:
        """Wait for a picture that can be read and return it; None at the end."""
        back, self._back = self._back, None
        if back is not None:
            return back
        while True:
            with self._changed:
                while self._newest is None:
                    if self.gate is not None and self.gate.is_closed():
                        return None
                    self._changed.wait(_WAIT)
                data, self._newest = self._newest, None
            picture = _decoded(data, self._mode)
            if picture is not None:
                return picture

    def put_back(self, picture: Image.Image) -> None:
        """Have a picture taken again by whoever opens the camera next."""
        self._back = picture


class _Pictures(Sequence):
    """Pictures of one size, as they come; the sequence ends where the camera is turned or changed."""

    def __init__(self, camera: BrowserCamera, first: Image.Image) -> None:
        self._camera, self._first = camera, first
        info = SequenceInfo(
            path="a browser's camera",
            format="live",
            height=first.height,
            width=first.width,
            channels=len(first.getbands()),
            dtype="uint8",
            value_range=(0, 255),
            live=True,
        )
        super().__init__(info)

    def _read(self) -> Generator[TimedFrame, None, None]:
        started, index = time.monotonic(), 0
        picture: Image.Image | None = self._first
        while picture is not None:
            if picture.size != (self.info.width, self.info.height):
                self._camera.put_back(picture)
                return
            pixels = np.asarray(picture).reshape(self.info.height, self.info.width, self.info.channels)
            yield TimedFrame(index, time.monotonic() - started, pixels)
            index += 1
            picture = self._camera.take()


def _decoded(data: bytes, mode: str) -> Image.Image | None:
    """Return a picture, or None if it is no JPEG of a size that is read; its size is known before it is decoded."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return image.convert(mode) if max(image.size) <= _SIDE else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
