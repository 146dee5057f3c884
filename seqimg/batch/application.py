"""A model at work on one sequence."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from fractions import Fraction
from itertools import islice
from time import perf_counter
from typing import Any, Generic, TypeVar

import torch

from seqimg.batch.feeding import Feed, Moment, ahead_of
from seqimg.batch.flow import Flow, Timing
from seqimg.batch.steady import Held
from seqimg.config import Config
from seqimg.data import to_frame, working_size
from seqimg.data.picking import SAME_RATE
from seqimg.errors import SeqimgError
from seqimg.interrupts import heed_interrupt
from seqimg.modelfolder import LoadedModel
from seqimg.sequences.base import ASSUMED_FPS, Sequence
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.prepared import prepared
from seqimg.streaming import Stream, overlapped
from seqimg.task import Shown, Task

__all__ = ["Application", "Begun"]

T = TypeVar("T")

_OFFLINE = Flow()


class Application:
    """What a model makes of a sequence, frame by frame, in constant memory.

    Frames are prepared as they were for training (`pre` of the model's configuration).

    Args:
        loaded: The model.
        model: What it is called in messages: its folder.
        sequence: The sequence.
        options: The task's options of a run.
        device: Where to compute.
        flow: How frames flow.

    Attributes:
        task: The model's task.
        columns: Names of the values in the rows that it says; none if it says no rows.
        rate: Frames a second of the result.
        source: What the sequence is, prepared.
        flow: How frames flow.
        timing: What became of the frames so far, and how long each stage took.

    Raises:
        SeqimgError: The model cannot read such frames.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        model: object,
        sequence: Sequence,
        options: Config,
        device: torch.device,
        flow: Flow = _OFFLINE,
    ) -> None:
        sequence = prepared(sequence, loaded.task.config.pre)
        _check_channels(sequence, loaded.task, model)
        self.task: Task[Any, Any, Any] = loaded.task
        self._sequence, self._options, self.flow = sequence, options, flow
        self._stream = Stream(loaded.model, device, cuts=flow.cuts)
        self.columns = self.task.columns_for(options)
        self.source = sequence.info
        self._trained_at = _rate_in(loaded.training)
        wanted = Fraction(flow.fps or self.task.config.fps).limit_denominator(100_000)
        self._resampled = bool(wanted) and self.source.fps not in (None, wanted)
        self.rate = wanted or self.source.fps or Fraction(ASSUMED_FPS)
        self.timing = Timing(None if self.source.fps is None else float(self.source.fps))
        again = self.rate if self._resampled else None
        self._feed = Feed(sequence, self._stream, flow, self.timing, again)

    def resampling(self) -> str | None:
        """Return what is done to frames so that they are as those the model was trained on; None if nothing is."""
        height, width = self.source.height, self.source.width
        small = working_size(height, width, self.task.config.size if self.task.resizes else 0)
        found = [f"{width}×{height} pixels to {small[1]}×{small[0]}"] if small != (height, width) else []
        if self._resampled and self.source.fps is not None:
            found.append(f"{float(self.source.fps):.4g} fps to {float(self.rate):.4g}")
        said = "Resampled" if self.flow.fps else "Resampled as in training"
        return f"{said}: {', '.join(found)}." if found else None

    def other_rate(self) -> str | None:
        """Return what to say of frames that come at another rate than in training, with nobody asking for one."""
        before = self._trained_at
        if before is None or self.source.fps is None or self.flow.fps or self.task.config.fps:
            return None
        now = float(self.source.fps)
        if max(before, now) <= SAME_RATE * min(before, now):
            return None
        return (
            f"The model was trained at {before:.4g} fps, this source has {now:.4g}: its frames are taken as "
            f"they come; --fps {before:.4g} resamples."
        )

    def shown(self, advance: Callable[[], object] = lambda: None) -> "Begun[Shown]":
        """Begin, and return what the task says of the sequence; to be closed.

        Args:
            advance: Called after each frame that the task is done with, in a thread of its own.

        Raises:
            SeqimgError: The task says nothing, or the sequence cannot be read up to the first answer.
        """
        found = Begun(shown for shown, _ in self._answers(advance))
        if not found:
            raise SeqimgError(
                f"{self.source.path} gave no answer", why="the task had nothing to say about these frames"
            )
        return found

    def frames(
        self,
        advance: Callable[[], object] = lambda: None,
        tell: Callable[[Shown], object] = lambda shown: None,
    ) -> "Begun[Pixels]":
        """Begin, and return the pictures that answer the sequence, of its dtype and value range; to be closed.

        Args:
            advance: Called after each frame that the task is done with, in a thread of its own.
            tell: Told everything that the task says.

        Raises:
            SeqimgError: There are none, or the sequence cannot be read up to the first.
        """
        answers = Begun(self._answers(advance))
        if not answers:
            raise SeqimgError(
                f"{self.source.path} gave no answer", why="the task had nothing to say about these frames"
            )
        pictures = Begun(self._pictures(answers, tell))
        if not pictures:
            raise SeqimgError(f"{self.source.path} gave no pictures", hint="-o answers.csv")
        return pictures

    @property
    def broken(self) -> SeqimgError | None:
        """Why a live source ended, if it did not end well."""
        return self._feed.broken

    def finish(self) -> None:
        """Let the source end with the frames that have come, as if it had no more; from any thread."""
        self._feed.finish()

    def summary(self) -> dict[str, Any]:
        """Return what there is to say of the work, once it is done."""
        return {
            "options": self._options.model_dump(mode="json"),
            "frames_read": self.timing.answered,
            "frames_left_out": [asdict(damage) for damage in self._sequence.damage],
            "fps": float(self.rate),
        }

    def _answers(self, advance: Callable[[], object]) -> Iterator[tuple[Shown, Moment]]:
        """Yield what the task says and when that is about; the task works in a thread of its own."""
        heed_interrupt()
        if not self.flow.overlap:
            yield from self._told(advance)
            return
        info = self.source
        # Live, answers that wait for a slow writer would only grow old.
        ahead = 1 if self.flow.live else ahead_of(4 * info.height * info.width * info.channels)
        told = self._told(advance)
        with overlapped(told, ahead=ahead, interrupt=self._feed.stop, limit=None) as answers:
            yield from answers

    def _told(self, advance: Callable[[], object]) -> Iterator[tuple[Shown, Moment]]:
        feed = self._feed
        with feed.seen(advance) as frames:
            for shown in self.task.show(self._stream, frames, self._options):
                begun = perf_counter()
                yield shown, feed.moment
                feed.held += perf_counter() - begun

    def _pictures(
        self, answers: Iterable[tuple[Shown, Moment]], tell: Callable[[Shown], object]
    ) -> Iterator[Pixels]:
        info, held = self.source, Held(self.rate) if self.flow.live else None
        for shown, moment in answers:
            tell(shown)
            if shown.picture is None:
                continue
            begun = perf_counter()
            pixels = to_frame(shown.picture, info.dtype, info.value_range, info.fill_value)
            times = 1 if held is None else held.times(moment)
            for _ in range(times):
                yield pixels
            took = perf_counter() - begun
            if held is not None:
                held.took(took, times)
            self.timing.latencies.note("encode", took)
            self.timing.delay.note(perf_counter() - moment.came)


class Begun(Generic[T]):
    """An iterator whose first item is there already; false if there is none. Closing it closes what it is over."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._first = list(islice(items, 1))

    def __bool__(self) -> bool:
        return bool(self._first)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return self._first.pop() if self._first else next(self._items)

    def close(self) -> None:
        """End it; what runs in threads for it has ended afterwards."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()


def _rate_in(training: Mapping[str, Any]) -> float | None:
    """Return the frame rate that a model folder says it was trained at; None of one that says nothing sensible."""
    found = training.get("fps")
    return found if isinstance(found, float) and 0 < found < math.inf else None


def _check_channels(sequence: Sequence, task: Task[Any, Any, Any], model: object) -> None:
    if not task.reads(sequence.info.channels):
        raise SeqimgError(
            f"the model in {model} cannot read {sequence.info.path}",
            why=f"it was trained on frames of {task.config.channels} channels, these have {sequence.info.channels}",
        )
