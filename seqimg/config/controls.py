"""Fields of a configuration as things that people turn: switches, choices and sliders."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from seqimg.config.classes import Config

__all__ = ["Control", "controls_of", "turnable"]

Value = bool | int | float | str


@dataclass(frozen=True)
class Control:
    """One field that can be turned.

    Attributes:
        name: The field.
        kind: What it is: a switch, a choice, or a number on a slider.
        value: Its default.
        description: What it does, in a sentence.
        low: A number's lowest value, None for others.
        high: A number's highest value.
        whole: Whether only whole numbers will do.
        choices: What can be chosen.

    Example:
        >>> class Options(Config):
        ...     light: bool = False
        >>> [control] = controls_of(Options, ["light"])
        >>> control.kind, control.value, control.low
        ('switch', False, None)
    """

    name: str
    kind: Literal["switch", "choice", "number"]
    value: Value
    description: str
    low: float | None = None
    high: float | None = None
    whole: bool = False
    choices: tuple[str, ...] = ()


def turnable(config: type[Config]) -> tuple[str, ...]:
    """Return the fields that can be turned: switches, choices of words, and numbers with both bounds.

    Args:
        config: The class.

    Example:
        >>> from pydantic import Field
        >>> class Options(Config):
        ...     strength: float = Field(1.0, ge=0, le=2, description="How much.")
        ...     seed: int = 0
        >>> turnable(Options)
        ('strength',)
    """
    return tuple(control.name for control in controls_of(config, config.model_fields))


def controls_of(config: type[Config], names: Iterable[str]) -> tuple[Control, ...]:
    """Return what can be turned of some fields of a configuration class, in their order.

    Args:
        config: The class.
        names: Its fields to look at; those that cannot be turned are left out.

    Example:
        >>> from pydantic import Field
        >>> class Options(Config):
        ...     strength: float = Field(1.0, ge=0, le=2, description="How much.")
        >>> controls_of(Options, ["strength"])[0].high
        2.0
    """
    found = (_control(name, config.model_fields[name]) for name in names)
    return tuple(control for control in found if control is not None)


def _control(name: str, field: FieldInfo) -> Control | None:
    kind, about = field.annotation, field.description or ""
    if kind is bool:
        return Control(name, "switch", field.default, about)
    if get_origin(kind) is Literal and all(isinstance(choice, str) for choice in get_args(kind)):
        return Control(name, "choice", field.default, about, choices=get_args(kind))
    if kind not in (int, float):
        return None
    low, high = _bounds(field)
    if low is None or high is None:
        return None
    return Control(name, "number", field.default, about, low, high, whole=kind is int)


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    low = high = None
    for mark in field.metadata:
        if isinstance(mark, Ge | Gt):
            low = float(str(mark.ge if isinstance(mark, Ge) else mark.gt))
        if isinstance(mark, Le | Lt):
            high = float(str(mark.le if isinstance(mark, Le) else mark.lt))
    return low, high
