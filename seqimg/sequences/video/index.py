"""Which frames a video file holds, and from which of them decoding can begin, without decoding any."""

from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.video.stream
import numpy as np
from numpy.typing import NDArray

from seqimg.sequences.isolated.pulse import pulse
from seqimg.sequences.video.container import open_container, video_stream
from seqimg.sequences.video.index_cache import FileState, load_index, store_index
from seqimg.sequences.video.packets import is_hidden, is_whole, packets_of
from seqimg.sequences.video.tail import Tail
from seqimg.sequences.video.tears import tears_of

__all__ = ["VideoIndex", "cached_index", "index_video", "is_sensible", "time_base"]

_MAX_FRAMES = 2**24  # over three days at 60 frames a second; 16 bytes each
# PyAV's version stands for FFmpeg's, which decides on time stamps; the number is raised with our own rules.
_MAKER = f"2 av-{av.__version__}"


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """The frames of a video file in the order they are shown, as its packets tell.

    Attributes:
        path: The file.
        pts: `[N]` int64, strictly rising: when each frame is shown, in units of `time_base`.
        keyframes: `[K]` int64, rising: places of the frames from which decoding can begin.
        time_base: Seconds in one unit.
        doubt: Why the packets do not tell the frames; None if they do, and frames can be jumped to.
        cached: Whether the index was found on the disk rather than made now.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import save_sequence
        >>> path = Path(tmp) / "indexed.mp4"
        >>> _ = save_sequence(np.zeros((120, 32, 32, 3), np.uint8), path, fps=25)
        >>> index = index_video(path)
        >>> index.frame_count, index.keyframes.tolist(), index.doubt, index.cached
        (120, [0, 50, 100], None, False)
        >>> index_video(path).cached
        True
    """

    path: Path
    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    time_base: Fraction
    doubt: str | None = None
    cached: bool = False

    @property
    def frame_count(self) -> int | None:
        """Number of frames; None if there is doubt."""
        return len(self.pts) if self.doubt is None else None

    @property
    def seconds(self) -> NDArray[np.float64]:
        """`[N]`, when each frame is shown, in seconds since the first."""
        return np.asarray((self.pts - self.pts[:1]) * float(self.time_base), np.float64)

    def beginning_at(self, pts: int) -> "VideoIndex | None":
        """Return the index without frames before the one at `pts`, which cannot be decoded; None if it has none."""
        base = int(np.searchsorted(self.pts, pts))
        if self.doubt is not None or base == len(self.pts) or self.pts[base] != pts:
            return None
        keys = self.keyframes - base
        return VideoIndex(self.path, self.pts[base:], keys[keys >= 0], self.time_base, None, self.cached)


def index_video(path: Path) -> VideoIndex:
    """Return the index of a video file: from the cache on the disk, or made by reading all packets.

    What is made is kept under `$XDG_CACHE_HOME/seqimg/index/`, by the file's absolute path, size and
    time of change; a cache that is damaged or cannot be written is as good as none.

    Args:
        path: The file.

    Raises:
        SequenceError: The file is no video, or is damaged so that it cannot be opened.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import save_sequence
        >>> saved = save_sequence(np.zeros((5, 32, 32, 3), np.uint8), Path(tmp) / "a.mp4", fps=25)
        >>> len(index_video(saved.path).pts)
        5
    """
    found = cached_index(path)
    if found is not None:
        return found
    state = FileState.of(path)
    with open_container(path) as container:
        index = _scan(container, video_stream(container, path), path)
    # A file that changed while it was read has no index yet.
    if state is not None and state == FileState.of(path):
        meta = {"maker": _MAKER, "time_base": str(index.time_base), "doubt": index.doubt}
        store_index(state, meta, {"pts": index.pts, "keyframes": index.keyframes})
    return index


def cached_index(path: Path) -> VideoIndex | None:
    """Return the index of a video file if it is on the disk and the file is as it was."""
    state = FileState.of(path)
    found = None if state is None else load_index(state)
    if found is None:
        return None
    meta, arrays = found
    try:
        pts, keyframes = arrays["pts"], arrays["keyframes"]
        index = VideoIndex(path, pts, keyframes, Fraction(meta["time_base"]), meta["doubt"], cached=True)
        return index if meta["maker"] == _MAKER and is_sensible(index) else None
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def is_sensible(index: VideoIndex) -> bool:
    """Tell whether an index could be one: times rise, and keyframes are frames."""
    return all(
        values.dtype == np.int64 and values.ndim == 1 and bool((np.diff(values) > 0).all())
        for values in (index.pts, index.keyframes)
    ) and bool(((index.keyframes >= 0) & (index.keyframes < len(index.pts))).all())


def _scan(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, path: Path
) -> VideoIndex:
    """Read all packets."""
    packets, doubt = _Packets(stream.codec_context.name), None
    tail, tears = Tail(container, stream), tears_of(container, stream)
    if not is_whole(container, stream):
        doubt = f"{stream.codec_context.name} in {container.format.name.split(',')[0]}: a packet need not be a frame"
    else:
        try:
            for packet in packets_of(container, stream):
                pulse()
                tail.note(packet)
                packets.add(packet)
                if tears.is_torn_before(packet):
                    packets.doubt = "part of the file cannot be read"
                if packets.doubt is not None:
                    break
            doubt = (
                packets.doubt or tail.missing or packets.final_doubt(bool(stream.codec_context.has_b_frames))
            )
        except av.error.FFmpegError as error:
            doubt = f"a packet cannot be read: {error.strerror}"
    if doubt is not None:
        none = np.empty(0, np.int64)
        return VideoIndex(path, none, none, time_base(stream), doubt)
    pts = np.frombuffer(packets.pts, np.int64)
    order = np.sort(pts)
    keyframes = np.searchsorted(order, np.frombuffer(packets.keys, np.int64))
    return VideoIndex(path, order, keyframes.astype(np.int64), time_base(stream))


class _Packets:
    """The time stamps of all packets in the order they are stored.

    Attributes:
        pts: When each is shown.
        keys: When each keyframe is shown.
        doubt: What speaks against trusting them.
    """

    def __init__(self, codec: str) -> None:
        self.pts, self.keys = array("q"), array("q")
        self.doubt: str | None = None
        self._codec = codec
        self._last_dts: int | None = None
        self._is_ordered = False

    def add(self, packet: av.Packet) -> None:
        """Take in a packet."""
        if not packet.size:
            return
        if packet.is_corrupt:
            self.doubt = "a packet is damaged"
        if packet.dts is not None:
            if self._last_dts is not None and packet.dts < self._last_dts:
                self.doubt = "its packets are not in the order of their time stamps"
            self._last_dts = packet.dts
        # An edit list hides some; a hidden packet of VP8 or VP9 only serves others.
        if packet.is_discard or is_hidden(packet, self._codec):
            return
        if packet.pts is None:
            self.doubt = "a packet has no time stamp"
            return
        if len(self.pts) >= _MAX_FRAMES:
            self.doubt = f"it has more than {_MAX_FRAMES:,} frames"
        self._is_ordered |= packet.pts != packet.dts
        self.pts.append(packet.pts)
        if packet.is_keyframe:
            if self.keys and packet.pts <= self.keys[-1]:
                self.doubt = "its keyframes are not in the order they are shown"
            self.keys.append(packet.pts)

    def final_doubt(self, has_b_frames: bool) -> str | None:
        """Say what speaks against them, now that all are there."""
        # Without an order only what follows the first keyframe can be checked.
        if has_b_frames and not self._is_ordered and len(self.keys) > 1:
            return "it does not state in which order its frames are shown"
        if not self.pts:
            return "it holds no frames"
        if len(set(self.pts)) < len(self.pts):
            return "two frames have the same time stamp"
        return None


def time_base(stream: av.video.stream.VideoStream) -> Fraction:
    """Return the unit of a stream's time stamps, in seconds."""
    return Fraction(stream.time_base.numerator, stream.time_base.denominator)
