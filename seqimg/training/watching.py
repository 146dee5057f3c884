"""Who looks on while a model is trained: plugins, trackers, a program at the other end of a pipe.

Watchers see a run begin, each step, and how it ends. Whatever one of them does wrong is told once, and the
run goes on without it.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from time import perf_counter
from types import TracebackType
from typing import Self

from seqimg.plugins import RunInfo
from seqimg.plugins.manager import PluginHost
from seqimg.plugins.reports import reason_of
from seqimg.training.loop import StepReport

__all__ = ["EventWatcher", "Watch", "Watcher", "plugin_watchers"]


class Watcher:
    """One who looks on; by default it does nothing."""

    def started(self, run: RunInfo) -> None:
        """See a run begin."""

    def step(self, run: RunInfo, report: StepReport) -> None:
        """See a step that was done."""

    def finished(self, run: RunInfo, outcome: Mapping[str, object]) -> None:
        """See a run end; see [seqimg.plugins.hookspecs.seqimg_run_finished][]."""


class EventWatcher(Watcher):
    """Tells what happens as plain dictionaries, for `--json`: `started`, `step`, `validation`, `finished`.

    Args:
        tell: Called with each event.
    """

    def __init__(self, tell: Callable[[Mapping[str, object]], None]) -> None:
        self._tell = tell

    def started(self, run: RunInfo) -> None:
        """Tell of the run, its configuration included."""
        self._tell({"event": "started", **asdict(run)})

    def step(self, run: RunInfo, report: StepReport) -> None:
        """Tell of the step, and in an event of its own of its validation."""
        figures = asdict(report)
        validation = figures.pop("validation")
        self._tell({"event": "step", **figures})
        if validation is not None:
            self._tell({"event": "validation", "step": report.step, "metrics": validation})

    def finished(self, run: RunInfo, outcome: Mapping[str, object]) -> None:
        """Tell how it ended."""
        self._tell({"event": "finished", **outcome})


class Watch:
    """All who look on at one run, in a `with` block; called with each step's report.

    Args:
        run: The run.
        watchers: Each with the name it is to be called in a warning. What reads standard output comes
            first and may stop the run, as any reader that goes away does; the others never do.
        warn: Told once of each watcher that failed.
        clock: Returns seconds.

    Example:
        >>> events = EventWatcher(lambda event: print(event["event"]))
        >>> with Watch(RunInfo("predict", "runs/1", {}, 1, "cpu"), [("events", events)], print) as watch:
        ...     watch.finish({"model": "runs/1/model"})
        started
        finished
    """

    def __init__(
        self,
        run: RunInfo,
        watchers: Iterable[tuple[str, Watcher]],
        warn: Callable[[str], None],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.run = run
        self._watchers, self._warn, self._clock = list(watchers), warn, clock
        self._begun, self._step = clock(), 0
        self._found: Mapping[str, object] = {}

    def __enter__(self) -> Self:
        self._each(lambda watcher: watcher.started(self.run))
        return self

    def __call__(self, report: StepReport) -> None:
        """Show a step to everybody."""
        self._step = report.step
        self._each(lambda watcher: watcher.step(self.run, report))

    def finish(self, found: Mapping[str, object]) -> None:
        """Say what the run has found, which its end will tell."""
        self._found = found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome: dict[str, object] = {
            "state": "finished",
            "step": self._step,
            "seconds": round(self._clock() - self._begun, 3),
        }
        if error is not None:
            # Signals end a run through KeyboardInterrupt or SystemExit.
            outcome["state"] = "failed" if isinstance(error, Exception) else "interrupted"
            outcome["reason"] = reason_of(error)
        self._each(lambda watcher: watcher.finished(self.run, {**outcome, **self._found}))

    def _each(self, show: Callable[[Watcher], None]) -> None:
        for pair in tuple(self._watchers):
            name, watcher = pair
            if isinstance(watcher, EventWatcher):
                show(watcher)
                continue
            try:
                # What a watcher prints must not spoil the data on stdout.
                with redirect_stdout(sys.stderr):
                    show(watcher)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 -- isolation: others' code may fail in any way
                self._watchers.remove(pair)
                self._warn(f"{name} failed and is left out from here on: {reason_of(error)}")


class _Listener(Watcher):
    """Calls what one plugin does on one event."""

    def __init__(self, event: str, function: Callable[..., object]) -> None:
        self._event, self._function = event, function

    def started(self, run: RunInfo) -> None:
        if self._event == "seqimg_run_started":
            self._function(run=run)

    def step(self, run: RunInfo, report: StepReport) -> None:
        if self._event == "seqimg_run_step":
            self._function(run=run, figures=asdict(report))

    def finished(self, run: RunInfo, outcome: Mapping[str, object]) -> None:
        if self._event == "seqimg_run_finished":
            self._function(run=run, outcome=outcome)


def plugin_watchers(host: PluginHost, events: Sequence[str]) -> list[tuple[str, Watcher]]:
    """Return a watcher for each hook of each plugin that listens to runs."""
    return [
        (f"{event} of the plugin {plugin}", _Listener(event, function))
        for event in events
        for plugin, function in host.listeners(event)
    ]
