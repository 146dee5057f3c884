"""Sound beside the pictures: what there is, and where it is to come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av.audio.stream

__all__ = ["AudioSource", "AudioTrack", "audio_tracks"]


@dataclass(frozen=True, slots=True)
class AudioSource:
    """A file whose sound is wanted beside other pictures.

    Attributes:
        path: The file.
        start: Where to begin, in seconds since the file's first frame. It ends with the pictures.

    Example:
        >>> AudioSource(Path("clip.mp4"), start=2.5).start
        2.5
    """

    path: Path
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One stream of sound.

    Attributes:
        codec: FFmpeg's name of its coding.
        sample_rate: Samples a second.
        channels: Number of channels.
        duration: Seconds, if stated.
        language: As the file states it, for example `"eng"`.
    """

    codec: str
    sample_rate: int
    channels: int
    duration: float | None = None
    language: str | None = None


def audio_tracks(path: Path) -> tuple[AudioTrack, ...]:
    """List the sound in a video file.

    Raises:
        SequenceError: It cannot be opened.
    """
    from seqimg.sequences.video.container import open_container

    with open_container(path) as container:
        return tuple(_track(stream) for stream in container.streams.audio)


def _track(stream: "av.audio.stream.AudioStream") -> AudioTrack:
    context = stream.codec_context
    return AudioTrack(
        codec=context.name if context is not None else "unknown",
        sample_rate=getattr(context, "sample_rate", None) or 0,
        channels=getattr(context, "channels", None) or 0,
        duration=float(stream.duration * stream.time_base) if stream.duration else None,
        language=stream.language,
    )
