"""What plugins return: frozen descriptions, with code named as `"module:attribute"`.

A plugin's root module stays light because a spec holds the *name* of the code; the
module is imported on first use.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from seqimg.errors import UnavailableError

__all__ = [
    "API_VERSION",
    "CellSpec",
    "CheckSpec",
    "CommandSpec",
    "DatasetSpec",
    "FormatSpec",
    "FrameOpSpec",
    "KernelSpec",
    "LayoutSpec",
    "Spec",
    "TaskSpec",
    "resolve",
]

API_VERSION = 1
"""The plugin contract's number. A plugin's root module declares it as `SEQIMG_API = 1`."""

_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def resolve(target: str) -> Any:
    """Import and return what `"module:attribute"` names.

    Args:
        target: Where the code is; the attribute may lie deeper, `module:Class.method`.

    Raises:
        UnavailableError: The module does not import, or has no such attribute.

    Example:
        >>> resolve("seqimg.errors:SeqimgError").__name__
        'SeqimgError'
    """
    module_name, _, path = target.partition(":")
    try:
        found: Any = import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UnavailableError(
            f"cannot load {target}", why=f"{type(error).__name__}: {error}", hint="seqimg doctor"
        ) from error
    return found


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The part every spec has in common.

    Attributes:
        name: How users call it: lower case, starting with a letter.
        summary: One line for listings and help.
    """

    name: str
    summary: str

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and _NAME.fullmatch(self.name)):
            raise ValueError(f"name {self.name!r}: use lower case letters, digits and . _ -")
        if not (isinstance(self.summary, str) and self.summary.strip() and "\n" not in self.summary):
            raise ValueError(f"summary of {self.name!r}: give one line")

    def _check_targets(self, *fields: str) -> None:
        for field in fields:
            value = getattr(self, field)
            if not (isinstance(value, str) and _TARGET.fullmatch(value)):
                raise ValueError(f"{field} of {self.name!r} is {value!r}: write 'module:attribute'")


@dataclass(frozen=True, kw_only=True)
class CellSpec(Spec):
    """A recurrent cell: a class that follows [seqimg.cells.Cell][].

    Attributes:
        cell: `"module:attribute"` of the class.

    Example:
        >>> CellSpec(name="leaky", summary="Leaky average.", cell="seqimg_leaky.cell:LeakyCell").cell
        'seqimg_leaky.cell:LeakyCell'
    """

    cell: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_targets("cell")


@dataclass(frozen=True, kw_only=True)
class KernelSpec(Spec):
    """One way to compute an op.

    Attributes:
        op: What it computes: the cell's name, a dot and `sequence` or `step`, for example `"conv_gru.sequence"`;
            `"*.sequence"` serves every cell.
        kernel: The callable, as `"module:attribute"`. Of a sequence: `(cell, x [B, T, X, H, W], state
            [B, S, H, W], weights, controls) -> (outputs [B, T, C, H, W], last state)`. Of a step: `(cell, weights,
            frame [B, X, H, W], state) -> step`, called once, before the first frame; `step(frame, state)` then
            returns the state after each.
        devices: Device types it runs on, `("*",)` for any.
        dtypes: dtype names it accepts (`"float32"`, …), `("*",)` for any floating type.
        refuse: Optional `"module:attribute"` of a function `(CallSignature) -> list[str]` that
            returns every reason why this kernel cannot serve the call; empty means it can.
        priority: Among usable kernels the highest is taken.
        status: Only `"stable"` kernels are taken automatically; `"experimental"` ones on request;
            `"broken"` ones never.
        note: Optional words for those who ask why it is not taken, for example what it still lacks.

    Example:
        >>> spec = KernelSpec(name="mine", summary="Mine.", op="gru.step", kernel="seqimg_mine.kernels:step")
        >>> spec.devices, spec.status
        (('*',), 'stable')
    """

    op: str
    kernel: str
    devices: tuple[str, ...] = ("*",)
    dtypes: tuple[str, ...] = ("*",)
    refuse: str | None = None
    priority: int = 0
    status: Literal["stable", "experimental", "broken"] = "stable"
    note: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_targets("kernel", *(["refuse"] if self.refuse is not None else []))
        if self.status not in ("stable", "experimental", "broken"):
            raise ValueError(f"status of {self.name!r} is {self.status!r}")


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """A task: `task` names a [seqimg.task.Task][] class, `config` its pydantic configuration.

    `run_options` names the pydantic class whose fields are the extra flags of `seqimg TASK run`.
    The configuration modules import no torch, so that help stays quick.

    Attributes:
        commands: Optional `"module:attribute"` of a `typer.Typer` whose commands join `train`, `run` and `eval` in
            `seqimg TASK`, in the place of those of the same name. Its module imports no torch either.

    Example:
        >>> TaskSpec(
        ...     name="radar",
        ...     summary="Forecast rain.",
        ...     task="seqimg_radar.task:RadarTask",
        ...     config="seqimg_radar.config:RadarConfig",
        ...     run_options="seqimg_radar.config:RadarRun",
        ... ).commands is None
        True
    """

    task: str
    config: str
    run_options: str
    commands: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        own = ["commands"] if self.commands is not None else []
        self._check_targets("task", "config", "run_options", *own)


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A generated data set.

    Attributes:
        dataset: `"module:attribute"` of a [Generator][seqimg.data.generators.generator.Generator] function.
        batch: Optional `"module:attribute"` of a function that makes many sequences at once, a
            [BatchGenerator][seqimg.data.generators.generator.BatchGenerator] with the same options.

    Example:
        >>> DatasetSpec(name="waves", summary="Moving waves.", dataset="seqimg_waves.data:waves").batch is None
        True
    """

    dataset: str
    batch: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_targets("dataset", *(["batch"] if self.batch is not None else []))


@dataclass(frozen=True, kw_only=True)
class FormatSpec(Spec):
    """A file format of sequences.

    Attributes:
        suffixes: Lower-case file name endings with the dot, `("",)` for a folder.
        schemes: What addresses begin with, up to the colon: `("rtsp",)` reads `rtsp://camera/1`,
            `("camera",)` reads `camera:0`.
        reader: `"module:attribute"` of a callable `(path, **options) -> Sequence`, or None. The path
            is a `Path`, for addresses the whole address as text.
        writer: `"module:attribute"` of a callable `(path, info) -> SequenceWriter`, or None.
        isolate: Whether commands read it in a process of its own, because the code that decodes it
            could be brought down by a damaged file.

    Example:
        >>> FormatSpec(name="ser", summary="SER.", suffixes=(".ser",), reader="seqimg_ser.files:Ser").isolate
        True
    """

    suffixes: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    reader: str | None = None
    writer: str | None = None
    isolate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_targets(*(f for f in ("reader", "writer") if getattr(self, f) is not None))
        if self.reader is None and self.writer is None:
            raise ValueError(f"format {self.name!r} has neither reader nor writer")
        if not (self.suffixes or self.schemes):
            raise ValueError(f"format {self.name!r} names neither suffixes nor schemes")


@dataclass(frozen=True, kw_only=True)
class LayoutSpec(Spec):
    """A way in which data sets lie on the disk: a [Layout][seqimg.data.layouts.Layout] of this name.

    Attributes:
        layout: `"module:attribute"` of the layout.

    Example:
        >>> LayoutSpec(name="tiles", summary="Radar tiles.", layout="seqimg_radar.tiles:TILES").name
        'tiles'
    """

    layout: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name in ("auto", "sequence"):
            raise ValueError(f"name {self.name!r}: it is a word of --layout already")
        self._check_targets("layout")


@dataclass(frozen=True, kw_only=True)
class FrameOpSpec(Spec):
    """An operation on single frames, that tasks may have before everything else (`--pre`).

    Attributes:
        op: `"module:attribute"` of a callable `(arguments, info) -> FrameOp`: the arguments as they were
            written, by name, and what the frames are; see [seqimg.sequences.prepared.FrameOp][].

    Example:
        >>> FrameOpSpec(name="dehaze", summary="Take the haze away.", op="seqimg_haze.ops:Dehaze").op
        'seqimg_haze.ops:Dehaze'
    """

    op: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_targets("op")


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A command, or a group of commands, of the command line.

    Attributes:
        app: `"module:attribute"` of the `typer.Typer`; its module imports nothing heavy.

    Example:
        >>> CommandSpec(name="tidy", summary="Remove old runs.", app="seqimg_tidy.cli:app").app
        'seqimg_tidy.cli:app'
    """

    app: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_targets("app")


@dataclass(frozen=True, kw_only=True)
class CheckSpec(Spec):
    """A line of `seqimg doctor`: a function that returns a [seqimg.plugins.CheckResult][].

    Attributes:
        check: `"module:attribute"` of the function.

    Example:
        >>> CheckSpec(name="radar", summary="The radar feed.", check="seqimg_radar.checks:feed").name
        'radar'
    """

    check: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_targets("check")


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check of `seqimg doctor` found.

    Attributes:
        state: `"ok"`, `"warn"` (works, but less well) or `"fail"`.
        detail: What was found, in one line.
        fix: What to do about it, if anything.

    Example:
        >>> CheckResult(state="warn", detail="0.5 GB free", fix="make room").state
        'warn'
    """

    state: Literal["ok", "warn", "fail"]
    detail: str
    fix: str | None = None
