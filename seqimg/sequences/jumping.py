"""Frames at chosen places of a video, by jumping to keyframes, each checked against the file's index."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice

import av
import av.container
import av.error
import av.video.frame
import av.video.stream
import numpy as np

from seqimg.sequences.index import VideoIndex
from seqimg.sequences.packets import packet_decoder, trusts_packets
from seqimg.sequences.pulse import pulse

__all__ = ["AstrayError", "jump", "thread_count"]

# Going on is quicker than a jump ahead of so few frames: the decoder has begun with them already.
_NOT_WORTH_IT = 4
_MANY_FRAMES = 64
_FEW_THREADS = 2
_INTRA = 1  # FFmpeg's number of pictures that need no other


class AstrayError(Exception):
    """What came out is not what the index says: only a pass from the start tells what is there."""


def thread_count(index: VideoIndex, places: Sequence[int]) -> int:
    """Return how many threads to decode with: 0, for all cores, where many frames lie in a row.

    Threads decode ahead; what they had begun with is lost at each jump.

    Args:
        index: The file's.
        places: What is wanted, rising.
    """
    starts, decoded, position = 0, 0, -1
    for place, key in islice(_plan(index, places), _MANY_FRAMES):
        starts += key is not None
        decoded += place - (position if key is None else max(key, 0))
        position = place
    return 0 if decoded >= _MANY_FRAMES * starts else min(_FEW_THREADS, os.cpu_count() or 1)


def jump(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: VideoIndex,
    places: Sequence[int],
) -> Iterator[tuple[int, av.video.frame.VideoFrame]]:
    """Yield the frames at rising places; those behind the end are left out.

    Args:
        container: The file, just opened.
        stream: Its video stream.
        index: The file's, beginning with the first frame that comes out.
        places: What is wanted, rising.

    Raises:
        AstrayError: The file does not do what the index says, or is damaged there.
    """
    run: Iterator[tuple[int, av.video.frame.VideoFrame]] = iter(())
    for place, key in _plan(index, places):
        if key is not None:
            run = _run(container, stream, index, key)
        frame = next((frame for position, frame in run if position == place), None)
        if frame is None:
            raise AstrayError
        yield place, frame


def _plan(index: VideoIndex, places: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    """Yield each place and the keyframe to begin at: -1 is the file's beginning, None to go on decoding."""
    position: int | None = None
    for place in places:
        if place >= len(index.pts):
            return
        at = int(np.searchsorted(index.keyframes, place, side="right")) - 1
        key = int(index.keyframes[at]) if at >= 0 else 0
        if position is None:
            yield place, key or -1
        else:
            yield place, key if key > position + _NOT_WORTH_IT else None
        position = place


def _run(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: VideoIndex,
    key: int,
) -> Iterator[tuple[int, av.video.frame.VideoFrame]]:
    """Yield place and frame from a keyframe on, in the order they are shown."""
    place = max(key, 0)
    first = int(index.pts[place])
    by_packets = trusts_packets(stream)
    decode = packet_decoder(stream)
    try:
        for packet in _packets_from(container, stream, first) if key > 0 else container.demux(stream):
            pulse()
            if packet.is_corrupt:
                raise AstrayError
            for frame in decode(packet):
                if frame.pts is not None and frame.pts < first:
                    continue  # stored behind the keyframe but shown before it, they build on the group before
                if place == len(index.pts) or frame.pts != index.pts[place] or frame.is_corrupt:
                    raise AstrayError
                if place == key and not (by_packets or _is_fresh_start(frame)):
                    raise AstrayError
                yield place, frame
                place += 1
    except av.error.FFmpegError as error:
        raise AstrayError from error


def _is_fresh_start(frame: av.video.frame.VideoFrame) -> bool:
    return bool(frame.key_frame) and int(frame.pict_type) == _INTRA


def _packets_from(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, pts: int
) -> Iterator[av.Packet]:
    """Jump, and yield packets from the keyframe shown at `pts` on."""
    container.seek(pts, stream=stream)
    packets = container.demux(stream)
    for packet in packets:
        pulse()
        if packet.pts == pts and packet.is_keyframe:
            yield packet
            yield from packets
            return
        if packet.is_keyframe and packet.pts is not None and packet.pts > pts:
            return  # the jump went too far
