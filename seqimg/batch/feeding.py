"""The frames of a source on their way to a task: read, left out, prepared and timed."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter
from typing import Any

from seqimg.batch.flow import Flow, Timing
from seqimg.batch.threads import BestThreads
from seqimg.data import to_tensor
from seqimg.errors import SeqimgError
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceError, TimedFrame
from seqimg.sequences.selection import Resampled, resample
from seqimg.streaming import Overlapped, Stream, overlapped
from seqimg.task import Seen

__all__ = ["Feed", "Moment", "ahead_of"]

_AHEAD = 4  # frames that wait between two stages, at most
_MOST = 2**26  # bytes that wait there, if that is less
_GLANCE = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Moment:
    """When an answer is about.

    Attributes:
        number: The frame's number among those shown to the task.
        time: The frame's time in seconds.
        came: When it came, by the clock that `perf_counter` reads.
    """

    number: int
    time: float
    came: float


@dataclass(frozen=True, slots=True)
class _Come:
    frame: TimedFrame
    at: float


def ahead_of(size: int) -> int:
    """Return how many items of a size in bytes may wait between two stages.

    Example:
        >>> ahead_of(640 * 480 * 3), ahead_of(2**30)
        (4, 1)
    """
    return max(1, min(_AHEAD, _MOST // max(size, 1)))


class Feed:
    """What a task is shown of a source.

    Args:
        sequence: The source.
        stream: The stream that the task feeds; its own time is the model's.
        flow: How frames flow.
        timing: What is told of them.
        rate: Frames a second that the task wants; None leaves the source's.

    Attributes:
        moment: That of the frame the task was shown last.
        held: Seconds that the task's answers were waited with since then.
        broken: Why a live source ended, if it did not end well: what came before is kept.
    """

    def __init__(
        self, sequence: Sequence, stream: Stream, flow: Flow, timing: Timing, rate: Fraction | None
    ) -> None:
        self.moment = Moment(-1, 0.0, 0.0)
        self.held = 0.0
        self._sequence, self._stream, self._flow, self._timing, self._rate = (
            sequence,
            stream,
            flow,
            timing,
            rate,
        )
        self.broken: SeqimgError | None = None
        self._reading: Overlapped[Any] | None = None
        self._stopped = False

    def stop(self) -> None:
        """End a task that waits for a frame, from another thread."""
        self._stopped = True
        if self._reading is not None:
            self._reading.stop()

    def finish(self) -> None:
        """Let the source end with the frames that have come, as if it had no more; from any thread."""
        self._stopped = True
        if self._reading is not None:
            self._reading.finish()

    @contextmanager
    def seen(self, advance: Callable[[], object]) -> Iterator[Iterator[Seen]]:
        """Begin a pass over what the task is shown; its thread ends with the block.

        Args:
            advance: Called when the task is done with a frame.
        """
        flow, info = self._flow, self._sequence.info
        values = info.height * info.width * info.channels
        if flow.live:
            fps = float(info.fps or ASSUMED_FPS)
            waiting = 1 if flow.max_latency is None else max(1, round(flow.max_latency * fps))
            room = max(1, 4 * _MOST // (8 * values))
            with overlapped(
                self._paced() if flow.paced else self._come(),
                ahead=min(waiting, room),
                mode="live",
                interrupt=self._interrupt,
            ) as come:
                self._reading = come
                yield self._handed(self._prepared(self._fresh(come)), advance)
        elif flow.overlap:
            with overlapped(
                self._prepared(self._come()), ahead=ahead_of(4 * values), interrupt=self._interrupt
            ) as ready:
                self._reading = ready
                yield self._handed(ready, advance)
        else:
            with closing(self._come()) as frames:
                yield self._handed(self._prepared(frames), advance)

    def _interrupt(self) -> None:
        self._stopped = True
        self._sequence.interrupt()

    def _come(self) -> Generator[_Come, None, None]:
        """Yield frames as the source gives them, or as they would be at another rate."""
        info = self._sequence.info
        stage = "arrival" if info.live else "decode"
        frames: Iterator[TimedFrame] = self._sequence.timed()
        if self._rate is not None and info.fps is not None:
            frames = resample(frames, self._rate, Resampled(), last=float(1 / info.fps))
        try:
            begun = perf_counter()
            for frame in frames:
                at = perf_counter()
                self._timing.latencies.note(stage, at - begun)
                self._timing.came += 1
                yield _Come(frame, at)
                begun = perf_counter()
        except OSError as error:  # or it would pass for one of the file being written
            raise SequenceError(f"cannot read {info.path}", why=error.strerror or str(error)) from error
        except SequenceError as error:
            # What was recorded of a camera before it was unplugged is worth keeping.
            if not (self._flow.live and info.live and self._timing.came):
                raise
            self.broken = error

    def _paced(self) -> Iterator[_Come]:
        """Yield frames when they are due, as a camera would.

        A frame came when it was due, or when it was there, if that was later: a thread that is woken late makes no
        frame younger.
        """
        start: float | None = None
        for come in self._come():
            start = come.at - come.frame.time if start is None else start
            due = start + come.frame.time
            while (left := due - perf_counter()) > 0 and not self._stopped:
                time.sleep(min(left, _GLANCE))
            yield _Come(come.frame, max(due, come.at))

    def _fresh(self, come: Overlapped[_Come]) -> Iterator[_Come]:
        """Yield the frames that have not waited for too long."""
        stale = 0
        for item in come:
            late = self._flow.max_latency is not None and perf_counter() - item.at > self._flow.max_latency
            stale += late
            self._timing.dropped = come.dropped + stale
            if not late:
                yield item
        self._timing.dropped = come.dropped + stale

    def _prepared(self, frames: Iterator[_Come]) -> Iterator[tuple[Seen, float]]:
        info = self._sequence.info
        for come in frames:
            begun = perf_counter()
            timed = come.frame
            missing = info.missing(timed.pixels) if info.may_miss else None
            seen = Seen(to_tensor(timed.pixels, info.value_range, missing), timed.index, timed.time)
            self._timing.latencies.note("preprocess", perf_counter() - begun)
            yield seen, come.at

    def _handed(self, ready: Iterator[tuple[Seen, float]], advance: Callable[[], object]) -> Iterator[Seen]:
        timing, stream = self._timing, self._stream
        threads = timing.threads = BestThreads.of_this_thread(stream.device) if self._flow.overlap else None
        try:
            for number, (seen, came) in enumerate(ready):
                timing.turn(came)
                self.moment, self.held = Moment(number, seen.time, came), 0.0
                begun, computed = perf_counter(), stream.seconds
                yield seen
                model, worked = stream.seconds - computed, perf_counter() - begun - self.held
                timing.latencies.note("model", model)
                timing.latencies.note("postprocess", max(0.0, worked - model))
                timing.done()
                if threads is not None:
                    threads.note(worked)
                advance()
        finally:
            if threads is not None:
                threads.restore()
