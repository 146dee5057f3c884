"""All that stands behind the page: the engine, the viewers, the recorder, and what they may be asked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqimg.config import Config, Control, check_flags, controls_of
from seqimg.errors import UsageError
from seqimg.live.engine import Engine, Wishes
from seqimg.live.hub import Hub, Viewer
from seqimg.live.recorder import Recorder
from seqimg.live.words import Asked

__all__ = ["Facts", "Studio"]


@dataclass(frozen=True)
class Facts:
    """What does not change while the page stands.

    Attributes:
        source: The source, without credentials.
        name: The same in short.
        model: The model folder.
        device: Where it computes, in a sentence.
        kernel: Which kernel computes, in a sentence; None without a recurrent layer.
        command: Returns the command line that does the same with these wishes.
        resident: Returns the bytes of memory that this process holds.
        browser: Whether frames come from a viewer's own camera.
        forgets: Whether forgetting at cuts is offered: not where the task has an option for it.
    """

    source: str
    name: str
    model: str
    device: str
    kernel: str | None
    command: Callable[[Wishes], str]
    resident: Callable[[], int]
    browser: bool = False
    forgets: bool = True


class Studio:
    """The work and those who watch it.

    Args:
        engine: The work.
        hub: Where its moments go.
        recorder: What keeps the last seconds.
        facts: What does not change.
        tell: Says something on the terminal.
    """

    def __init__(
        self,
        engine: Engine,
        hub: Hub,
        recorder: Recorder,
        facts: Facts,
        tell: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.engine, self.hub, self.recorder, self.facts, self._tell = engine, hub, recorder, facts, tell
        task = engine.task
        self._live = type(task).while_live
        names = type(task).controls()
        self.controls = tuple(
            control
            for control in controls_of(task.RunOptions, names)
            if self._can_be_turned(control, engine.wishes.options)
        )

    def hello(self) -> dict[str, Any]:
        """Return what a page needs to know first."""
        options = self.engine.wishes.options
        return {
            "kind": "hello",
            "task": self.engine.task.name,
            "name": self.facts.name,
            "source": self.facts.source,
            "model": self.facts.model,
            "device": self.facts.device,
            "kernel": self.facts.kernel,
            "browser": self.facts.browser,
            "forgets": self.facts.forgets,
            "seconds": self.recorder.seconds,
            "controls": [
                {
                    "name": control.name,
                    "kind": control.kind,
                    "about": control.description,
                    "low": control.low,
                    "high": control.high,
                    "whole": control.whole,
                    "choices": control.choices,
                    "value": getattr(options, control.name),
                }
                for control in self.controls
            ],
        }

    def status(self, viewer: Viewer) -> dict[str, Any]:
        """Return how things stand, as one viewer is told."""
        engine = self.engine
        came, answered = engine.timeline.rates()
        stage = engine.latencies.figures().get("answer", {})
        error, options = engine.error, engine.wishes.options
        return {
            "kind": "status",
            "state": engine.state,
            "error": None if error is None else [error.message, error.why or ""],
            "fps_in": round(came, 1),
            "fps_out": round(answered, 1),
            "frames": engine.frames,
            "dropped": engine.dropped,
            "p50": stage.get("p50"),
            "p95": stage.get("p95"),
            "latency": None if viewer.latency is None else round(viewer.latency, 1),
            "resident": self.facts.resident(),
            "viewers": len(self.hub.viewers),
            "age": engine.stream.age,
            "last_reset": None if engine.stream.last_reset is None else engine.stream.last_reset.reason,
            "compare": engine.wishes.compare,
            "forget": engine.wishes.forget,
            "options": {control.name: getattr(options, control.name) for control in self.controls},
            "command": self.facts.command(engine.wishes),
            "bars": engine.timeline.bars(),
            "happenings": engine.timeline.happenings(),
        }

    def do(self, asked: Asked, viewer: Viewer) -> None:
        """Do what a viewer asks for, but for saving, which takes long.

        Raises:
            UsageError: A value is wrong.
        """
        if asked.drawn is not None:
            viewer.drawn(asked.drawn)
        if asked.look is not None or asked.quality is not None:
            viewer.look(tuple(asked.look or viewer.parts), asked.quality or viewer.quality)
        if asked.do == "reset":
            self.engine.reset()
        elif asked.do == "again":
            self.engine.again()
        elif asked.do in ("pause", "go"):
            self.engine.pause(asked.do == "pause")
        self._wish(asked)
        if asked.drawn is None:
            self.hub.wake_for_status()

    def save(self) -> Path:
        """Write the last seconds; errors are those of the recorder."""
        path = self.recorder.save()
        self._tell(f"Saved {path}")
        return path

    def _wish(self, asked: Asked) -> None:
        engine, wishes = self.engine, self.engine.wishes
        if asked.compare is not None and asked.compare != wishes.compare:
            words = "without memory beside" if asked.compare else "with memory alone"
            engine.wish(replace(wishes, compare=asked.compare), words)
        wishes = engine.wishes
        if asked.forget is not None and asked.forget != wishes.forget:
            words = "forgets at cuts" if asked.forget else "remembers across cuts"
            engine.wish(replace(wishes, forget=asked.forget), words)
        if asked.set:
            options = self._changed(engine.wishes.options, asked.set)
            if options != engine.wishes.options:
                words = ", ".join(f"{name} {value}" for name, value in asked.set.items())
                engine.wish(replace(engine.wishes, options=options), words)

    def _changed(self, options: Config, values: dict[str, bool | int | float | str]) -> Config:
        known = {control.name for control in self.controls}
        for name in values:
            if name not in known:
                raise UsageError(f"{name} cannot be turned here")
        given = {name: getattr(options, name) for name in options.model_fields_set}
        changed: Config = self._live(check_flags(type(options), {**given, **values}))
        return changed

    def _can_be_turned(self, control: Control, options: Config) -> bool:
        """Whether a change stays: what a task needs to answer frames as they come is fixed."""
        before = getattr(options, control.name)
        others: list[object] = (
            [*control.choices, True, False] if control.low is None else [control.low, control.high]
        )
        other = next(value for value in others if value != before)
        changed = options.model_copy(update={control.name: other})
        return bool(getattr(self._live(changed), control.name) == other)
