"""What every task promises while it runs: for sources without an end, and for people who turn its options."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any, ClassVar

from seqimg.config import Control, controls_of
from seqimg.modelfolder import LoadedModel
from seqimg.plugins.manager import plugin_host
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown, Task
from seqimg.testing.checking import SkipTest, require
from seqimg.testing.command_line import run_command
from seqimg.testing.sequences import moving_square
from seqimg.testing.training import seen

__all__ = ["LiveTests"]

AnyTask = Task[Any, Any, Any]
_SIZE = (48, 64)
_PATIENCE = 100
"""Frames within which something has to be said."""


class LiveTests:
    """Tests of a task as it runs on a source without an end.

    Attributes:
        task: Its registered name.
        options: Options of `run`, if the defaults do not do.
    """

    task: ClassVar[str]
    options: ClassVar[Mapping[str, object]] = {}

    def test_answers_while_frames_come(self) -> None:
        """On a source without an end, with the options of `while_live`, something is said before it ends."""
        loaded = self._loaded()
        options = self._live_options(loaded)
        frames = _Endless(loaded.config.channels)
        first = _first(loaded, loaded.stream(), frames, options)
        require(
            first is not None,
            f"nothing is said of the first {_PATIENCE} frames: while_live() returns options that answer at once",
        )

    def test_controls_can_be_turned(self) -> None:
        """What `controls` names are options that people can turn: switches, choices, numbers with both bounds."""
        loaded = self._loaded()
        names, known = type(loaded.task).controls(), type(loaded.task).RunOptions
        unknown = [name for name in names if name not in known.model_fields]
        require(not unknown, f"controls() names {', '.join(unknown)}, no fields of RunOptions")
        found = {control.name: control for control in controls_of(known, names)}
        fixed = [name for name in names if name not in found]
        require(
            not fixed,
            f"{', '.join(fixed)} cannot be turned: a number needs both bounds, Field(…, ge=0, le=1)",
        )
        for control in found.values():
            require(control.description, f"the field {control.name} of RunOptions has no description")

    def test_turning_takes_effect_with_the_next_frame(self) -> None:
        """After every change `show` goes on with the stream as it is, and still has something to say."""
        loaded = self._loaded()
        options, live = self._live_options(loaded), type(loaded.task).while_live
        stream, frames, turned = loaded.stream(), _Endless(loaded.config.channels), 0
        require(_first(loaded, stream, frames, options), "nothing is said before anything is turned")
        for control in controls_of(type(options), type(loaded.task).controls()):
            for value in _ways(control, getattr(options, control.name)):
                if getattr(live(options.model_copy(update={control.name: value})), control.name) != value:
                    continue  # what while_live fixes nobody can turn
                given = {**options.model_dump(), control.name: value}
                age, turned = stream.age, turned + 1
                shown = _first(loaded, stream, frames, live(type(options)(**given)))
                require(shown is not None, f"with {control.name} {value!r} nothing is said any more")
                require(stream.age > age, f"turning {control.name} to {value!r} makes the stream begin anew")
        if not turned:
            raise SkipTest("it has no controls")

    def test_own_commands(self) -> None:
        """Commands that the task brings have help, and appear in that of the task."""
        spec = plugin_host().tasks.get(self.task)
        if spec.commands is None:
            raise SkipTest("it brings no commands of its own")
        app = plugin_host().tasks.load(self.task, "commands")
        names = [command.name for command in app.registered_commands]
        require(
            names and all(names), "its commands have no names: give them, so that they replace none by chance"
        )
        listed = run_command(self.task, "--help").out
        for name in names:
            require(name in listed, f"seqimg {self.task} --help does not list {name}")
            said = run_command(self.task, name, "--help")
            require(
                said.code == 0 and not said.err, f"seqimg {self.task} {name} --help ends with {said.code}"
            )

    def _live_options(self, loaded: LoadedModel) -> Any:
        task: type[AnyTask] = type(loaded.task)
        options = task.while_live(task.RunOptions(**self.options))
        require(
            type(options) is task.RunOptions,
            f"while_live() returns a {type(options).__name__}, not RunOptions",
        )
        return options

    def _loaded(self) -> LoadedModel:
        raise NotImplementedError


class _ImpatientError(Exception):
    """Nothing was said of many frames."""


class _Endless:
    """Frames that never end, but for the patience of whoever waits for an answer."""

    def __init__(self, channels: int) -> None:
        clip = moving_square(12, _SIZE, channels)
        self._frames = [frame.frame for frame in seen(clip)]
        self._next = 0

    def __iter__(self) -> Iterator[Seen]:
        for _ in range(_PATIENCE):
            place = self._next
            self._next += 1
            yield Seen(self._frames[place % len(self._frames)].clone(), place, place / 25)
        raise _ImpatientError  # not the end of the source: what is said after that counts for nothing


def _first(loaded: LoadedModel, stream: Stream, frames: _Endless, options: Any) -> Shown | None:
    """Return what is said first."""
    shown = loaded.task.show(stream, frames, options)
    try:
        return next(shown, None)
    except _ImpatientError:
        return None
    finally:
        if isinstance(shown, Generator):
            shown.close()


def _ways(control: Control, now: Any) -> list[object]:
    """Return what a control can be turned to, and back."""
    if control.kind == "switch":
        return [not now, now]
    if control.kind == "choice":
        return [*(choice for choice in control.choices if choice != now), now]
    low, high = control.low or 0.0, control.high or 0.0
    if control.whole:  # a number of things: its upper end may take as long as it is high
        return [int(low), int(min(high, max(2 * now, now + 1))), now]
    return [low, high, now]
