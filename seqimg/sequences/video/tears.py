"""Stretches of a file that its demuxer passes over in silence, because it cannot read them."""

from pathlib import Path
from typing import Protocol

import av
import av.container
import av.video.stream

from seqimg.sequences.video.chunks import AviChunks, FlvTags
from seqimg.sequences.video.matroska import Blocks
from seqimg.sequences.video.transport import Transport

__all__ = ["Tears", "tears_of"]


class Tears(Protocol):
    """Looks at the file itself between the packets that come out of it."""

    def is_torn_before(self, packet: av.Packet) -> bool:
        """Tell whether something between the packet before and this one cannot be read."""

    def lost(self, packet: av.Packet) -> int | None:
        """Return how many pictures a tear before a packet costs; 0 if times tell, None if nothing does."""


class _Timed:
    """Files whose pictures have times, which tell how many are missing.

    Args:
        finder: Finds their tears; None if nobody can.
    """

    def __init__(self, finder: Blocks | Transport | FlvTags | None) -> None:
        self._finder = finder

    def is_torn_before(self, packet: av.Packet) -> bool:
        return self._finder is not None and self._finder.is_torn_before(packet)

    def lost(self, packet: av.Packet) -> int | None:
        return 0


def tears_of(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Tears:
    """Return what finds the tears of a local file; of other sources and formats nothing is known."""
    if not container.name.startswith("file:"):
        return _Timed(None)
    path, name = Path(container.name.removeprefix("file:")), container.format.name
    if name == "avi":
        return AviChunks(path, stream)
    if name.startswith("matroska"):
        return _Timed(Blocks(path))
    if name == "mpegts":
        return _Timed(Transport(path, stream))
    return _Timed(FlvTags(path) if name == "flv" else None)
