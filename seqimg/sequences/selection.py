"""Which frames of a sequence, and when each is shown."""

import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from seqimg.errors import UsageError
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceError, TimedFrame

__all__ = ["Moment", "Resampled", "Span", "place_of", "resample"]

_EPSILON = 1e-6  # seconds: times are sums of floats
_MARGIN = 8  # frames; an index counts the few at the start that cannot be decoded


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a sequence: a frame, or a time.

    Attributes:
        seconds: Since the first frame.
        frame: Counted from 0, instead.

    Example:
        >>> Moment.parse("1:30") == Moment(seconds=90.0)
        True
    """

    seconds: float | None = None
    frame: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Moment":
        """Read seconds, `M:SS`, `H:MM:SS`, or a frame such as `12f`.

        Args:
            text: What somebody wrote.

        Raises:
            UsageError: It is none of them.

        Example:
            >>> Moment.parse("1:02.5"), Moment.parse("12f")
            (Moment(seconds=62.5, frame=None), Moment(seconds=None, frame=12))
        """
        word = text.strip()
        if found := re.fullmatch(r"(\d+)f", word):
            return cls(frame=int(found[1]))
        if re.fullmatch(r"(\d+:){0,2}(\d+\.?\d*|\.\d+)", word):
            seconds = 0.0
            for part in word.split(":"):
                seconds = seconds * 60 + float(part)
            return cls(seconds=seconds)
        raise UsageError(
            f"{text!r} is no moment", why="it is in seconds, 90.5 or 1:30.5, or a frame counted from 0, 12f"
        )

    def place(self, fps: Fraction) -> int:
        """Return the place it has at a constant rate.

        Args:
            fps: Frames a second.

        Example:
            >>> Moment.parse("1.5").place(Fraction(30)), Moment.parse("12f").place(Fraction(30))
            (45, 12)
        """
        if self.frame is not None:
            return self.frame
        assert self.seconds is not None, "a moment is a frame or a time"
        return round(self.seconds * fps)

    def reached_by(self, frame: TimedFrame) -> bool:
        """Tell whether a frame stands at this moment or later.

        Args:
            frame: A frame of a sequence.
        """
        if self.frame is not None:
            return frame.index >= self.frame
        assert self.seconds is not None, "a moment is a frame or a time"
        return frame.time >= self.seconds - _EPSILON


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a sequence.

    Attributes:
        start: Its first frame is the first at this moment or later.
        end: It ends before the first frame at this moment or later.
        every: Of the frames in it, the first and each so many later.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> np.save(Path(tmp) / "a.npy", np.zeros((9, 8, 8, 3), np.uint8))
        >>> with open_sequence(Path(tmp) / "a.npy") as sequence:
        ...     span = Span(start=Moment(frame=2), end=Moment(frame=7), every=2)
        ...     [frame.index for frame in span.frames(sequence)]
        [2, 4, 6]
    """

    start: Moment | None = None
    end: Moment | None = None
    every: int = 1

    def frames(self, sequence: Sequence) -> Iterator[TimedFrame]:
        """Begin a pass over these frames; those before are not decoded where the reader can jump.

        Args:
            sequence: An open sequence.

        Raises:
            SequenceError: No frame is in it, or one is damaged.
        """
        begun: int | None = None
        for frame in sequence.timed(self._place(sequence)):
            if self.end is not None and self.end.reached_by(frame):
                break
            if self.start is not None and not self.start.reached_by(frame):
                continue
            begun = frame.index if begun is None else begun
            if (frame.index - begun) % self.every == 0:
                yield frame
        if begun is None and sequence.damage:
            first = sequence.damage[0]
            raise SequenceError(
                f"cannot read {sequence.info.path}",
                why=f"no frame is left: from frame {first.index}, {first.reason}",
                hint=f"seqimg data check {shlex.quote(sequence.info.path)}",
            )
        if begun is None:
            raise SequenceError(
                f"{sequence.info.path} has no frame there",
                why="it is shorter than that, or the end is not after the start",
                hint=f"seqimg data info {shlex.quote(sequence.info.path)}",
            )

    def _place(self, sequence: Sequence) -> int:
        """Return a place to begin at, surely not behind the first frame wanted."""
        if self.start is None or sequence.info.live:
            return 0
        if self.start.frame is not None:
            return self.start.frame
        assert self.start.seconds is not None, "a moment is a frame or a time"
        return place_of(sequence, self.start.seconds)


def place_of(sequence: Sequence, seconds: float) -> int:
    """Return a place at which a frame at a time stands or that is a little before; 0 if only reading tells."""
    info = sequence.info
    if info.fps is None:
        return max(0, math.floor(seconds * ASSUMED_FPS) - _MARGIN)
    place = Path(info.path)
    if info.format != "video" or not place.is_file():
        return 0
    from seqimg.sequences.isolated.looking import index_of
    from seqimg.sequences.isolated.reader import IsolatedSequence

    index = index_of(place, isolate=isinstance(sequence, IsolatedSequence))
    if index.frame_count is None:
        return 0
    return max(0, int(index.seconds.searchsorted(seconds)) - _MARGIN)


@dataclass(slots=True)
class Resampled:
    """What became of frames at another rate.

    Attributes:
        dropped: Frames that are not shown.
        repeated: Times that a frame is shown again.
    """

    dropped: int = 0
    repeated: int = 0


def resample(
    frames: Iterator[TimedFrame], fps: Fraction, counts: Resampled, *, last: float
) -> Iterator[TimedFrame]:
    """Yield frames at a constant rate: at each time the one shown then, the latest that is not later.

    Args:
        frames: In order of time; the first sets the clock.
        fps: The new rate.
        counts: Where dropped and repeated frames are counted.
        last: Seconds for which the last frame is shown.

    Example:
        >>> import numpy as np
        >>> frames = (TimedFrame(i, i / 10, np.zeros((1, 1, 1))) for i in range(4))
        >>> [frame.index for frame in resample(frames, Fraction(20), Resampled(), last=0.1)]
        [0, 0, 1, 1, 2, 2, 3, 3]
    """
    origin: float | None = None
    held: TimedFrame | None = None
    shown = 0
    for frame in frames:
        if held is not None and origin is not None:
            before = shown
            while shown / fps < frame.time - origin - _EPSILON:
                yield TimedFrame(held.index, float(shown / fps), held.pixels)
                shown += 1
            _count(counts, shown - before)
        else:
            origin = frame.time
        held = frame
    if held is not None and origin is not None:
        before = shown
        # However short it is, a sequence has a frame.
        while shown == 0 or shown / fps < held.time + last - origin - _EPSILON:
            yield TimedFrame(held.index, float(shown / fps), held.pixels)
            shown += 1
        _count(counts, shown - before)


def _count(counts: Resampled, times: int) -> None:
    counts.dropped += times == 0
    counts.repeated += max(0, times - 1)
