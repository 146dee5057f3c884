"""The hooks a plugin may implement, each returning frozen specs.

A plugin is a module that declares `SEQIMG_API = 1` and implements any of these functions,
marked with [seqimg.plugins.hookimpl][]. Its distribution names it in the entry-point group
`seqimg`:

    [project.entry-points.seqimg]
    radar = "seqimg_radar"

A hook returns *descriptions*: code is named as `"module:attribute"` and imported on first use, so
that the plugin's root module imports nothing heavy. Every hook is called once, when plugins load.
"""

from collections.abc import Iterable

import pluggy

from seqimg.plugins.specs import (
    CellSpec,
    CheckSpec,
    CommandSpec,
    DatasetSpec,
    FormatSpec,
    KernelSpec,
    TaskSpec,
)

__all__ = [
    "hookimpl",
    "seqimg_cells",
    "seqimg_checks",
    "seqimg_commands",
    "seqimg_datasets",
    "seqimg_formats",
    "seqimg_kernels",
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
    """Tasks; each becomes a command group `seqimg NAME train | eval | run`.

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
