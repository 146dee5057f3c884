"""Copying sound from file to file without decoding it."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import av.audio.stream
import av.container
import av.error

from seqimg.sequences.base import SequenceError
from seqimg.sequences.video.audio import AudioSource
from seqimg.sequences.video.container import open_container

__all__ = ["AudioCopy"]

# Containers for sound that another cannot hold, the likeliest to be played first.
_HOLDERS = {".mp4": "mp4", ".webm": "webm", ".mkv": "matroska"}


class AudioCopy:
    """Packets of sound, taken from one file and put into another without decoding them.

    Args:
        source: Where from.
        target: The container to put them into; its streams are added here.
        path: Its file, for messages.

    Raises:
        SequenceError: The source cannot be opened, has no sound, or some that the target cannot hold.
    """

    def __init__(self, source: AudioSource, target: av.container.OutputContainer, path: Path) -> None:
        self._target = target
        self._held = ExitStack()
        with ExitStack() as opening:
            container = opening.enter_context(open_container(source.path))
            streams = list(container.streams.audio)
            if not streams:
                raise SequenceError(f"cannot keep the sound of {source.path}", why="it has none")
            _check_held(streams, target, path)
            self._streams = {
                stream.index: target.add_stream_from_template(stream, opaque=True) for stream in streams
            }
            self._origin = _first_picture(container) + source.start
            self._packets = _packets(container, streams, self._origin)
            self._next = next(self._packets, None)
            self._held = opening.pop_all()
        plural = "s" if len(streams) > 1 else ""
        codecs = ", ".join(dict.fromkeys(stream.codec_context.name for stream in streams))
        self._copied = f"{len(streams)} stream{plural} of sound copied ({codecs})"
        self._count = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say."""
        return (self._copied if self._count else "no sound is in this part",)

    def until(self, seconds: float) -> Iterator[av.Packet]:
        """Yield the packets that begin before `seconds` of the new file and were not yielded yet."""
        while self._next is not None and self._time(self._next) < seconds:
            packet = self._next
            self._next = next(self._packets, None)
            offset = round(self._origin / packet.time_base)
            packet.stream = self._streams[packet.stream_index]
            packet.pts -= offset
            packet.dts = packet.pts if packet.dts is None else packet.dts - offset
            self._count += 1
            yield packet

    def close(self) -> None:
        """Release the source."""
        self._held.close()

    def _time(self, packet: av.Packet) -> float:
        return float(packet.pts * packet.time_base) - self._origin


def _check_held(
    streams: list[av.audio.stream.AudioStream], target: av.container.OutputContainer, path: Path
) -> None:
    for stream in streams:
        codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
        names = _names(codec)
        if names & target.supported_codecs:
            continue
        holders = [ending for ending, name in _HOLDERS.items() if names & _supported(name)]
        raise SequenceError(
            f"a {path.suffix} file cannot hold the {codec} sound of the source",
            why=f"it can be kept, as it is, in {' or '.join(holders)}" if holders else "nor can others",
            hint=f"an {holders[0]} file, or leave out --keep-audio" if holders else "leave out --keep-audio",
        )


def _names(codec: str) -> set[str]:
    """Return the names FFmpeg may know a codec by: a decoder's own, and the codec's."""
    return {codec, codec.removeprefix("lib"), codec.removesuffix("float")}


def _supported(container: str) -> set[str]:
    with av.open(BytesIO(), "w", format=container) as probe:
        names: set[str] = probe.supported_codecs
    return names


def _first_picture(container: av.container.InputContainer) -> float:
    """Return when the first picture is shown, in seconds of the file's own clock."""
    video = container.streams.video
    return float(video[0].start_time * video[0].time_base) if video and video[0].start_time else 0.0


def _packets(
    container: av.container.InputContainer, streams: list[av.audio.stream.AudioStream], origin: float
) -> Iterator[av.Packet]:
    """Yield the packets of sound that are heard after `origin`."""
    if origin > 1:
        container.seek(int((origin - 1) * 1_000_000))
    try:
        for packet in container.demux(streams):
            length = (packet.duration or 0) * packet.time_base
            if (
                packet.size
                and packet.pts is not None
                and packet.pts * packet.time_base + length > Fraction(origin)
            ):
                yield packet
    except av.error.FFmpegError as error:
        raise SequenceError("the sound of the source is damaged", why=error.strerror) from error
