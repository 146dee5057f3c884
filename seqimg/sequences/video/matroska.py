"""Whether anything between two pictures of a Matroska file cannot be read.

FFmpeg passes over such a stretch, up to the next cluster, without a word; the frames in it are just not there.
"""

from pathlib import Path
from typing import BinaryIO

import av

__all__ = ["Blocks"]

_MOST_STEPS = 100_000  # from one picture to the next
_PICTURES = (0xA3, 0xA1)  # SimpleBlock, Block
_LEVELS = (0x18538067, 0x1F43B675, 0xA0)  # Segment, Cluster, BlockGroup: what is in them is looked at
_OTHERS = (
    0xE7, 0xA7, 0xAB, 0x5854, 0xAF,  # of a Cluster: its time, place, size before, silent tracks, encrypted block
    0x9B, 0xFB, 0xFA, 0xFD, 0xA4, 0x75A1, 0x75A2, 0x8E, 0xC8, 0xA2,  # of a BlockGroup
    0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1A45DFA3,
    0xEC, 0xBF,  # anywhere: space, check sum
)  # fmt: skip
_KNOWN = frozenset((*_PICTURES, *_LEVELS, *_OTHERS))
_CLOSE = range(5, 17)  # bytes from one picture's to the next one's if nothing lies between


class Blocks:
    """Follows the elements of a file from each packet to the next.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: tuple[int, int] | None = None  # where the packet before begins and ends

    def is_torn_before(self, packet: av.Packet) -> bool:
        """Tell whether something between the packet before and this one cannot be read."""
        if not packet.size or packet.pos is None or packet.pos < 0:
            return False
        before, self._before = self._before, (packet.pos, packet.pos + packet.size)
        if before is None:
            if not packet.pts or packet.pts < 0:
                return False  # whatever is before it, it is no picture
        elif packet.pos <= before[0] or packet.pos - before[1] in _CLOSE:
            return False
        try:
            with self._path.open("rb", buffering=0) as file:
                start = 0 if before is None else _end_of_block(file, before[0])
                # A block may be coded in a way that is not known here.
                return start is not None and not _leads_to(file, start, packet.pos)
        except OSError:
            return False


def _leads_to(file: BinaryIO, place: int, target: int) -> bool:
    """Tell whether the elements from a place on lead to the picture whose data begins at `target`."""
    for _ in range(_MOST_STEPS):
        file.seek(place)
        found = _header(file.read(12))
        if found is None:
            return False
        name, size, length = found
        place += length
        if name in _PICTURES and place == target:
            return True
        if name not in _KNOWN or place > target:
            return False
        if name not in _LEVELS:
            place += size
    return True


def _end_of_block(file: BinaryIO, start: int) -> int | None:
    """Return where the block ends whose data begins at a place, by the header before it."""
    file.seek(max(0, start - 9))
    head = file.read(min(start, 9))
    for length in range(1, len(head)):
        found = _header(head[-length - 1 :])
        if found is not None and found[0] in _PICTURES and found[2] == length + 1:
            return start + found[1]
    return None


def _header(data: bytes) -> tuple[int, int, int] | None:
    """Return an element's number, its size, and the length of both as they are written."""
    number = _length(data[:1], 4)
    size = _length(data[number : number + 1], 8) if number else 0
    if not number or not size or len(data) < number + size:
        return None
    value = int.from_bytes(data[number : number + size]) & ((1 << 7 * size) - 1)
    return int.from_bytes(data[:number]), value, number + size


def _length(first: bytes, most: int) -> int:
    """Return how many bytes a number has that begins so; 0 if it is none."""
    length = 9 - first[0].bit_length() if first and first[0] else 0
    return length if length <= most else 0
