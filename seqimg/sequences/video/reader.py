"""Reading video files, animated GIF among them, with PyAV."""

import sys
from collections.abc import Generator
from collections.abc import Sequence as Several
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import av.container
import av.error
import av.video.frame
import av.video.reformatter
import av.video.stream

from seqimg.sequences.base import (
    ASSUMED_FPS,
    Damage,
    OnError,
    Sequence,
    SequenceError,
    TimedFrame,
)
from seqimg.sequences.video.container import cut_short, open_container, video_stream
from seqimg.sequences.video.decoding import decode
from seqimg.sequences.video.index import VideoIndex, cached_index, index_video, time_base
from seqimg.sequences.video.index_cache import FileState
from seqimg.sequences.video.info import video_info
from seqimg.sequences.video.jumping import AstrayError, jump, plan_legs, thread_count
from seqimg.sequences.video.packets import is_whole
from seqimg.sequences.video.pixels import plan_pixels

__all__ = ["VideoSequence"]

# Reading so many bytes of packets costs about as much as decoding one frame.
_BYTES_A_FRAME = 2**21
# Files that go astray that often are read from the start at once.
_MAX_ASTRAY = 4


class VideoSequence(Sequence):
    """A video file.

    Frames come out as 8-bit RGB, or as 16-bit RGB where the file has more than 8 bits; grey if the
    file's pixels are grey, with a channel of transparency if the file has one. Black and white are the
    ends of the dtype. Colours follow the file's tags for matrix and range; where it has none, BT.601
    and limited range are taken, as FFmpeg does. Rotation stated in the file is applied.

    `frames` jumps to keyframes where the file's packets tell which frame is which, and decodes from the
    start where they do not; either way a frame is that of a pass from the start.

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
        # Where all ends at the first damage, only a pass from the start tells whether a frame lies before it.
        self._may_jump = on_error != "truncate"
        self._astray = 0
        self._index: VideoIndex | None = None
        with open_container(path) as container:
            stream = video_stream(container, path, threads=1, strict=True)  # the quickest for one frame
            short = cut_short(container, stream, path)
            if short and on_error == "error":
                raise SequenceError(
                    f"{path} is cut short",
                    why="its index points behind the end of the file",
                    hint="--on-error truncate, to use the frames that are there",
                )
            first, before = self._first_frame(container, stream)
            self._may_jump &= is_whole(container, stream) and not short
            self._pixels = plan_pixels(first)
            super().__init__(video_info(path, container, stream, first, self._pixels, short))
            self._counts_times = container.format.name == "avi"
            # AVI has one time stamp for each stored picture, which is not the next one shown.
            is_shuffled = self._counts_times and stream.codec_context.has_b_frames
            self._first_pts, self._time_base = None if is_shuffled else first.pts, time_base(stream)
            if self._first_pts is not None and before and self.info.fps:
                # Places are counted from the first frame, even if it is lost, and so are times.
                self._first_pts -= round(before / self.info.fps / self._time_base)
        self._first_shape = (first.height, first.width)
        if self._may_jump:
            self._take(cached_index(path))

    def _first_frame(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream
    ) -> tuple[av.video.frame.VideoFrame, int]:
        """Return the first frame that comes out, and how many are lost before it."""
        why, lost = "it holds no frames", 0
        for step in decode(container, stream):
            lost += step.lost
            if step.frame is not None:
                self._may_jump &= not lost
                return step.frame, lost
            if step.reason is not None:
                self._may_jump = False
                why = f"its first frame is damaged: {step.reason}"
                if self._on_error != "skip":
                    break
        raise SequenceError(f"cannot read {self._path}", why=why)

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pass(None)

    def _from(self, start: int) -> Generator[TimedFrame, None, None]:
        # The number of frames that a file states may be wrong.
        yield from self._pick(range(start, sys.maxsize))

    def _pass(self, wanted: Several[int] | None) -> Generator[TimedFrame, None, None]:
        """Decode from the start, and convert what is wanted, which rises; None for all."""
        # One converter for all frames: PyAV 18 would keep megabytes of swscale state for each.
        reformatter = av.video.reformatter.VideoReformatter()
        place, reason = 0, ""
        last = wanted[-1] if wanted is not None else None
        chosen = wanted if wanted is None or isinstance(wanted, range) else set(wanted)
        with open_container(self._path) as container:
            for step in decode(container, video_stream(container, self._path, strict=True)):
                if step.reason is not None:
                    reason = step.reason
                    if self._ends_at(place, reason, file_ends=step.ends):
                        return
                    continue
                if step.lost and not reason:
                    reason = "frames are missing"
                    if self._ends_at(place, reason):
                        return
                if step.lost:
                    self._note(Damage(place, step.lost, reason))
                    place += step.lost
                if step.frame is not None:
                    if chosen is None or place in chosen:
                        yield self._timed(reformatter, step.frame, place)
                    place, reason = place + 1, ""
                if last is not None and place > last:
                    return

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        done = 0
        if not indices:
            return
        try:
            with closing(self._jumps(indices)) as frames:
                for frame in frames:
                    done += 1
                    yield frame
        except AstrayError:
            self._astray += 1
            with closing(self._pass(indices[done:])) as frames:
                yield from frames

    def _jumps(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        index = self._index_for(indices[-1] + 1 - len(indices))
        if index is None:
            yield from self._pass(indices)
            return
        legs = plan_legs(index, indices)
        reformatter = av.video.reformatter.VideoReformatter()
        with open_container(self._path) as container:
            stream = video_stream(container, self._path, threads=thread_count(legs), strict=True)
            for place, picture in jump(container, stream, index, legs):
                yield self._timed(reformatter, picture, place)

    def _index_for(self, unwanted: int) -> VideoIndex | None:
        """Return the index if it is at hand, or worth being made to pass over so many frames."""
        if not self._may_jump or self._astray >= _MAX_ASTRAY:
            return None
        state = FileState.of(self._path) if self._index is None else None
        if state is not None and state.size <= unwanted * _BYTES_A_FRAME:
            self._take(index_video(self._path))
        return self._index

    def _take(self, index: VideoIndex | None) -> None:
        """Use an index: what it says of the frames is surer than what the file states."""
        if index is None:
            return
        self._index = None if self._first_pts is None else index.beginning_at(self._first_pts)
        self._may_jump = self._index is not None
        stated, found = self.info.frame_count, self._index and self._index.frame_count
        if found and found != stated:
            note = () if stated is None else (f"the file states {stated}",)
            self.info = replace(self.info, frame_count=found, notes=self.info.notes + note)

    def _ends_at(self, place: int, reason: str, *, file_ends: bool = False) -> bool:
        """Follow the policy on damage: raise, or tell whether the pass ends here."""
        if self._on_error == "error":
            raise SequenceError(
                f"{self._path} is damaged at frame {place}",
                why=reason,
                hint="--on-error skip, or --on-error truncate to use the frames before",
            )
        if self._on_error == "truncate" or file_ends:
            self._note(Damage(place, None, reason))
            return True
        return False

    def _note(self, damage: Damage) -> None:
        # Frames asked for in falling order take several passes over the same damage.
        if damage not in self.damage:
            self.damage.append(damage)

    def _timed(
        self, reformatter: av.video.reformatter.VideoReformatter, frame: av.video.frame.VideoFrame, place: int
    ) -> TimedFrame:
        height, width = self._first_shape
        if (frame.height, frame.width) != (height, width):
            raise SequenceError(
                f"{self._path} changes its frame size at frame {place}",
                why=f"from {width} by {height} to {frame.width} by {frame.height}",
            )
        try:
            pixels = self._pixels(reformatter, frame)
        except av.error.FFmpegError as error:
            raise SequenceError(
                f"cannot convert frame {place} of {self._path}",
                why=f"its pixels are {frame.format.name}: {error.strerror}",
            ) from error
        # AVI counts what is there: behind a loss only the place tells the time.
        if frame.pts is None or self._first_pts is None or (self._counts_times and self.damage):
            return TimedFrame(place, float(place / (self.info.fps or ASSUMED_FPS)), pixels)
        return TimedFrame(place, float((frame.pts - self._first_pts) * self._time_base), pixels)
