"""The hooks a plugin may implement, each returning frozen specs.

A plugin is a module that declares `SEQIMG_API = 1` and implements any of these functions,
marked with [seqimg.plugins.hookimpl][]. Its distribution names it in the entry-point group
`seqimg`:

    [project.entry-points.seqimg]
    radar = "seqimg_radar"

A hook returns *descriptions*: code is named as `"module:attribute"` and imported on first use, so
that the plugin's root module imports nothing heavy. These hooks are called once, when plugins load.

Three more, whose names begin with `seqimg_run_`, are called while a training runs. What they raise never
stops it: it is told once, and the hook is left out from there on. They are called between steps, so
that they should be quick, and by the first process alone where several train together.
"""

from collections.abc import Iterable, Mapping

import pluggy

from seqimg.plugins.events import RunInfo
from seqimg.plugins.specs import (
    CellSpec,
    CheckSpec,
    CommandSpec,
    DatasetSpec,
    FormatSpec,
    FrameOpSpec,
    KernelSpec,
    LayoutSpec,
    TaskSpec,
)

__all__ = [
    "hookimpl",
    "seqimg_cells",
    "seqimg_checks",
    "seqimg_commands",
    "seqimg_datasets",
    "seqimg_formats",
    "seqimg_frame_ops",
    "seqimg_kernels",
    "seqimg_layouts",
    "seqimg_run_finished",
    "seqimg_run_started",
    "seqimg_run_step",
    "seqimg_tasks",
]

hookspec = pluggy.HookspecMarker("seqimg")
hookimpl = pluggy.HookimplMarker("seqimg")
"""Marks a plugin's function as the implementation of the hook of the same name."""


@hookspec
def seqimg_cells() -> Iterable[CellSpec]:
    """Recurrent cells, usable by name wherever a cell is chosen.

    Example:
        >>> from seqimg.plugins import CellSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_cells():
        ...     return [CellSpec(name="leaky", summary="Leaky average.", cell="seqimg_leaky.cell:LeakyCell")]
    """
    return ()


@hookspec
def seqimg_kernels() -> Iterable[KernelSpec]:
    """Ways to compute an op; the best one that can serve a call is taken.

    Example:
        >>> from seqimg.plugins import KernelSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_kernels():
        ...     return [
        ...         KernelSpec(
        ...             name="mine",
        ...             summary="ConvGRU for my accelerator.",
        ...             op="conv_gru.sequence",
        ...             kernel="seqimg_mine.kernels:sequence",
        ...             devices=("cuda",),
        ...             dtypes=("float32",),
        ...             priority=50,
        ...         )
        ...     ]
    """
    return ()


@hookspec
def seqimg_tasks() -> Iterable[TaskSpec]:
    """Tasks; each becomes a command group `seqimg NAME train | run | eval | export`.

    Example:
        >>> from seqimg.plugins import TaskSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_tasks():
        ...     return [
        ...         TaskSpec(
        ...             name="radar",
        ...             summary="Forecast rain from radar pictures.",
        ...             task="seqimg_radar.task:RadarTask",
        ...             config="seqimg_radar.config:RadarConfig",
        ...             run_options="seqimg_radar.config:RadarRunOptions",
        ...         )
        ...     ]
    """
    return ()


@hookspec
def seqimg_datasets() -> Iterable[DatasetSpec]:
    """Generated data sets, usable by name wherever data is asked for.

    Example:
        >>> from seqimg.plugins import DatasetSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_datasets():
        ...     return [DatasetSpec(name="waves", summary="Moving waves.", dataset="seqimg_waves.data:waves")]
    """
    return ()


@hookspec
def seqimg_formats() -> Iterable[FormatSpec]:
    """File formats that sequences are read from or written to.

    Example:
        >>> from seqimg.plugins import FormatSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_formats():
        ...     return [
        ...         FormatSpec(
        ...             name="ser",
        ...             summary="SER astronomy video.",
        ...             suffixes=(".ser",),
        ...             reader="seqimg_ser.reader:SerSequence",
        ...         )
        ...     ]
    """
    return ()


@hookspec
def seqimg_layouts() -> Iterable[LayoutSpec]:
    """Ways in which data sets lie on the disk, known by `--layout NAME` and told from what is there.

    Example:
        >>> from seqimg.plugins import LayoutSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_layouts():
        ...     return [LayoutSpec(name="tiles", summary="Radar tiles.", layout="seqimg_radar.tiles:TILES")]
    """
    return ()


@hookspec
def seqimg_frame_ops() -> Iterable[FrameOpSpec]:
    """Operations on single frames, usable by name as what every task does first: `--pre denoise:strength=2`.

    Example:
        >>> from seqimg.plugins import FrameOpSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_frame_ops():
        ...     return [FrameOpSpec(name="dehaze", summary="Take the haze away.", op="seqimg_haze.ops:dehaze")]
    """
    return ()


@hookspec
def seqimg_commands() -> Iterable[CommandSpec]:
    """Commands or command groups of the `seqimg` command line.

    Example:
        >>> from seqimg.plugins import CommandSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_commands():
        ...     return [CommandSpec(name="tidy", summary="Remove old runs.", app="seqimg_tidy.cli:app")]
    """
    return ()


@hookspec
def seqimg_checks() -> Iterable[CheckSpec]:
    """Lines of `seqimg doctor`.

    Example:
        >>> from seqimg.plugins import CheckSpec, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_checks():
        ...     return [CheckSpec(name="radar", summary="The radar feed.", check="seqimg_radar.checks:feed")]
    """
    return ()


@hookspec
def seqimg_run_started(run: RunInfo) -> None:
    """A training begins; its folder is there.

    Args:
        run: The run: its task, folder, configuration, planned steps and device.

    Example:
        >>> from seqimg.plugins import RunInfo, hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_run_started(run):
        ...     print(f"{run.task} trains into {run.folder}")
        >>> seqimg_run_started(RunInfo("predict", "runs/predict/1", {"seed": 0}, 100, "cpu"))
        predict trains into runs/predict/1
    """


@hookspec
def seqimg_run_step(run: RunInfo, figures: Mapping[str, object]) -> None:
    """A step was done; `figures` holds what `metrics.jsonl` says of it (`step`, `loss`, `validation`, …).

    Args:
        run: The run: its task, folder, configuration, planned steps and device.
        figures: What `metrics.jsonl` says of the step, by name.

    Example:
        >>> from seqimg.plugins import hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_run_step(run, figures):
        ...     if figures["validation"]:
        ...         print(f"step {figures['step']}: {figures['validation']}")
        >>> seqimg_run_step(None, {"step": 500, "validation": {"mse": 0.25}})
        step 500: {'mse': 0.25}
    """


@hookspec
def seqimg_run_finished(run: RunInfo, outcome: Mapping[str, object]) -> None:
    """A training has ended: `outcome["state"]` is `"finished"`, `"interrupted"` or `"failed"`.

    It also holds the `step` reached, `seconds`, and after a failure its `reason`; what was found (`model`,
    figures) once it is finished.

    Args:
        run: The run: its task, folder, configuration, planned steps and device.
        outcome: How it ended, by name.

    Example:
        >>> from seqimg.plugins import hookimpl
        >>> SEQIMG_API = 1
        >>> @hookimpl
        ... def seqimg_run_finished(run, outcome):
        ...     print(f"{outcome['state']} after {outcome['step']} steps")
        >>> seqimg_run_finished(None, {"state": "finished", "step": 100, "seconds": 9.5})
        finished after 100 steps
    """
