"""The plugin author's kit: contracts to inherit from, fixtures, and the one table of tolerances.

A plugin's tests inherit a contract and say what it is about; everything else comes with it:

    from seqimg.testing import CellContract
    from seqimg_leaky.cell import LeakyCell

    class TestLeaky(CellContract):
        name = "leaky"
        cells = (LeakyCell(2, 3), LeakyCell(0, 2))

| contract | what it holds a plugin to |
|---|---|
| `PluginContract` | it loads, its root module is light, all that it names is there |
| `CellContract` | equations, gradients, a clip in pieces, lengths, fresh starts, initial values |
| `KernelContract` | results and every gradient against the reference in fp64, in any layout |
| `StepContract` | kernels of one step: frame after frame is the clip, in any layout, from any thread |
| `TaskContract` | help, configuration, training, saving, pieces of clips, constant memory, finite figures |
| `ReaderContract`, `WriterContract` | every frame exact, in any order; damage explained; whole files or none |
| `DatasetContract` | the same frames from the same arguments, parts that differ, impossible requests refused |
| `LayoutContract` | data sets that are recognised, in a fixed order, with labels and boxes that fit; gaps explained |
| `FrameOpContract` | the same answer in any order, frames kept as they are, wrong words refused |
| `CommandContract` | help, and errors of at most three lines |
| `CheckContract` | a line of `seqimg doctor` that says what it finds |
| `ListenerContract` | listeners of training runs that are quick, quiet and never fail |

`seqimg plugins check` runs the same contracts without a line of test code. What a contract finds broken it says in
a sentence. [seqimg.testing.fixtures][] has fixtures for pytest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqimg.testing.cells import CellContract
    from seqimg.testing.checking import BrokenContractError, require, require_close
    from seqimg.testing.command_line import Said, run_command
    from seqimg.testing.commands import CommandContract
    from seqimg.testing.data_layouts import LayoutContract
    from seqimg.testing.datasets import DatasetContract
    from seqimg.testing.frame_ops import FrameOpContract
    from seqimg.testing.kernels import KernelContract
    from seqimg.testing.lesser import CheckContract
    from seqimg.testing.listeners import ListenerContract
    from seqimg.testing.plugin import PluginContract
    from seqimg.testing.readers import ReaderContract
    from seqimg.testing.sequences import moving_square
    from seqimg.testing.steps import StepContract
    from seqimg.testing.tasks import TaskContract
    from seqimg.testing.writers import WriterContract

__all__ = [
    "StepContract",
    "ListenerContract",
    "LayoutContract",
    "FrameOpContract",
    "CheckContract",
    "BrokenContractError",
    "CellContract",
    "CommandContract",
    "DatasetContract",
    "KernelContract",
    "PluginContract",
    "ReaderContract",
    "Said",
    "TaskContract",
    "WriterContract",
    "moving_square",
    "require",
    "require_close",
    "run_command",
]

_HOMES = {
    "StepContract": "steps",
    "ListenerContract": "listeners",
    "LayoutContract": "data_layouts",
    "FrameOpContract": "frame_ops",
    "CheckContract": "lesser",
    "BrokenContractError": "checking",
    "CellContract": "cells",
    "CommandContract": "commands",
    "DatasetContract": "datasets",
    "KernelContract": "kernels",
    "PluginContract": "plugin",
    "ReaderContract": "readers",
    "Said": "command_line",
    "TaskContract": "tasks",
    "WriterContract": "writers",
    "moving_square": "sequences",
    "require": "checking",
    "require_close": "checking",
    "run_command": "command_line",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
