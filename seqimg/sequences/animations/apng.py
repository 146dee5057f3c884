"""Animated PNG, read cel by cel, with the depth it has."""

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image

from seqimg.sequences.animations.reader import AnimatedSequence, Canvas, Cel
from seqimg.sequences.base import OnError, SequenceError
from seqimg.sequences.limits import MAX_HEADER, check_limit
from seqimg.sequences.pictures.deep_png import decode_deep_png
from seqimg.sequences.pictures.images import decode_image
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["ApngSequence", "png_chunk"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 3, _GREY_ALPHA: 2, _RGBA: 4}
_AFTER: tuple[Literal["keep", "clear", "restore"], ...] = ("keep", "clear", "restore")


class ApngSequence(AnimatedSequence):
    """An animated PNG: 8-bit or 16-bit grey, RGB or RGBA, and 8-bit grey with alpha; palettes as RGB.

    Args:
        path: The file.
        on_error: What to do about damage.

    Raises:
        SequenceError: The file is damaged, cut short, or a still picture.
    """

    def __init__(self, path: Path, *, on_error: OnError = "error") -> None:
        super().__init__(path, format_name="apng", on_error=on_error)

    def _head(self, file: BinaryIO) -> Canvas:
        head = file.read(33)
        if not head:
            raise SequenceError(f"cannot read {self._path}", why="the file is empty")
        if head[:8] != _SIGNATURE or head[12:16] != b"IHDR" or len(head) < 33:
            raise SequenceError(f"cannot read {self._path}", why="its content is not a PNG picture")
        self._header = head[16:29]
        width, height, depth, colours = struct.unpack(">LLBB", self._header[:10])
        if colours not in _CHANNELS or (depth == 16 and colours == _GREY_ALPHA):
            raise SequenceError(f"cannot read {self._path}", why="16-bit grey with alpha is not supported")
        self._deep = depth == 16 and colours != _GREY
        self._palette: list[bytes] = []
        stated = None
        for name, size, offset in self._chunks(file, 33):
            if name in (b"IDAT", b"IEND"):
                break
            if name == b"acTL":
                file.seek(offset + 8)
                (stated,) = struct.unpack(">L", file.read(4))
            if name in (b"PLTE", b"tRNS"):
                check_limit(self._path, f"bytes in {name.decode()}", size, 2**16)
                self._palette.append(self._payload(file, offset, size, name))
        if stated is None:
            raise SequenceError(
                f"{self._path} is one picture, no sequence", hint=f"{self._path.parent}, the folder it is in"
            )
        has_alpha = colours in (_GREY_ALPHA, _RGBA) or (colours == _PALETTE and len(self._palette) > 1)
        channels = 4 if colours == _PALETTE and has_alpha else _CHANNELS[colours]
        return Canvas(
            height, width, channels, "uint16" if depth == 16 else "uint8", opaque=not has_alpha, stated=stated
        )

    def _cels(self, file: BinaryIO) -> Iterator[Cel]:
        found: Cel | None = None
        has_data = False
        for name, size, offset in self._chunks(file, 33):
            if name in (b"fcTL", b"IEND"):
                if found is not None and has_data:
                    yield found
                found, has_data = None, False
            if name == b"fcTL" and size == 26:
                found = self._cel_at(file, offset)
            has_data |= name in (b"IDAT", b"fdAT")
            if name == b"IEND":
                return

    def _chunks(self, file: BinaryIO, offset: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield name, size and place of each chunk that stands whole in the file."""
        length = file.seek(0, 2)
        while offset + 12 <= length:
            file.seek(offset)
            size, name = struct.unpack(">L4s", file.read(8))
            if offset + 12 + size > length:
                return
            yield name, size, offset
            offset += 12 + size

    def _cel_at(self, file: BinaryIO, offset: int) -> Cel:
        file.seek(offset)
        chunk = file.read(38)
        width, height, left, top, over, under, after, blend = struct.unpack(">4L2H2B", chunk[12:34])
        return Cel(
            offset,
            (left, top, width, height),
            Fraction(over, under or 100),
            over=blend == 1,
            # The first frame has nothing to restore.
            after="clear" if after == 2 and chunk[8:12] == bytes(4) else _AFTER[min(after, 2)],
        )

    def _decode(self, file: BinaryIO, cel: Cel) -> Pixels:
        _, _, width, height = cel.box
        allowed = width * height * 16 + MAX_HEADER
        packed = bytearray()
        for name, size, offset in self._chunks(file, cel.offset + 38):
            if name in (b"fcTL", b"IEND"):
                break
            if name not in (b"IDAT", b"fdAT"):
                continue
            check_limit(self._path, "bytes in a frame", len(packed) + size, allowed)
            packed += self._payload(file, offset, size, name)[4 if name == b"fdAT" else 0 :]
        header = struct.pack(">LL", width, height) + self._header[8:]
        names = (b"PLTE", b"tRNS")
        chunks = [png_chunk(b"IHDR", header)]
        chunks += [png_chunk(name, data) for name, data in zip(names, self._palette, strict=False)]
        still = b"".join([_SIGNATURE, *chunks, png_chunk(b"IDAT", bytes(packed)), png_chunk(b"IEND", b"")])
        if self._deep:
            pixels = decode_deep_png(self._path, still)
        else:
            with Image.open(BytesIO(still), formats=["PNG"]) as image:
                pixels = decode_image(image)
        return pixels.reshape(height, width, -1).astype(self._canvas.dtype, copy=False)

    def _payload(self, file: BinaryIO, offset: int, size: int, name: bytes) -> bytes:
        file.seek(offset + 8)
        data, stated = file.read(size), file.read(4)
        if zlib.crc32(data, zlib.crc32(name)) != int.from_bytes(stated, "big"):
            raise SequenceError(f"{self._path} is damaged", why="a checksum is wrong")
        return data


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file.

    Example:
        >>> png_chunk(b"IEND", b"").hex()
        '0000000049454e44ae426082'
    """
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(data, zlib.crc32(name)))
