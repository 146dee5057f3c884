"""The engine: one thread that shows each frame to the task and hands on what it says."""

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch

from seqimg.config import Config
from seqimg.cuts import Cuts
from seqimg.errors import SeqimgError
from seqimg.live.branch import Branch
from seqimg.live.pictures import Moment
from seqimg.live.source import Captured, LiveSource
from seqimg.live.telling import Telling
from seqimg.live.timeline import Timeline
from seqimg.modelfolder import LoadedModel
from seqimg.sequences.base import ASSUMED_FPS
from seqimg.streaming import Latencies, Overlapped, Stream, overlapped
from seqimg.task import Task

__all__ = ["Engine", "State", "Wishes"]

State: TypeAlias = Literal["waiting", "running", "paused", "ended", "failed"]
"""What an engine does."""

_PATIENCE = 1.0  # seconds that it has to come to an end
_COARSE = 480  # pixels of the longer side in which cuts are looked for, at least


@dataclass(frozen=True)
class Wishes:
    """What people want of the work; it is done from the next frame on.

    Attributes:
        options: The task's options of a run.
        compare: Whether a model without memory works beside the other.
        forget: Whether the memory begins anew at cuts.
    """

    options: Config
    compare: bool = False
    forget: bool = False


class Engine:
    """A model at work on a source, as long as anybody wants.

    Args:
        loaded: The model.
        source: Where frames come from.
        options: The task's options at the start.
        device: Where to compute.
        publish: Told each moment, in the engine's thread.
        debug: Whether errors come with their traceback on stderr.

    Attributes:
        task: The model's task.
        timeline: The last minute.
        latencies: How long the stages take.
        wishes: What is wanted now.
        error: Why it failed, if it has.
        frames: Frames that were answered.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        source: LiveSource,
        options: Config,
        device: torch.device,
        publish: Callable[[Moment], object],
        *,
        debug: bool = False,
    ) -> None:
        self.task: Task[Any, Any, Any] = loaded.task
        self.timeline, self.latencies = Timeline(), Latencies()
        self.wishes = Wishes(options)
        self.error: SeqimgError | None = None
        self.frames = 0
        self._dropped_before = 0
        self._source, self._publish, self._debug = source, publish, debug
        self._model, self._device = loaded.model, device
        self.stream = Stream(loaded.model, device)
        self._bare_stream = Stream(loaded.model, device, remember=False)
        self._main: Branch | None = None
        self._bare: Branch | None = None
        self._telling = Telling()
        self._cuts = Cuts()
        self._running: Overlapped[Captured] | None = None
        self._lap = self._taken = 0
        self._reset_wanted: str | None = None
        self._state: State = "waiting"
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="seqimg-live-engine", daemon=True)

    @property
    def state(self) -> State:
        """What it does."""
        held = self._source.gate.is_paused() and self._state in ("running", "waiting")
        return "paused" if held else self._state

    @property
    def dropped(self) -> int:
        """Frames that came and were not answered, because newer ones had come."""
        running = self._running
        return self._dropped_before + (0 if running is None else running.dropped)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Begin to end, wherever it is, without waiting for it."""
        self._stopping.set()
        self._source.close()
        self._woken.set()

    def stop(self) -> None:
        """End, wherever it is; a source that does not answer is left to itself."""
        self.end()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def wish(self, wishes: Wishes, words: str) -> None:
        """Have something changed, from the next frame on.

        Args:
            wishes: What is wanted.
            words: What is changed, for people.
        """
        self.wishes = wishes
        self.timeline.happened("change", words)

    def reset(self, reason: str = "asked for") -> None:
        """Have the model forget everything before the next frame."""
        self._reset_wanted = reason

    def pause(self, paused: bool) -> None:
        """Hold the source, or let it go on."""
        if paused != self._source.gate.is_paused():
            self._source.gate.pause(paused)
            self.timeline.happened("pause", "paused" if paused else "goes on")

    def again(self) -> None:
        """Begin anew after the end, or after a failure."""
        if self._state in ("ended", "failed"):
            self._woken.set()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                self._play()
                ended: State = "ended"
            except SeqimgError as error:
                self.error, ended = error, "failed"
            except Exception as error:  # noqa: BLE001 -- a plugin's fault; it stands on the page, with its name
                if self._debug:
                    traceback.print_exception(error, file=sys.stderr)
                name = f"{type(error).__name__}: {error}"
                self.error, ended = SeqimgError(f"the task {self.task.name} failed", why=name), "failed"
            finally:
                self._close_branches()
            if self._stopping.is_set():
                return
            self._state = ended
            self._woken.wait()
            self.error, self._reset_wanted = None, "begun again"

    def _play(self) -> None:
        """Answer one source to its end."""
        self._state = "waiting"
        self._taken, self._lap, used = 0, 0, self.wishes
        with overlapped(self._source.frames(), ahead=1, mode="live", interrupt=lambda: None) as frames:
            self._running = frames
            try:
                for captured in frames:
                    if self._stopping.is_set():
                        return
                    self._state = "running"
                    used = self._prepare(captured, used)
                    came, self._taken = frames.taken - self._taken, frames.taken
                    self._answer(captured, came=came)
                if self._main is not None and not self._stopping.is_set():
                    self._finish(self._main)
            finally:
                self._dropped_before += frames.dropped
                self._running = None

    def _prepare(self, captured: Captured, used: Wishes) -> Wishes:
        """Do what was wished since the frame before, and return that."""
        wishes, reason, self._reset_wanted = self.wishes, self._reset_wanted, None
        if captured.lap != self._lap:
            self._lap, reason = captured.lap, reason or "the source begins again"
        if self._cuts(_coarse(captured.seen.frame)):
            self.timeline.happened("cut", f"cut at frame {captured.seen.index}")
            if wishes.forget:
                reason = reason or "a cut"
        if reason is not None and self.frames:
            self.stream.reset(reason)
            self._bare_stream.reset(reason)
            self.timeline.happened("reset", reason)
        if self._main is None or reason is not None or wishes.options != used.options:
            self._close_branches()
            self._main = Branch(self.task, self.stream, wishes.options)
        if wishes.compare and self._bare is None:
            self._bare = Branch(self.task, self._bare_stream, wishes.options)
        elif not wishes.compare and self._bare is not None:
            self._bare.close()
            self._bare = None
        return wishes

    def _answer(self, captured: Captured, *, came: int) -> None:
        assert self._main is not None, "it was prepared"
        seen, resets = captured.seen, self.stream.resets
        begun = time.perf_counter()
        shown = self._main.feed(seen)
        took = time.perf_counter() - begun
        others = None if self._bare is None else self._bare.feed(seen)
        self.latencies.note("answer", took)
        if self.stream.resets != resets and self.stream.last_reset is not None:
            self.timeline.happened("reset", self.stream.last_reset.reason)
        self.frames += 1
        self.timeline.note(came=came, milliseconds=took * 1000, age=self.stream.age)
        self._publish(self._telling.answered(captured, shown, self.stream.age, others))

    def _finish(self, branch: Branch) -> None:
        """Show what the task still has to say after the last frame, at the pace of the source."""
        fps = None if self._source.info is None else self._source.info.fps
        for shown in branch.finish():
            if self._stopping.wait(float(1 / (fps or ASSUMED_FPS))):
                return
            self._publish(self._telling.late([shown], self.stream.age))

    def _close_branches(self) -> None:
        for branch in (self._main, self._bare):
            if branch is not None:
                branch.close()
        self._main = self._bare = None


def _coarse(frame: torch.Tensor) -> torch.Tensor:
    """Return every so-manieth pixel of a large frame: to look for cuts, more than that is only slower."""
    step = max(1, max(frame.shape[-2:]) // _COARSE)
    return frame[:, ::step, ::step]
