"""Whether a video stream is as long as its container claims."""

from pathlib import Path

import av
import av.container
import av.video.frame
import av.video.stream

from seqimg.sequences.video.chunks import avi_is_whole

__all__ = ["Tail"]


class Tail:
    """Whether the stream is shorter than its container claims.

    Attributes:
        missing: By how much, once all packets are in; None if it is whole.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> None:
        self._container, self._stream = container, stream
        self._step = 1.5 / float(stream.average_rate) if stream.average_rate else 0.0
        self._packets, self._last = 0, 0  # the latest time stamp
        self._shown: float | None = None
        self.missing: str | None = None

    def note(self, packet: av.Packet) -> None:
        """Count a packet; the empty one that ends the stream settles the matter."""
        if packet.size:
            self._packets += 1
            if packet.pts is not None and packet.pts > self._last:
                self._last = packet.pts
        else:
            self.missing = self._compare()

    def is_beyond(self, frame: av.video.frame.VideoFrame) -> bool:
        """Tell whether a frame stands behind one that the file no longer holds."""
        time, before = frame.time, self._shown
        self._shown = time
        gap = 0.0 if time is None or before is None else time - before
        return self.missing is not None and gap > self._step > 0

    def _compare(self) -> str | None:
        name, stream = self._container.format.name, self._stream
        # An MP4's edit list may hide frames it counts, but not those in its index.
        stated = len(stream.index_entries) if name.startswith("mov") else stream.frames
        if self._packets < stated and not (name == "avi" and _is_whole(self._container)):
            return f"the file ends after {self._packets} of {stated} frames"
        # Matroska states no count, but how long its longest stream is.
        if name.startswith("matroska") and len(self._container.streams) == 1 and self._step:
            seconds = (
                (self._container.duration or 0) / 1e6 - float(self._last * stream.time_base) - self._step
            )
            if seconds > 0.001:
                return f"the file ends {seconds:.2g} s early"
        return None


def _is_whole(container: av.container.InputContainer) -> bool:
    try:
        return avi_is_whole(Path(container.name.removeprefix("file:")))
    except OSError:
        return False
