"""Short words for the tables of operations."""

from collections.abc import Mapping

from seqimg_filter.table import Gives, Operation, Role, WorksOn
from seqimg_filter.words import Parameter

__all__ = ["MODES", "choice", "flag", "number", "op", "whole"]

MODES = ("reflect", "constant", "nearest", "mirror", "wrap")
"""What is taken to lie beyond a frame's edge."""


def number(
    name: str, default: float | None, doc: str, low: float | None = 0, high: float | None = None
) -> Parameter:
    """Return a parameter that is a number."""
    return Parameter(name=name, kind="float", default=default, doc=doc, low=low, high=high)


def whole(
    name: str, default: int | None, doc: str, low: int | None = 0, high: int | None = None
) -> Parameter:
    """Return a parameter that is a whole number."""
    return Parameter(name=name, kind="int", default=default, doc=doc, low=low, high=high)


def flag(name: str, default: bool, doc: str) -> Parameter:
    """Return a parameter that is true or false."""
    return Parameter(name=name, kind="bool", default=default, doc=doc)


def choice(name: str, choices: tuple[str, ...], doc: str, default: str | None = None) -> Parameter:
    """Return a parameter with some choices, by default the first."""
    return Parameter(name=name, kind="choice", default=default or choices[0], choices=choices, doc=doc)


def op(
    group: str,
    name: str,
    target: str,
    doc: str,
    *parameters: Parameter,
    on: WorksOn = "channel",
    gives: Gives = "values",
    channels: int | None = None,
    resizes: bool = False,
    bounded: bool = False,
    role: Role = "frame",
    constant: Mapping[str, object] | None = None,
) -> Operation:
    """Return an operation; its target without a name is the function of its own name."""
    return Operation(
        name=name,
        group=group,
        doc=doc,
        target=target if ":" in target else f"{target}:{name}",
        parameters=parameters,
        on=on,
        gives=gives,
        channels=channels,
        resizes=resizes,
        bounded=bounded,
        role=role,
        constant=constant or {},
    )
