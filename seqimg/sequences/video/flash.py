"""Whether anything between two pictures of an FLV file cannot be read."""

from pathlib import Path
from typing import BinaryIO

import av

__all__ = ["Tags"]

_KINDS = (8, 9, 18)  # sound, pictures, data
_HEAD = 11  # bytes before a tag's data; its whole length stands behind it
_MOST_STEPS = 100_000


class Tags:
    """Follows the tags from each packet to the next.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: int | None = None

    def is_torn_before(self, packet: av.Packet) -> bool:
        """Tell whether something between the packet before and this one cannot be read."""
        if not packet.size or packet.pos is None or packet.pos < 0:
            return False
        before, self._before = self._before, packet.pos
        if before is None or packet.pos <= before:
            return False
        try:
            with self._path.open("rb", buffering=0) as file:
                return not _leads_to(file, before, packet.pos)
        except OSError:
            return False


def _leads_to(file: BinaryIO, place: int, target: int) -> bool:
    for _ in range(_MOST_STEPS):
        file.seek(place)
        head = file.read(_HEAD)
        if len(head) < _HEAD or head[0] & 0x1F not in _KINDS:
            return False
        size = _HEAD + int.from_bytes(head[1:4])
        file.seek(place + size)
        if int.from_bytes(file.read(4)) != size:
            return False
        place += size + 4
        if place >= target:
            return place == target
    return True
