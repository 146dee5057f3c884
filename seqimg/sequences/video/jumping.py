"""Frames at chosen places of a video, by jumping to keyframes, each checked against the file's index."""

import math
import os
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import av
import av.container
import av.error
import av.video.frame
import av.video.stream
import numpy as np

from seqimg.sequences.isolated.pulse import pulse
from seqimg.sequences.video.index import VideoIndex
from seqimg.sequences.video.ledger import Ledger
from seqimg.sequences.video.packets import is_hidden, packet_decoder, packets_of, trusts_packets

__all__ = ["AstrayError", "Leg", "jump", "plan_legs", "thread_count"]

# Going on is quicker than a jump ahead of so few frames.
_NOT_WORTH_IT = 4
_MANY_FRAMES = 64
_MAX_THREADS = 8
_INTRA = 1  # FFmpeg's number of pictures that need no other


class AstrayError(Exception):
    """What came out is not what the index says: only a pass from the start tells what is there."""


@dataclass(frozen=True)
class Leg:
    """What is decoded in one go.

    Attributes:
        key: Place of the keyframe to begin at; -1 is the beginning of the file.
        places: The places wanted of it, rising.
    """

    key: int
    places: Sequence[int]

    @property
    def length(self) -> int:
        """How many frames are decoded."""
        return self.places[-1] - max(self.key, 0) + 1


def plan_legs(index: VideoIndex, places: Sequence[int]) -> list[Leg]:
    """Say where to jump: to the last keyframe before a place, if that lies well ahead of the place before.

    Args:
        index: The file's, beginning with the first frame that comes out.
        places: What is wanted, rising; those behind the end are left out.

    Example:
        >>> import numpy as np
        >>> from fractions import Fraction
        >>> index = VideoIndex(Path("a.mp4"), np.arange(100), np.arange(0, 100, 10), Fraction(1, 25))
        >>> plan_legs(index, [3, 27, 38, 99, 200])
        [Leg(key=-1, places=[3]), Leg(key=20, places=[27, 38]), Leg(key=90, places=[99])]
    """
    known = places[: bisect_left(places, len(index.pts))]
    if not known:
        return []
    wanted = np.asarray(known, np.int64)
    at = np.searchsorted(index.keyframes, wanted, side="right") - 1
    keys = np.where(at >= 0, index.keyframes[at.clip(0)], 0) if len(index.keyframes) else np.zeros_like(at)
    jumps = np.flatnonzero(keys[1:] > wanted[:-1] + _NOT_WORTH_IT) + 1
    bounds = [0, *jumps.tolist(), len(known)]
    return [Leg(int(keys[a]) or -1, known[a:b]) for a, b in pairwise(bounds)]


def thread_count(legs: Sequence[Leg]) -> int:
    """Return how many threads to decode with, 0 for all cores: more than there are frames serve nobody."""
    mean = math.ceil(sum(leg.length for leg in legs) / max(len(legs), 1))
    return 0 if mean >= _MANY_FRAMES else min(_MAX_THREADS, os.cpu_count() or 1, max(mean, 1))


def jump(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: VideoIndex,
    legs: Sequence[Leg],
) -> Iterator[tuple[int, av.video.frame.VideoFrame]]:
    """Yield the frames at the places of all legs.

    Args:
        container: The file, just opened.
        stream: Its video stream.
        index: The file's, beginning with the first frame that comes out.
        legs: What is wanted, planned by this index.

    Raises:
        AstrayError: The file does not do what the index says, or is damaged there.
    """
    for leg in legs:
        frames = _run(container, stream, index, leg)
        for wanted in leg.places:
            frame = next((frame for place, frame in frames if place == wanted), None)
            if frame is None:
                raise AstrayError
            yield wanted, frame


def _run(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: VideoIndex,
    leg: Leg,
) -> Iterator[tuple[int, av.video.frame.VideoFrame]]:
    """Yield place and frame from a keyframe on, in the order they are shown."""
    place = max(leg.key, 0)
    first = int(index.pts[place])
    by_packets = trusts_packets(stream)
    decode, ledger = packet_decoder(stream), Ledger(container, stream)
    held: deque[tuple[int, av.video.frame.VideoFrame, int | None]] = deque()
    packets = _packets_from(container, stream, first) if leg.key > 0 else packets_of(container, stream)
    try:
        for packet in _enough(packets, stream, index, leg):
            if packet is not None:
                ledger.expect(packet)
            for frame in decode(packet):
                if frame.pts is not None and frame.pts < first:
                    continue  # stored behind the keyframe but shown before it, they build on the group before
                is_next = frame.pts is not None and (place > leg.places[-1] or frame.pts == index.pts[place])
                is_start = place != leg.key or by_packets or _is_fresh_start(frame)
                if frame.is_corrupt or not is_next or not is_start:
                    raise AstrayError
                held.append((place, frame, ledger.take(frame)))
                place += 1
                # What a frame builds on may be shown later; it has to be sound too.
                while held and (held[0][2] is None or held[0][2] <= frame.pts):
                    yield held.popleft()[:2]
    except av.error.FFmpegError as error:
        raise AstrayError from error


def _enough(
    packets: Iterator[av.Packet], stream: av.video.stream.VideoStream, index: VideoIndex, leg: Leg
) -> Iterator[av.Packet | None]:
    """Yield packets until all frames up to the last place are in, and then None: they need no others.

    Otherwise a decoder would begin with as many more as it has threads, and as are shown out of order.
    """
    first, last = int(index.pts[max(leg.key, 0)]), int(index.pts[leg.places[-1]])
    awaited = leg.length
    for packet in packets:
        pulse()
        if packet.is_corrupt:
            raise AstrayError
        yield packet
        hidden = packet.is_discard or is_hidden(packet, stream.codec_context.name)
        if packet.size and packet.pts is not None and not hidden:
            awaited -= first <= packet.pts <= last
        if not awaited:
            yield None
            return


def _is_fresh_start(frame: av.video.frame.VideoFrame) -> bool:
    return bool(frame.key_frame) and int(frame.pict_type) == _INTRA


def _packets_from(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, pts: int
) -> Iterator[av.Packet]:
    """Jump, and yield packets from the keyframe shown at `pts` on."""
    container.seek(pts, stream=stream)
    packets = packets_of(container, stream)
    for packet in packets:
        pulse()
        if packet.pts == pts and packet.is_keyframe:
            yield packet
            yield from packets
            return
        if packet.is_keyframe and packet.pts is not None and packet.pts > pts:
            return  # the jump went too far
