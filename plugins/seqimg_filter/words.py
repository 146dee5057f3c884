"""Operations as people write them: `gaussian:sigma=2,mode=reflect`.

An operation's name, a colon, and parameters with their values; what is left out has its default. Nothing
here imports anything heavy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from seqimg.errors import UsageError, did_you_mean
from seqimg.wording import joined, split_word

__all__ = ["Call", "Parameter", "Value", "check_values", "joined", "split_word"]

Value: TypeAlias = bool | int | float | str

_BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of an operation.

    Attributes:
        name: How it is written.
        kind: What its values are.
        default: Its value when it is not given; None leaves the choice to the operation.
        low: The least value.
        high: The greatest.
        choices: The values there are, for `"choice"`.
        doc: What it does, in a few words.

    Example:
        >>> sigma = Parameter(name="sigma", kind="float", default=1.0, low=0.0, doc="width in pixels")
        >>> sigma.read("2"), sigma.shown
        (2.0, 'sigma: float = 1')
    """

    name: str
    kind: Literal["int", "float", "bool", "choice"]
    default: Value | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    doc: str = ""

    @property
    def shown(self) -> str:
        """The parameter as it stands in a signature."""
        kind = "|".join(self.choices) if self.kind == "choice" else self.kind
        default = "auto" if self.default is None else written(self.default)
        return f"{self.name}: {kind} = {default}"

    def read(self, text: object) -> Value:
        """Return the value that a word of a command line, or a value of a TOML file, stands for.

        Raises:
            ValueError: It is none of this kind, or beyond the range; the message says what is wanted.
        """
        if self.kind == "choice":
            return self._choice(str(text))
        if self.kind == "bool":
            return _boolean(text)
        value = _number(text, whole=self.kind == "int")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise ValueError(self._range())
        return value

    def _choice(self, text: str) -> str:
        if text not in self.choices:
            near = did_you_mean(text, self.choices)
            meant = f"; did you mean {near}?" if near else ""
            raise ValueError(f"it is one of {', '.join(self.choices)}{meant}")
        return text

    def _range(self) -> str:
        if self.high is None:
            return f"it is at least {self.low:g}"
        return (
            f"it is at most {self.high:g}"
            if self.low is None
            else f"it is from {self.low:g} to {self.high:g}"
        )


@dataclass(frozen=True)
class Call:
    """An operation with the values that were given.

    Attributes:
        name: The operation.
        values: Values by parameter; those with their default are left out.

    Example:
        >>> print(Call("gaussian", {"sigma": 2.0, "mode": "reflect"}))
        gaussian:sigma=2,mode=reflect
    """

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        words = ",".join(f"{name}={written(value)}" for name, value in self.values.items())
        return f"{self.name}:{words}" if words else self.name


def written(value: Value) -> str:
    """Return a value as it is written on a command line.

    Example:
        >>> written(True), written(2.0), written(0.1), written("reflect")
        ('true', '2', '0.1', 'reflect')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def check_values(
    name: str, parameters: Mapping[str, Parameter], given: Mapping[str, object]
) -> dict[str, Value]:
    """Return the values given to an operation, each of its parameter's kind; defaults are left out.

    Raises:
        UsageError: A parameter is unknown, or a value is none; the message names the nearest.
    """
    values: dict[str, Value] = {}
    for key, text in given.items():
        parameter = parameters.get(key)
        if parameter is None:
            near = did_you_mean(key, parameters)
            raise UsageError(
                f"{name} has no parameter {key!r}" + (f"; did you mean {near}?" if near else ""),
                why=f"its parameters: {', '.join(parameters)}" if parameters else "it has none",
                hint=f"seqimg filter show {name}",
            )
        try:
            value = parameter.read(text)
        except ValueError as error:
            raise UsageError(
                f"{name}: {key} cannot be {text}", why=str(error), hint=f"seqimg filter show {name}"
            ) from error
        if value != parameter.default:
            values[key] = value
    return values


def _boolean(text: object) -> bool:
    if isinstance(text, bool):
        return text
    if str(text).lower() not in _BOOLEANS:
        raise ValueError("it is true or false")
    return _BOOLEANS[str(text).lower()]


def _number(text: object, *, whole: bool) -> int | float:
    wanted = "it is a whole number" if whole else "it is a number"
    if isinstance(text, bool):
        raise ValueError(wanted)
    try:
        value = int(str(text)) if whole else float(str(text))
    except ValueError as error:
        raise ValueError(wanted) from error
    if not math.isfinite(value):
        raise ValueError(wanted)
    return value
