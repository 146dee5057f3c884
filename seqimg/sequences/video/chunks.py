"""Whether anything between two pictures of an AVI or FLV file cannot be read: both are chains of chunks."""

from io import FileIO
from pathlib import Path

import av
import av.video.stream

__all__ = ["AviChunks", "FlvTags", "avi_is_whole"]

_MOST_STEPS = 100_000


class FlvTags:
    """Follows the tags of an FLV file from each packet to the next.

    Args:
        path: The file.
    """

    _before_packet = 0  # bytes from the beginning of a chunk to where its packet is said to be

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: int | None = None

    def is_torn_before(self, packet: av.Packet) -> bool:
        """Tell whether something between the packet before and this one cannot be read."""
        if not packet.size or packet.pos is None or packet.pos < self._before_packet:
            return False
        here = packet.pos - self._before_packet
        before, self._before = self._before, here
        if before is None or here <= before:
            return False
        try:
            with self._path.open("rb", buffering=0) as file:
                return not self._leads_to(file, before, here)
        except OSError:
            return False

    def _leads_to(self, file: FileIO, place: int, target: int) -> bool:
        for _ in range(_MOST_STEPS):
            length = self._length(file, place)
            place += length
            if not length or place >= target:
                return place == target and length > 0
        return True

    def _length(self, file: FileIO, place: int) -> int:
        """Return how long the chunk at a place is; 0 if there is none."""
        file.seek(place)
        head = file.read(11)  # kind, size, time; the whole length stands behind the data
        if len(head) < 11 or head[0] & 0x1F not in (8, 9, 18):  # sound, pictures, data
            return 0
        size = 11 + int.from_bytes(head[1:4])
        file.seek(place + size)
        return size + 4 if int.from_bytes(file.read(4)) == size else 0


class AviChunks(FlvTags):
    """Follows the chunks of an AVI file from each packet to the next.

    Its frames have no times: only the index at its end tells how many a tear costs.

    Args:
        path: The file.
        stream: Its video stream.
    """

    _before_packet = 8

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        super().__init__(path)
        self._stream = stream

    def lost(self, packet: av.Packet) -> int | None:
        """Return how many pictures the index names between a picture behind a tear and the one before."""
        places = [entry.pos for entry in self._stream.index_entries]
        here = (packet.pos or 0) - self._before_packet
        if here not in places or self._whole not in places:
            return None
        return places.index(here) - places.index(self._whole) - 1

    def _leads_to(self, file: FileIO, place: int, target: int) -> bool:
        self._whole = place
        return super()._leads_to(file, place, target)

    def _length(self, file: FileIO, place: int) -> int:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or not all(0x20 <= byte < 0x7F for byte in head[:4]):
            return 0
        size = int.from_bytes(head[4:], "little")
        return 12 if head[:4] in (b"LIST", b"RIFF") else 8 + size + size % 2


def avi_is_whole(path: Path) -> bool:
    """Tell whether an AVI file is as long as it says: its outermost chunks end where it does.

    The number of frames it states also counts those that were dropped when it was recorded.
    """
    place, size = 0, path.stat().st_size
    with path.open("rb", buffering=0) as file:
        while place < size:
            file.seek(place)
            head = file.read(8)
            length = int.from_bytes(head[4:], "little")
            if head[:4] != b"RIFF" or not length:
                return place > 0 and head[:4] != b"RIFF"  # what follows the last is none of ours
            place += 8 + length
    return place <= size + 1
