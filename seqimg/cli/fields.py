"""A configuration class's fields as flags of a command, and help that keeps them apart."""

import inspect
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import create_model
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from seqimg.config import Config, PaceConfig, PaceWithCutsConfig, ReadingConfig, TaskConfig

__all__ = ["SectionedCommand", "exporting", "measuring", "pace_of", "reading_flags", "with_flags"]

_PLAIN = (bool, int, float, str)
_HEADINGS: dict[type[Config], str] = {
    ReadingConfig: "Reading sequences",
    TaskConfig: "Training",
    PaceConfig: "Real time",
    PaceWithCutsConfig: "Real time",
}
_OWN = "Options of this task"


class SectionedCommand(TyperCommand):
    """A command whose plain help puts options under the heading of their panel."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one list a heading, in the order of the parameters; arguments come first."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and param.param_type_name == "argument":
                sections["Arguments"].append((str(param.metavar or param.name), record[1]))
            elif record is not None:
                sections.setdefault(getattr(param, "rich_help_panel", None) or "Options", []).append(record)
        for heading, rows in sections.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def with_flags(
    function: Callable[..., None], *, hidden: tuple[str, ...] = (), **configs: type[Config]
) -> Callable[..., None]:
    """Return a function that Typer gives one flag for each field of the configuration classes.

    Args:
        function: Takes its own parameters, and for each of `configs` one of that name: the values given
            on the command line, by field name.
        hidden: Fields that get no flag.
        configs: The classes whose fields become flags; no two may share a field.
    """
    own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name not in configs]
    fields = {
        taker: {name: field for name, field in config.model_fields.items() if name not in hidden}
        for taker, config in configs.items()
    }
    flags = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_flag(name, field, _heading(configs[taker], name)),
        )
        for taker, members in fields.items()
        for name, field in members.items()
    ]
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

    def command(**given: Any) -> None:
        values = {taker: {name: given.pop(name) for name in members} for taker, members in fields.items()}
        function(**given, **{taker: _named(found) for taker, found in values.items()})

    signature = inspect.Signature([*keyword_only, *flags])
    command.__signature__ = signature  # type: ignore[attr-defined]  # Typer reads it
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    command.__doc__ = function.__doc__
    return command


def pace_of(options: type[Config]) -> type[PaceConfig]:
    """Return what `run` asks about a source's pace beside these options of a task.

    Example:
        >>> pace_of(Config).__name__
        'PaceWithCutsConfig'
    """
    own = {"cuts", "reset_on_cut"} & options.model_fields.keys()
    return PaceConfig if own else PaceWithCutsConfig


def reading_flags(reading: ReadingConfig) -> list[str]:
    """Return the words of a command line that read sequences in the same way again.

    Example:
        >>> reading_flags(TaskConfig(gaps="skip", value_range=(0, 4095), seed=3))
        ['--gaps', 'skip', '--value-range', '0.0,4095.0']
    """
    words = []
    for name, field in ReadingConfig.model_fields.items():
        value = getattr(reading, name)
        if value != field.default:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    return words


def measuring(config: type[TaskConfig]) -> type[Config]:
    """Return a class of those fields that say how a model is measured: `eval` has flags for them too.

    A task marks such a field with `json_schema_extra={"measures": True}`.

    Example:
        >>> measuring(TaskConfig).model_fields
        {}
    """
    return create_model("Measuring", __base__=Config, **_marked(config, "measures"))


def exporting(config: type[TaskConfig]) -> type[Config]:
    """Return a class of those fields that decide what a graph computes: `export` has flags for them too.

    A task marks such a field with `json_schema_extra={"exports": True}`.

    Args:
        config: The task's configuration.

    Example:
        >>> exporting(TaskConfig).model_fields
        {}
    """
    return create_model("Exporting", __base__=Config, **_marked(config, "exports"))


def _marked(config: type[TaskConfig], mark: str) -> dict[str, Any]:
    return {
        name: (field.annotation, _as_trained(field))
        for name, field in config.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get(mark)
    }


def _as_trained(field: FieldInfo) -> FieldInfo:
    return FieldInfo(
        default=None,
        annotation=field.annotation,
        description=f"{field.description} [as in training]",
        json_schema_extra=field.json_schema_extra,
    )


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _heading(config: type[Config], name: str) -> str:
    home = next(base for base in reversed(config.__mro__) if name in inspect.get_annotations(base))
    return _HEADINGS.get(home, _OWN)


def _flag(name: str, field: FieldInfo, heading: str) -> Any:
    kind = _without_none(field.annotation)
    known = kind in _PLAIN or get_origin(kind) is Literal
    shown = _shown(field.default)
    option = typer.Option(
        *_declarations(name, kind),
        help=f"{field.description} [{shown}]" if shown else field.description,
        show_default=False,
        rich_help_panel=heading,
        metavar=_metavar(field) or (None if known else "A,B,…"),
    )
    # Values that Typer has no type for stay text; the configuration class reads them.
    accepted = kind if known else str
    return Annotated[accepted | None, option]  # type: ignore[operator]


def _metavar(field: FieldInfo) -> str | None:
    """Return what the field itself calls its value, as in `Field(…, json_schema_extra={"metavar": "NAME"})`."""
    extra = field.json_schema_extra
    return str(extra["metavar"]) if isinstance(extra, dict) and "metavar" in extra else None


def _without_none(annotation: object) -> object:
    """Return the one type that a field may have beside None."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if isinstance(annotation, UnionType) and len(kinds) == 1 else annotation


def _declarations(name: str, kind: object) -> tuple[str, ...]:
    flag = f"--{name.replace('_', '-')}"
    return (f"{flag}/--no-{flag[2:]}",) if kind is bool else (flag,)


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    if default is None:
        return ""
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
