"""Who looks on while `train` works: a person, a program, plugins, trackers."""

from collections.abc import Mapping
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import torch

from seqimg.cli.output import Bar, Table, output
from seqimg.cli.resident import resident_bytes
from seqimg.plugins import RunInfo
from seqimg.plugins.events import EVENTS
from seqimg.plugins.manager import plugin_host
from seqimg.task import Task
from seqimg.training.trackers import open_trackers
from seqimg.training.watching import EventWatcher, Watch, Watcher, plugin_watchers

__all__ = ["memory_beside", "memory_words", "tell_result", "watched"]

_ROOMY = 96  # columns of a terminal in which a bar, all its figures and the time left stand side by side


def watched(task: Task[Any, Any, Any], folder: Path, device: torch.device, *, main: bool = True) -> Watch:
    """Return a block in which everybody sees the training go on who should.

    With `--json`, events go to stdout: one object a line, the last one with the run's result.

    Args:
        task: The task, with `channels` filled in.
        folder: The run folder.
        device: Where it computes.
        main: Whether this process speaks for the run; where several train together, only the first does.

    Raises:
        SeqimgError: A tracker that was asked for cannot be used.
    """
    config = task.config
    run = RunInfo(task.name, str(folder), config.model_dump(mode="json"), config.steps, device.type)
    watchers: list[tuple[str, Watcher]] = []
    if main and output().json:
        watchers.append(("events", EventWatcher(_print)))
    if main:
        watchers += plugin_watchers(plugin_host(), EVENTS)
        watchers += [(f"--track {name}", watcher) for name, watcher in open_trackers(config.track, run)]
    return Watch(run, watchers, output().warn)


def tell_result(watch: Watch, result: Mapping[str, object], table: Table) -> None:
    """Print a training's result: people get the table now, with `--json` it is the last event."""
    watch.finish(result)
    if not output().json:
        output().data(result, table)


def memory_words() -> str:
    """Say how much memory this process holds: on a GPU, if it uses one, else of the machine's.

    Example:
        >>> "GB" in memory_words()
        True
    """
    held = torch.cuda.memory_reserved() if torch.cuda.is_initialized() else resident_bytes()
    return f"{held / 1e9:.2f} GB" if held else ""


def memory_beside(bar: Bar) -> str:
    """Return the memory to show beside a bar: nothing where nobody sees it, or the line has no room for it."""
    return memory_words() if bar.visible and get_terminal_size().columns >= _ROOMY else ""


def _print(event: Mapping[str, object]) -> None:
    output().data(event, "")
