"""Writing TIFF stacks frame by frame."""

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np

from seqimg.sequences.base import SequenceInfo, SequenceWriter
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["TiffWriter"]

_START = 16  # as much as the longer of the two kinds of header needs
_CLASSIC_BYTES = 2**32 - 2**16  # beyond, offsets no longer fit in four bytes
_ASCII, _SHORT, _LONG, _LONG8 = 2, 3, 4, 16
_CODES = {_SHORT: "H", _LONG: "L", _LONG8: "Q"}
_FORMATS = {"u": 1, "f": 3}
_IMAGEJ = ("uint8", "uint16", "float32")


class TiffWriter(SequenceWriter):
    """One page a frame, uncompressed, in the frames' own dtype; as ImageJ has it, where ImageJ can.

    That is for grey frames and for more than four channels, each a page then, of uint8, uint16 and
    float32, and for RGB of uint8. Value range, rate and the value that stands for missing ones stand in
    the file. One beyond 4 GB is a BigTIFF.

    The pixels stand first and the directories last, so nothing need be known about how many come.

    Args:
        path: The file to write to.
        info: What the frames are.
    """

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        self._info = info
        self._by_channel = info.channels > 4 and info.dtype in _IMAGEJ
        self._dtype = np.dtype(info.dtype).newbyteorder("<")
        self._count = 0
        self.codec = "tiff"
        self._file = path.open("wb")
        self._file.write(bytes(_START))

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        planes = np.moveaxis(frame, 2, 0) if self._by_channel else frame
        self._file.write(np.ascontiguousarray(planes, dtype=self._dtype).data)
        self._count += 1

    def close(self) -> None:
        """Write the directories."""
        info = self._info
        page_bytes = info.height * info.width * self._samples * self._dtype.itemsize
        pages = self._count * (info.channels if self._by_channel else 1)
        end = _START + pages * page_bytes
        words = _Words(big=end + pages * 512 > _CLASSIC_BYTES)
        offset = self._file.seek(end + end % 2)
        self._file.seek(0)
        self._file.write(words.header(offset))
        self._file.seek(offset)
        for page in range(pages):
            tags = self._tags(page, page_bytes, pages)
            directory = words.directory(tags, offset, last=page == pages - 1)
            self._file.write(directory)
            offset += len(directory)
        self._file.close()

    def abort(self) -> None:
        """Close the file as it is."""
        # Closing tries again to write what did not fit on the disk.
        with suppress(OSError):
            self._file.close()

    @property
    def _samples(self) -> int:
        return 1 if self._by_channel else self._info.channels

    def _tags(self, page: int, page_bytes: int, pages: int) -> dict[int, tuple[int, list[int] | bytes]]:
        """Return the tags of a page: what they are and their values, by their numbers."""
        info, samples, bits = self._info, self._samples, self._dtype.itemsize * 8
        colours = 3 if samples in (3, 4) else 1
        tags: dict[int, tuple[int, list[int] | bytes]] = {
            254: (_LONG, [0]),
            256: (_LONG, [info.width]),
            257: (_LONG, [info.height]),
            258: (_SHORT, [bits] * samples),
            259: (_SHORT, [1]),  # not compressed
            262: (_SHORT, [2 if colours == 3 else 1]),
            273: (_LONG8, [_START + page * page_bytes]),
            277: (_SHORT, [samples]),
            278: (_LONG, [info.height]),
            279: (_LONG8, [page_bytes]),
            284: (_SHORT, [1]),
            339: (_SHORT, [_FORMATS[self._dtype.kind]] * samples),
        }
        if page == 0:
            tags[270] = (_ASCII, self._description(pages))
        if samples > colours:
            tags[338] = (_SHORT, [2] + [0] * (samples - colours - 1))  # not premultiplied alpha
        if info.fill_value is not None:
            tags[42113] = (_ASCII, f"{info.fill_value!r}".removesuffix(".0").encode() + b"\0")
        return tags

    def _description(self, pages: int) -> bytes:
        info = self._info
        low, high = info.value_range
        lines = [f"seqimg=1\nrange={low!r} {high!r}\n"]
        if info.fps is not None:
            lines.append(f"rate={info.fps.numerator}/{info.fps.denominator}\n")
        if info.dtype in _IMAGEJ and (self._by_channel or info.channels == 1):
            channels = info.channels if self._by_channel else 1
            lines = [
                f"ImageJ=1.53k\nimages={pages}\nchannels={channels}\nslices=1\nframes={self._count}\n",
                f"hyperstack=true\nmode=grayscale\nmin={low!r}\nmax={high!r}\n",
                *lines,
            ]
        return "".join(lines).encode() + b"\0"


class _Words:
    """The bytes of headers and directories, of a TIFF or a BigTIFF."""

    def __init__(self, *, big: bool) -> None:
        self._big = big
        self._word = "<Q" if big else "<L"
        self._room = struct.calcsize(self._word)

    def header(self, offset: int) -> bytes:
        """Return the beginning of a file whose first directory is at `offset`."""
        return (
            struct.pack("<2sHHHQ", b"II", 43, 8, 0, offset)
            if self._big
            else struct.pack("<2sHL", b"II", 42, offset)
        )

    def directory(self, tags: dict[int, tuple[int, list[int] | bytes]], at: int, *, last: bool) -> bytes:
        """Return a directory that stands at `at`, with what its tags point to behind it."""
        entry = 20 if self._big else 12
        size = (8 if self._big else 2) + len(tags) * entry + self._room
        entries, behind = bytearray(), bytearray()
        for tag, (kind, values) in sorted(tags.items()):
            kind = _LONG if kind == _LONG8 and not self._big else kind
            packed = values if isinstance(values, bytes) else self._packed(kind, values)
            entries += struct.pack("<HH", tag, kind) + struct.pack(self._word, len(values))
            if len(packed) <= self._room:
                entries += packed.ljust(self._room, b"\0")
            else:
                entries += struct.pack(self._word, at + size + len(behind))
                behind += packed + bytes(-len(packed) % 8)
        behind += bytes(-(size + len(behind)) % 8)
        following = 0 if last else at + size + len(behind)
        count = struct.pack("<Q" if self._big else "<H", len(tags))
        return count + bytes(entries) + struct.pack(self._word, following) + bytes(behind)

    def _packed(self, kind: int, values: list[int]) -> bytes:
        return struct.pack(f"<{len(values)}{_CODES[kind]}", *values)
