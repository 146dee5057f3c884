"""What listeners of training runs promise, for the tests of a plugin that has some."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import ClassVar

from seqimg.errors import SeqimgError
from seqimg.plugins import RunInfo
from seqimg.plugins.events import EVENTS
from seqimg.plugins.manager import plugin_host
from seqimg.testing.checking import require
from seqimg.training.steps import StepReport
from seqimg.training.watching import Watch, plugin_watchers

__all__ = ["ListenerContract"]

_STEPS = 20
_SLOW = 0.05  # seconds a step


class _MadeUpError(SeqimgError):
    """Why a run failed that never was."""


class ListenerContract:
    """Tests to inherit, for a plugin that implements hooks that begin with `seqimg_run_`.

    The hooks are called as a training calls them, without one.

    Attributes:
        plugin: The name of its entry point.

    Example:
        >>> class TestListener(ListenerContract):
        ...     plugin = "predict"
        >>> try:
        ...     TestListener().test_it_listens()
        ... except AssertionError as error:
        ...     print(str(error).partition(" of ")[0])
        it implements none
    """

    plugin: ClassVar[str]

    def test_it_listens(self) -> None:
        """It implements at least one of the hooks."""
        found = {plugin for event in EVENTS for plugin, _ in plugin_host().listeners(event)}
        require(self.plugin in found, f"it implements none of {', '.join(EVENTS)}")

    def test_a_run_that_finishes(self) -> None:
        """Of a run from the first step to the last, validations included, every hook is told without failing."""
        self._run(_STEPS)

    def test_a_run_that_fails(self) -> None:
        """A run that fails, at once or on the way, or is interrupted, is told without failing too."""
        for steps, error in (
            (0, _MadeUpError("no room on the disk")),
            (7, KeyboardInterrupt()),
        ):
            self._run(steps, error)

    def test_several_runs(self) -> None:
        """A second run in the same process begins afresh."""
        self._run(3)
        self._run(3)

    def test_steps_are_not_held_up(self) -> None:
        """A step is told in little time: training waits for it."""
        begun = perf_counter()
        self._run(_STEPS)
        each = (perf_counter() - begun) / _STEPS
        require(each < _SLOW, f"each step waits {1000 * each:.0f} ms for it: do slow things elsewhere")

    def _run(self, steps: int, error: BaseException | None = None) -> None:
        failed: list[str] = []
        mine = [
            pair for pair in plugin_watchers(plugin_host(), EVENTS) if pair[0].endswith(f" {self.plugin}")
        ]
        with TemporaryDirectory() as name:
            Path(name, "model").mkdir()
            run = RunInfo("predict", name, {"seed": 0, "data": ["clip.mp4"]}, _STEPS, "cpu")
            with suppress(_MadeUpError, KeyboardInterrupt), Watch(run, mine, failed.append) as watch:
                for report in _reports(steps):
                    watch(report)
                if error is not None:
                    raise error
                watch.finish({"model": f"{name}/model", "best_step": 10, "validation": {"mse": 0.05}})
        require(not failed, "; ".join(failed))


def _reports(steps: int) -> Iterator[StepReport]:
    for step in range(1, steps + 1):
        validation = {"mse": 0.5 / step} if step % 10 == 0 else None
        best = step // 10 * 10
        yield StepReport(
            step, _STEPS, 1 / step, {"mse": 1 / step}, 1e-3, 90.0, 0.1, validation, best_step=best
        )
