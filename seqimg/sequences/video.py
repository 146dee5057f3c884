"""Reading video files, animated GIF among them, with PyAV."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.video.frame
import av.video.reformatter
import av.video.stream
import numpy as np

from seqimg.sequences.base import (
    ASSUMED_FPS,
    Damage,
    OnError,
    Sequence,
    SequenceError,
    SequenceInfo,
    TimedFrame,
)
from seqimg.sequences.container import cut_short, frame_rate, open_container, video_stream
from seqimg.sequences.decoding import decode
from seqimg.sequences.limits import check_size, value_range_of
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["VideoSequence"]


class VideoSequence(Sequence):
    """A video file, forward only.

    Frames come out as 8-bit RGB, grey if the file's pixels are grey, 16-bit if they are 16-bit grey or
    16-bit RGB. Colours follow the file's tags for matrix and range; where it has none, BT.601 and
    limited range are taken, as FFmpeg does. Rotation stated in the file is applied.

    Args:
        path: A local file.
        on_error: What to do about damage. `"skip"` leaves out damaged frames and all that build on
            them, up to the next keyframe; the places of the others stay what they were.

    Raises:
        SequenceError: The file is empty, no video, has no pictures, or its first frame is damaged.
    """

    def __init__(self, path: Path, *, on_error: OnError = "error") -> None:
        self._path = path
        self._on_error = on_error
        with open_container(path) as container:
            stream = video_stream(container, path)
            short = cut_short(container, stream, path)
            if short and on_error == "error":
                raise SequenceError(
                    f"{path} is cut short",
                    why="its index points behind the end of the file",
                    hint="--on-error truncate, to use the frames that are there",
                )
            first = self._first_frame(container, stream)
            self._format, depth_note = _pixel_format(first)
            self._turns, turn_note = _turns(first)
            notes = [depth_note, turn_note, _shape_note(stream), "cut short" if short else None]
            others = len(container.streams.video) - 1
            notes.append(f"{others} other video stream{'s' * (others > 1)} left out" if others else None)
            super().__init__(_info(path, container, stream, first, self._format, self._turns, short, notes))
        self._first_shape = (first.height, first.width)

    def _first_frame(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream
    ) -> av.video.frame.VideoFrame:
        why = "it holds no frames"
        for step in decode(container, stream):
            if step.frame is not None:
                return step.frame
            if step.reason is not None:
                why = f"its first frame is damaged: {step.reason}"
                if self._on_error != "skip":
                    break
        raise SequenceError(f"cannot read {self._path}", why=why)

    def _read(self) -> Generator[TimedFrame, None, None]:
        # One converter for all frames: PyAV 18 would keep megabytes of swscale state for each.
        convert = av.video.reformatter.VideoReformatter()
        place, reason, start = 0, "", None
        rate = self.info.fps or ASSUMED_FPS
        with open_container(self._path) as container:
            for step in decode(container, video_stream(container, self._path)):
                if step.reason is not None:
                    reason = step.reason
                    if self._ends_at(place, reason, file_ends=step.ends):
                        return
                    continue
                if step.lost:
                    self.damage.append(Damage(place, step.lost, reason))
                    place += step.lost
                if step.frame is not None:
                    seconds = float(place / rate) if step.frame.time is None else step.frame.time
                    start = seconds if start is None else start
                    yield TimedFrame(place, seconds - start, self._pixels(convert, step.frame, place))
                    place += 1

    def _ends_at(self, place: int, reason: str, *, file_ends: bool) -> bool:
        """Follow the policy on damage: raise, or tell whether the pass ends here."""
        if self._on_error == "error":
            raise SequenceError(
                f"{self._path} is damaged at frame {place}",
                why=reason,
                hint="--on-error skip, or --on-error truncate to use the frames before",
            )
        if self._on_error == "truncate" or file_ends:
            self.damage.append(Damage(place, None, reason))
            return True
        return False

    def _pixels(
        self, convert: av.video.reformatter.VideoReformatter, frame: av.video.frame.VideoFrame, place: int
    ) -> Pixels:
        height, width = self._first_shape
        if (frame.height, frame.width) != (height, width):
            raise SequenceError(
                f"{self._path} changes its frame size at frame {place}",
                why=f"from {width} by {height} to {frame.width} by {frame.height}",
            )
        try:
            plane = convert.reformat(frame, format=self._format).to_ndarray()
        except av.error.FFmpegError as error:
            raise SequenceError(
                f"cannot convert frame {place} of {self._path}",
                why=f"its pixels are {frame.format.name}: {error.strerror}",
            ) from error
        pixels: Pixels = np.rot90(plane.reshape(height, width, -1), self._turns)
        # The array is a view with padded rows into FFmpeg's memory, or the decoder's own frame.
        return pixels.copy(order="C")


def _info(
    path: Path,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    first: av.video.frame.VideoFrame,
    pixel_format: str,
    turns: int,
    short: bool,
    notes: list[str | None],
) -> SequenceInfo:
    height, width = (first.width, first.height) if turns % 2 else (first.height, first.width)
    channels = 1 if pixel_format.startswith("gray") else 3
    check_size(path, height, width, channels)
    dtype = "uint16" if pixel_format in ("gray16le", "rgb48le") else "uint8"
    is_gif = container.format.name == "gif"
    rate: Fraction | None = frame_rate(container, stream)
    return SequenceInfo(
        path=str(path),
        format="gif" if is_gif else "video",
        height=height,
        width=width,
        channels=channels,
        dtype=dtype,
        value_range=value_range_of(dtype),
        fps=rate,
        frame_count=stream.frames or None if not short else None,
        codec=stream.codec_context.name,
        notes=tuple(note for note in notes if note),
    )


def _pixel_format(frame: av.video.frame.VideoFrame) -> tuple[str, str | None]:
    """Return what to convert to, and what is lost by it."""
    source = frame.format
    bits = max(component.bits for component in source.components)
    notes = []
    if source.name.startswith(("gray", "mono", "ya")):
        target = "gray16le" if bits == 16 else "gray"
    else:
        target = "rgb48le" if bits == 16 and source.is_rgb else "rgb24"
    if bits > 8 and target in ("gray", "rgb24"):
        notes.append(f"{bits}-bit pixels ({source.name}) read as 8-bit")
    if any(component.is_alpha for component in source.components) and not _is_opaque(frame):
        notes.append("transparency dropped")
    return target, ", ".join(notes) or None


def _is_opaque(frame: av.video.frame.VideoFrame) -> bool:
    # GIF frames always carry an alpha channel, most often unused.
    return frame.format.name == "bgra" and bool((frame.to_ndarray()[..., 3] == 255).all())


def _turns(frame: av.video.frame.VideoFrame) -> tuple[int, str | None]:
    """Return the quarter turns counterclockwise that set the frame upright."""
    degrees = frame.rotation
    if degrees % 90:
        return 0, f"rotation of {degrees}° not applied"
    turns = degrees // 90 % 4
    return turns, f"turned by {degrees % 360}°" if turns else None


def _shape_note(stream: av.video.stream.VideoStream) -> str | None:
    ratio = stream.sample_aspect_ratio
    if not ratio or ratio == 1:
        return None
    return f"pixels are {ratio.numerator}:{ratio.denominator}, not square"
