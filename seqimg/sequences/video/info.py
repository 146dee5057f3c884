"""What a video file says of itself."""

from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.video.frame
import av.video.stream

from seqimg.sequences.base import SequenceInfo
from seqimg.sequences.limits import check_size, value_range_of
from seqimg.sequences.video.container import frame_rate
from seqimg.sequences.video.packets import states_alpha
from seqimg.sequences.video.pixels import VideoPixels, pixel_aspect

__all__ = ["video_info"]


def video_info(
    path: Path,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    first: av.video.frame.VideoFrame,
    pixels: VideoPixels,
    short: bool,
) -> SequenceInfo:
    """Describe an open video file; `short` says that it is cut short.

    Raises:
        SequenceError: Its frames are over the limits.
    """
    is_turned = pixels.turns % 2
    height, width = (first.width, first.height) if is_turned else (first.height, first.width)
    check_size(path, height, width, pixels.channels)
    rate: Fraction | None = frame_rate(container, stream)
    aspect = pixel_aspect(stream)
    return SequenceInfo(
        path=str(path),
        format="gif" if container.format.name == "gif" else "video",
        height=height,
        width=width,
        channels=pixels.channels,
        dtype=pixels.dtype,
        value_range=value_range_of(pixels.dtype),
        fps=rate,
        frame_count=stream.frames or None if not short else None,
        codec=stream.codec_context.name,
        rotation=90 * pixels.turns,
        pixel_aspect=1 / aspect if is_turned else aspect,
        pixel_format=pixels.source_format,
        colour_range=pixels.colour_range,
        notes=(*pixels.notes, *_notes(container, stream, pixels, aspect, short)),
    )


def _notes(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    pixels: VideoPixels,
    aspect: Fraction,
    short: bool,
) -> list[str]:
    others = len(container.streams.video) - 1
    notes = {
        "transparency dropped": states_alpha(stream) and pixels.channels in (1, 3),
        f"pixels are {aspect.numerator}:{aspect.denominator}, not square": aspect != 1,
        "cut short": short,
        f"{others} other video stream{'s' * (others > 1)} left out": others > 0,
    }
    return [note for note, applies in notes.items() if applies]
