"""Animated WebP, read cel by cel."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from seqimg.sequences.animations.reader import AnimatedSequence, Canvas, Cel
from seqimg.sequences.base import OnError, SequenceError
from seqimg.sequences.limits import MAX_HEADER, check_limit
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["WebpSequence", "still_webp"]

_ANIMATED, _ALPHA = 0x02, 0x10
_CEL = 16  # bytes of a cel's own header
_NO_BLEND, _CLEAR = 0x02, 0x01


class WebpSequence(AnimatedSequence):
    """An animated WebP: 8-bit RGB, or RGBA if it says so.

    Args:
        path: The file.
        on_error: What to do about damage.

    Raises:
        SequenceError: The file is damaged, cut short, or a still picture.
    """

    def __init__(self, path: Path, *, on_error: OnError = "error") -> None:
        super().__init__(path, format_name="webp", on_error=on_error)

    def _head(self, file: BinaryIO) -> Canvas:
        head = file.read(30)
        if not head:
            raise SequenceError(f"cannot read {self._path}", why="the file is empty")
        if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
            raise SequenceError(f"cannot read {self._path}", why="its content is not a WebP picture")
        if len(head) < 30 or head[12:16] != b"VP8X" or not head[20] & _ANIMATED:
            raise SequenceError(
                f"{self._path} is one picture, no sequence", hint=f"{self._path.parent}, the folder it is in"
            )
        self._alpha = bool(head[20] & _ALPHA)
        self._end = 8 + struct.unpack_from("<L", head, 4)[0]
        self._start = 20 + _padded(struct.unpack_from("<L", head, 16)[0])
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return Canvas(height, width, 4 if self._alpha else 3, "uint8", opaque=not self._alpha)

    def _cels(self, file: BinaryIO) -> Iterator[Cel]:
        offset = self._start
        length = file.seek(0, 2)
        while offset + 8 <= min(self._end, length):
            file.seek(offset)
            name, size = struct.unpack("<4sL", file.read(8))
            if offset + 8 + size > length:
                break
            if name == b"ANMF" and size >= _CEL:
                yield self._cel_at(file, offset)
            offset += 8 + _padded(size)
        if length < self._end and self._on_error == "error":
            raise SequenceError(
                f"cannot read {self._path}", why="the file is cut short", hint="--on-error truncate"
            )

    def _cel_at(self, file: BinaryIO, offset: int) -> Cel:
        file.seek(offset + 8)
        head = file.read(_CEL)
        left, top, width, height, duration = (
            int.from_bytes(head[at : at + 3], "little") for at in range(0, 15, 3)
        )
        flags = head[15]
        return Cel(
            offset,
            (left * 2, top * 2, width + 1, height + 1),
            Fraction(duration, 1000),
            over=not flags & _NO_BLEND,
            after="clear" if flags & _CLEAR else "keep",
        )

    def _decode(self, file: BinaryIO, cel: Cel) -> Pixels:
        file.seek(cel.offset + 4)
        (size,) = struct.unpack("<L", file.read(4))
        _, _, width, height = cel.box
        check_limit(self._path, "bytes in a frame", size, width * height * 8 + MAX_HEADER)
        file.seek(_CEL, 1)
        data = still_webp(file.read(size - _CEL), width, height)
        with Image.open(BytesIO(data), formats=["WEBP"]) as image:
            if image.size != (width, height):
                raise SequenceError(f"{self._path} is damaged", why="a frame has another size than it says")
            return np.asarray(image.convert("RGBA" if self._alpha else "RGB"))


def still_webp(chunks: bytes, width: int, height: int) -> bytes:
    """Return the chunks of a cel as a picture of its own."""
    if chunks[:4] == b"ALPH":
        head = struct.pack("<4sLL", b"VP8X", 10, _ALPHA)
        chunks = head + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + chunks
    return struct.pack("<4sL4s", b"RIFF", 4 + len(chunks), b"WEBP") + chunks


def _padded(size: int) -> int:
    return size + size % 2
