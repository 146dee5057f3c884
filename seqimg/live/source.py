"""A sequence played as if it happened now."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from seqimg.data import to_tensor
from seqimg.errors import SeqimgError
from seqimg.sequences.base import Sequence, SequenceInfo, TimedFrame
from seqimg.sequences.prepared import prepared
from seqimg.sequences.selection import Resampled, resample
from seqimg.task import Seen, Task

__all__ = ["Captured", "Gate", "LiveSource"]

_BEHIND = 0.5  # seconds; whoever is later than that does not catch up


@dataclass(frozen=True, slots=True)
class Captured:
    """A frame as it came.

    Attributes:
        seen: The frame, as a task is shown it.
        at: When it came, in seconds of `time.monotonic`.
        lap: Which pass over the source it is of, from 0.
    """

    seen: Seen
    at: float
    lap: int


class Gate:
    """Where a source waits while nobody wants frames."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = self._closed = False

    def is_paused(self) -> bool:
        """Whether frames are held back."""
        return self._paused

    def is_closed(self) -> bool:
        """Whether no more frames are wanted."""
        return self._closed

    def pause(self, paused: bool) -> None:
        """Hold frames back, or let them through."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_until(self, due: float) -> None:
        """Wait for a moment of `time.monotonic`, or for a pause or the end, whichever comes first."""
        with self._changed:
            while not (self._closed or self._paused) and (left := due - time.monotonic()) > 0:
                self._changed.wait(left)

    def wait_while_paused(self) -> float:
        """Wait for the end of a pause and return how many seconds it took."""
        begun = time.monotonic()
        with self._changed:
            while self._paused and not self._closed:
                self._changed.wait()
        return time.monotonic() - begun


class LiveSource:
    """Frames of a sequence at the pace at which they happened, prepared as a model wants them.

    What is live is read as it comes; a pause drops what comes meanwhile. Anything else is played at its own
    rate; a pause holds it.

    Args:
        opened: Opens the sequence; called again for each start.
        task: Whose configuration says how frames are prepared.
        model: What the model is called in messages.
        loop: Whether to begin again at the end.

    Attributes:
        gate: Where it waits.
        info: What is played, once it is opened.
    """

    def __init__(
        self, opened: Callable[[], Sequence], task: Task[Any, Any, Any], model: str, *, loop: bool = False
    ) -> None:
        self._opened, self._reads, self._model, self._loop = opened, task.reads, model, loop
        self._config = task.config
        self._sequence: Sequence | None = None
        self._started: float | None = None  # when the lap began, or would have, had nothing held it up
        self.gate = Gate()
        self.info: SequenceInfo | None = None

    def open(self) -> SequenceInfo:
        """Open the sequence, so that what is wrong with it is known at once.

        Raises:
            SeqimgError: It cannot be opened, or the model cannot read such frames.
        """
        sequence = prepared(self._opened(), self._config.pre)
        self.info = sequence.info
        if not self._reads(sequence.info.channels):
            sequence.close()
            raise SeqimgError(
                f"the model in {self._model} cannot read {sequence.info.path}",
                why=f"it was trained on frames of {self._config.channels} channels, "
                f"these have {sequence.info.channels}",
            )
        self._sequence = sequence
        return sequence.info

    def frames(self) -> Iterator[Captured]:
        """Play the sequence, once or for ever; it is closed in the end.

        Raises:
            SeqimgError: It cannot be opened or read.
        """
        lap, index, time_, self._started = 0, 0, 0.0, None
        while not self.gate.is_closed():
            if self._sequence is None:
                self.open()
            sequence, self._sequence = self._sequence, None
            assert sequence is not None, "it was opened"
            with sequence:
                again = self._loop and not sequence.info.live
                while not self.gate.is_closed():
                    place, moment = index, time_
                    for seen, at in self._lap(sequence):
                        # Places and times go on, whatever the lap.
                        index, time_ = place + seen.index + 1, moment + seen.time + _step(sequence.info)
                        yield Captured(Seen(seen.frame, place + seen.index, moment + seen.time), at, lap)
                    lap += 1
                    if not again:
                        break
            if not self._loop:
                return

    def close(self) -> None:
        """Wake whoever waits, and close what nobody plays."""
        self.gate.close()
        if self._sequence is not None:
            self._sequence.close()
            self._sequence = None

    def _lap(self, sequence: Sequence) -> Iterator[tuple[Seen, float]]:
        info = sequence.info
        frames: Iterator[TimedFrame] = sequence.timed()
        wanted = Fraction(self._config.fps).limit_denominator(100_000)
        if wanted and info.fps not in (None, wanted) and info.fps is not None:
            frames = resample(frames, wanted, Resampled(), last=float(1 / info.fps))
        ends = 0.0
        for timed in frames:
            if self.gate.is_closed():
                return
            at = time.monotonic()
            if info.live:
                if self.gate.is_paused():
                    continue
            else:
                at = self._pace(timed.time)
                ends = timed.time + _step(info)
                if self.gate.is_closed():
                    return
            missing = info.missing(timed.pixels) if info.may_miss else None
            yield Seen(to_tensor(timed.pixels, info.value_range, missing), timed.index, timed.time), at
        if self._started is not None:
            self._started += ends

    def _pace(self, moment: float) -> float:
        """Wait until a frame of this time is due, and return when that was, or now if that was before."""
        now = time.monotonic()
        started = self._started
        if started is None or now > started + moment + _BEHIND:
            started = now - moment
        self.gate.wait_until(started + moment)
        while self.gate.is_paused() and not self.gate.is_closed():
            started += self.gate.wait_while_paused()
            self.gate.wait_until(started + moment)
        self._started = started
        return max(now, started + moment)


def _step(info: SequenceInfo) -> float:
    return float(1 / info.fps) if info.fps else 0.04
