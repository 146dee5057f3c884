"""Stretches of a file that its demuxer passes over in silence, because it cannot read them."""

from pathlib import Path
from typing import Protocol

import av
import av.container
import av.video.stream

from seqimg.sequences.video.flash import Tags
from seqimg.sequences.video.matroska import Blocks
from seqimg.sequences.video.transport import Transport

__all__ = ["Tears", "tears_of"]


class Tears(Protocol):
    """Looks at the file itself between the packets that come out of it."""

    def is_torn_before(self, packet: av.Packet) -> bool:
        """Tell whether something between the packet before and this one cannot be read."""


class _Unknown:
    def is_torn_before(self, packet: av.Packet) -> bool:
        return False


def tears_of(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Tears:
    """Return what finds the tears of a local file; of other sources and formats nothing is known."""
    if not container.name.startswith("file:"):
        return _Unknown()
    path, name = Path(container.name.removeprefix("file:")), container.format.name
    if name.startswith("matroska"):
        return Blocks(path)
    if name == "mpegts":
        return Transport(path, stream)
    return Tags(path) if name == "flv" else _Unknown()
