"""A configuration class's fields as flags of a command."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_origin

import typer
from pydantic.fields import FieldInfo

from seqimg.config import Config

__all__ = ["with_flags"]

_PLAIN = (bool, int, float, str)


def with_flags(
    function: Callable[..., None],
    config: type[Config],
    *,
    hidden: tuple[str, ...] = (),
    panel: str = "Configuration",
) -> Callable[..., None]:
    """Return a function that Typer gives one flag for each field of `config`.

    Args:
        function: Takes its own parameters and a last one, `flags`: the values given, by field name.
        config: The class whose fields become flags.
        hidden: Fields that get no flag.
        panel: Heading of the flags in the help.
    """
    own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "flags"]
    fields = {name: field for name, field in config.model_fields.items() if name not in hidden}
    flags = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_flag(name, field, panel)
        )
        for name, field in fields.items()
    ]
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

    def command(**given: Any) -> None:
        values = {name: given.pop(name) for name in fields}
        function(**given, flags={name: value for name, value in values.items() if value is not None})

    signature = inspect.Signature([*keyword_only, *flags])
    command.__signature__ = signature  # type: ignore[attr-defined]  # Typer reads it
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    command.__doc__ = function.__doc__
    return command


def _flag(name: str, field: FieldInfo, panel: str) -> Any:
    kind = field.annotation
    option = typer.Option(
        *_declarations(name, kind),
        help=field.description,
        show_default=_shown(field.default),
        rich_help_panel=panel,
        metavar=None if kind in _PLAIN or get_origin(kind) is Literal else "A,B,…",
    )
    # Values that Typer has no type for stay text; the configuration class reads them.
    accepted = kind if kind in _PLAIN or get_origin(kind) is Literal else str
    return Annotated[accepted | None, option]  # type: ignore[operator]


def _declarations(name: str, kind: object) -> tuple[str, ...]:
    flag = f"--{name.replace('_', '-')}"
    return (f"{flag}/--no-{flag[2:]}",) if kind is bool else (flag,)


def _shown(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
