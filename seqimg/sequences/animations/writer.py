"""Writing animated WebP and PNG: each frame with its own time and, if lossless, only what changes of it."""

import struct
from abc import abstractmethod
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from seqimg.sequences.animations.apng import png_chunk
from seqimg.sequences.base import ASSUMED_FPS, SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.pictures.images import encode_png
from seqimg.sequences.pixels import EightBit, unsaid_notes
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["ApngWriter", "WebpWriter"]

_WHOLE_EVERY = 50  # frames: readers can begin there
_QUALITY = 90
_LOSSLESS = 100
_MAX_WEBP_SIDE = 16383
_MAX_RIFF = 2**32 - 2**16
Box = tuple[int, int, int, int]


class _AnimationWriter(SequenceWriter):
    """Holds one encoded frame until the next one says how long it is shown."""

    keeps_times = True
    _grid = 1  # what a box's corner must be a multiple of
    _in_parts = True

    def __init__(self, path: Path, info: SequenceInfo, notes: tuple[str, ...], *, as_is: bool) -> None:
        self._info = info
        self._rate = Fraction(info.fps or ASSUMED_FPS)
        self._notes = notes + (() if info.fps else (f"no rate given, {ASSUMED_FPS} fps",))
        self._scale = None if as_is else EightBit(info)
        self._before: Pixels | None = None
        self._held: tuple[Fraction, Box, bytes] | None = None
        self._count = 0
        self._file = path.open("wb")

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        self._append(frame, self._count / self._rate)

    def write_at(self, frame: Pixels, time: float) -> None:
        """Append one frame that is shown from `time` on."""
        self._append(frame, Fraction(round(time * 1_000_000), 1_000_000))

    def _append(self, frame: Pixels, time: Fraction) -> None:
        pixels = self._scale(frame) if self._scale else frame
        box = (0, 0, self._info.width, self._info.height)
        if self._in_parts and self._before is not None and self._count % _WHOLE_EVERY:
            box = _changed(self._before, pixels, self._grid)
        left, top, width, height = box
        packed = self._packed(pixels[top : top + height, left : left + width])
        if self._held is not None:
            self._put(*self._held, time)
        self._held, self._before = (time, box, packed), pixels.copy()
        self._count += 1

    def close(self) -> None:
        """Finish the file."""
        if self._held is not None:
            self._put(*self._held, self._held[0] + 1 / self._rate)
        self._finish()
        self._file.close()
        self.notes = self._notes + (self._scale.notes if self._scale else ())

    def abort(self) -> None:
        """Close the file as it is."""
        # Closing tries again to write what did not fit on the disk.
        with suppress(OSError):
            self._file.close()

    @abstractmethod
    def _packed(self, pixels: Pixels) -> bytes:
        """Encode `[h, w, C]`."""

    @abstractmethod
    def _put(self, time: Fraction, box: Box, packed: bytes, until: Fraction) -> None:
        """Write an encoded frame that is shown from one time to another."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what comes last, and what can only be known now."""


class WebpWriter(_AnimationWriter):
    """An endless animated WebP of 8-bit frames; opacity is kept, and lossless.

    Lossless ones hold only what changes. Where something is lost, a part would show its edges, so that
    every frame is whole.

    Args:
        path: The file to write to.
        info: What the frames are; without a rate they get 25 a second.
        quality: From 1, small files, to 99, few losses; 100 is lossless. 90 by default.

    Raises:
        SequenceError: WebP cannot hold that many channels, or pixels.
    """

    keeps_times = True
    _grid = 2

    def __init__(self, path: Path, info: SequenceInfo, *, quality: int | None = None) -> None:
        _check_channels(info, "WebP", (1, 2, 3, 4))
        if max(info.height, info.width) > _MAX_WEBP_SIDE:
            raise SequenceError(
                f"a WebP cannot hold frames of {info.width} by {info.height}",
                why=f"its sides have at most {_MAX_WEBP_SIDE} pixels",
            )
        self._quality = _QUALITY if quality is None else quality
        self.codec = "webp"
        super().__init__(path, info, (), as_is=False)
        self._in_parts = self._quality >= _LOSSLESS
        self._alpha = info.channels in (2, 4)
        self._file.write(struct.pack("<4sL4s", b"RIFF", 0, b"WEBP"))
        self._file.write(struct.pack("<4sLL", b"VP8X", 10, 0x12 if self._alpha else 0x02))
        self._file.write(_three(info.width - 1) + _three(info.height - 1))
        self._file.write(struct.pack("<4sLLH", b"ANIM", 6, 0, 0))  # transparent, for ever

    def _packed(self, pixels: Pixels) -> bytes:
        flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
        image = Image.fromarray(np.ascontiguousarray(flat)).convert("RGBA" if self._alpha else "RGB")
        buffer = BytesIO()
        if self._quality >= _LOSSLESS:
            image.save(buffer, format="WEBP", lossless=True, exact=True)
        else:
            image.save(buffer, format="WEBP", quality=self._quality)
        data, at, kept = buffer.getvalue(), 12, []
        while at + 8 <= len(data):
            name, size = struct.unpack_from("<4sL", data, at)
            following = at + 8 + size + size % 2
            if name in (b"ALPH", b"VP8 ", b"VP8L"):
                kept.append(data[at:following])
            at = following
        return b"".join(kept)

    def _put(self, time: Fraction, box: Box, packed: bytes, until: Fraction) -> None:
        begin, end = round(time * 1000), round(until * 1000)
        if Fraction(end, 1000) != until and "times rounded to 1 ms" not in self._notes:
            self._notes += ("times rounded to 1 ms",)
        left, top, width, height = box
        head = _three(left // 2) + _three(top // 2) + _three(width - 1) + _three(height - 1)
        head += _three(min(max(1, end - begin), 2**24 - 1)) + b"\x02"  # in place of what is there
        self._file.write(struct.pack("<4sL", b"ANMF", len(head) + len(packed)) + head + packed)
        if self._file.tell() > _MAX_RIFF:
            raise SequenceError("a WebP file cannot have more than 4 GB", hint="an .mp4 file instead")

    def _finish(self) -> None:
        size = self._file.tell() - 8
        self._file.seek(4)
        self._file.write(struct.pack("<L", size))


class ApngWriter(_AnimationWriter):
    """An endless animated PNG: 8-bit and 16-bit frames as they are, floats as 8-bit.

    Args:
        path: The file to write to.
        info: What the frames are; without a rate they get 25 a second.

    Raises:
        SequenceError: PNG cannot hold that many channels.
    """

    keeps_times = True

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        _check_channels(info, "PNG", (1, 3, 4) if info.dtype == "uint16" else (1, 2, 3, 4))
        is_float = info.dtype.startswith("float")
        self.codec = "apng"
        super().__init__(path, info, () if is_float else unsaid_notes(info), as_is=not is_float)
        self._serial = 0
        self._control = 0

    def _packed(self, pixels: Pixels) -> bytes:
        return encode_png(pixels)

    def _put(self, time: Fraction, box: Box, packed: bytes, until: Fraction) -> None:
        header, data = _png_parts(packed)
        if self._serial == 0:
            self._file.write(packed[:8] + png_chunk(b"IHDR", header))
            self._control = self._file.tell()
            self._file.write(png_chunk(b"acTL", struct.pack(">LL", 0, 0)))
        left, top, width, height = box
        shown = struct.pack(">5L2H2B", self._serial, width, height, left, top, *_delay(until - time), 0, 0)
        self._file.write(png_chunk(b"fcTL", shown))
        if self._serial == 0:
            self._file.write(png_chunk(b"IDAT", data))
        else:
            self._serial += 1
            self._file.write(png_chunk(b"fdAT", struct.pack(">L", self._serial) + data))
        self._serial += 1

    def _finish(self) -> None:
        self._file.write(png_chunk(b"IEND", b""))
        self._file.seek(self._control)
        self._file.write(png_chunk(b"acTL", struct.pack(">LL", self._count, 0)))


def _check_channels(info: SequenceInfo, kind: str, allowed: tuple[int, ...]) -> None:
    if info.channels not in allowed:
        raise SequenceError(
            f"a {kind} cannot hold {info.channels} channels of {info.dtype}",
            why=f"it holds {', '.join(map(str, allowed))}",
            hint="a .tif or .npy file instead",
        )


def _changed(before: Pixels, now: Pixels, grid: int) -> Box:
    """Return the smallest box outside of which nothing changes, one corner on a grid."""
    differs = (before != now).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return 0, 0, 1, 1
    left, top = int(columns[0]) // grid * grid, int(rows[0]) // grid * grid
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top


def _delay(time: Fraction) -> tuple[int, int]:
    """Return a time as a fraction of two 16-bit numbers."""
    near = max(time, Fraction(1, 1000)).limit_denominator(65535)
    if near.numerator <= 65535:
        return near.numerator, near.denominator
    for under in (1000, 100, 10, 1):
        if round(time * under) <= 65535:
            return round(time * under), under
    return 65535, 1


def _png_parts(data: bytes) -> tuple[bytes, bytes]:
    """Return the header of a PNG and its packed pixels."""
    header, packed, at = b"", [], 8
    while at + 12 <= len(data):
        size, name = struct.unpack_from(">L4s", data, at)
        if name == b"IHDR":
            header = data[at + 8 : at + 8 + size]
        elif name == b"IDAT":
            packed.append(data[at + 8 : at + 8 + size])
        at += 12 + size
    return header, b"".join(packed)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
