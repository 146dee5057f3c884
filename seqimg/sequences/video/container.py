"""Opening video containers: only local files, only known formats, every failure explained."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.video.stream

from seqimg.sequences.base import SequenceError
from seqimg.sequences.isolated.standstill import is_careful
from seqimg.sequences.limits import MAX_FPS, MAX_PIXELS, check_size
from seqimg.sequences.sniff import sniff

__all__ = ["DEMUXERS", "cut_short", "frame_rate", "open_container", "video_stream"]

# Demuxers that read one file and nothing else: no playlists, no concatenation, no patterns of pictures.
DEMUXERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,flv,ogg,asf,gif,yuv4mpegpipe"

# These repeat or invent parts of a damaged picture and do not mark it. Others would stumble over trifles.
_PATCHED_UP = ("ffv1", "mjpeg", "png")


@contextmanager
def open_container(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a local file as a video container, and close it again.

    Raises:
        SequenceError: The file is empty, damaged, or no video.
    """
    try:
        if path.stat().st_size == 0:
            raise SequenceError(f"cannot read {path}", why="the file is empty")
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    limits = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS}
    try:
        # An absolute path never looks like an address; tags in foreign encodings do not matter.
        container = av.open(f"file:{path.absolute()}", mode="r", container_options=limits, **_LENIENT_TAGS)
    except av.error.FFmpegError as error:
        known = sniff(path) is not None
        why = "its index is damaged, or the file is cut short" if known else "its content is not a video"
        raise SequenceError(f"cannot read {path}", why=f"{why} ({error.strerror})") from error
    except UnicodeEncodeError as error:
        raise SequenceError(f"cannot read {path}", why="its name is not valid text") from error
    with container:
        yield container


# PyAV 19 always keeps what it cannot decode and has no such argument any more.
_LENIENT_TAGS = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def video_stream(
    container: av.container.InputContainer, path: Path | str, *, threads: int = 0, strict: bool = False
) -> av.video.stream.VideoStream:
    """Return the first stream of moving pictures, set to decode with so many threads, 0 for all cores.

    Several threads decode several frames ahead: what is quick for all frames is slow for a few. A
    `strict` decoder refuses pictures it would else patch up without a word, where it can tell them from
    sound ones.

    Raises:
        SequenceError: There is none, or its frames are over the limits.
    """
    cover = av.stream.Disposition.attached_pic
    moving = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not moving:
        kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
        raise SequenceError(f"cannot read {path}", why=f"it holds no video stream, only {', '.join(kinds)}")
    stream = moving[0]
    if stream.codec_context is None:
        raise SequenceError(f"cannot read {path}", why="no decoder knows its codec")
    if not stream.codec_context.height or not stream.codec_context.width:
        # FFmpeg does not hand on a size that it finds absurd.
        why = f"it states no size of frames, or one over the limit ({MAX_PIXELS:,} pixels)"
        raise SequenceError(f"cannot handle {path}", why=why)
    check_size(path, stream.codec_context.height, stream.codec_context.width, 3)
    # Threads that decode several frames at once may come to wait for each other.
    stream.thread_type = "SLICE" if is_careful() else "AUTO"
    stream.codec_context.thread_count = threads
    explode = strict and stream.codec_context.name in _PATCHED_UP
    strictness = {"err_detect": "crccheck+explode"} if explode else {}
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), **strictness}
    return stream


def frame_rate(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Fraction | None:
    """Return the mean frame rate the file states, or None."""
    if container.format.name == "gif" and stream.frames and stream.duration:
        # Delays are whole hundredths; the average FFmpeg offers rounds them a second time.
        rate = Fraction(stream.frames) / (stream.duration * _fraction(stream.time_base))
    else:
        rate = _fraction(stream.average_rate) or _fraction(stream.guessed_rate)
    return rate if 0 < rate <= MAX_FPS else None


def cut_short(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, path: Path
) -> bool:
    """Tell whether the file's own index points behind its end."""
    entries = stream.index_entries
    last = len(entries) - 1
    return last >= 0 and entries[last].pos + entries[last].size > path.stat().st_size


def _fraction(rational: Fraction | None) -> Fraction:
    # Unset rationals are None in PyAV 18 and a falsy AVRational(0, 1) in PyAV 19.
    return Fraction(rational.numerator, rational.denominator) if rational else Fraction(0)
