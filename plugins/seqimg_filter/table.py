"""Every operation by name: what it is called, what it takes, what it works on, what its answer means.

The table is data alone, so that listing it imports nothing heavy; the code of an operation is named as
`"module:attribute"` and imported when a chain with it is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from seqimg.errors import UsageError, did_you_mean
from seqimg_filter.words import Call, Parameter, Value, check_values, split_word

__all__ = ["Gives", "Operation", "Role", "WorksOn", "operation", "operations", "parse"]

WorksOn: TypeAlias = Literal["channel", "picture", "grey", "colour", "frame", "sequence", "sequences"]
Gives: TypeAlias = Literal["values", "mask", "signed", "labels"]
Role: TypeAlias = Literal["frame", "stream", "compose"]

WORKS_ON: Mapping[WorksOn, str] = {
    "channel": "each channel by itself; alpha stays as it is",
    "picture": "all channels together; alpha stays as it is",
    "grey": "the frame made grey; the answer has one channel",
    "colour": "red, green and blue; alpha stays as it is",
    "frame": "the frame with all its channels",
    "sequence": "frames in their order",
    "sequences": "several sequences in step",
}
GIVES: Mapping[Gives, str] = {
    "values": "values of the source's dtype and range",
    "mask": "a mask: 0 becomes the lower end of the source's range, 1 the upper",
    "signed": "values of both signs: zero is the middle of an integer's range; floats get a range about 0",
    "labels": "numbers of regions, uint16, 0 for none",
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        name: How it is called.
        group: What it is listed under.
        doc: What it does, in one line.
        target: Its code, as `"module:attribute"`.
        parameters: What it takes.
        on: What it works on.
        gives: What its answer means.
        channels: How many channels the answer has, if not those of the frame.
        resizes: Whether frames get another size.
        bounded: Whether values beyond the declared range are cut off first.
        constant: What else is handed to its code.
        role: Whether it works on a frame, on a stream of them, or on several streams.
    """

    name: str
    group: str
    doc: str
    target: str
    parameters: tuple[Parameter, ...] = ()
    on: WorksOn = "channel"
    gives: Gives = "values"
    channels: int | None = None
    resizes: bool = False
    bounded: bool = False
    constant: Mapping[str, object] = field(default_factory=dict)
    role: Role = "frame"

    @property
    def signature(self) -> str:
        """Its name with all parameters and defaults."""
        return f"{self.name}({', '.join(parameter.shown for parameter in self.parameters)})"

    @property
    def by_name(self) -> dict[str, Parameter]:
        """Its parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    def values(self, call: Call) -> dict[str, Value]:
        """Return a value for each parameter that has one, given or by default."""
        defaults = {p.name: p.default for p in self.parameters if p.default is not None}
        return {**defaults, **call.values}


def operations() -> Mapping[str, Operation]:
    """Return all operations by name, in the order they are listed.

    Example:
        >>> operations()["sobel"].signature
        'sobel()'
    """
    global _operations
    if not _operations:
        from seqimg_filter.tables import composition, looks, regions, spatial, temporal

        tables = (spatial.TABLE, regions.TABLE, looks.TABLE, temporal.TABLE, composition.TABLE)
        _operations = {entry.name: entry for table in tables for entry in table}
    return _operations


_operations: Mapping[str, Operation] = {}


def operation(name: str) -> Operation:
    """Return the operation called `name`.

    Raises:
        UsageError: There is none; the message names the nearest.
    """
    known = operations()
    if name not in known:
        near = did_you_mean(name, known)
        raise UsageError(
            f"there is no operation {name!r}" + (f"; did you mean {near}?" if near else ""),
            hint=f"seqimg filter show {near}" if near else "seqimg filter list",
        )
    return known[name]


def parse(text: str) -> Call:
    """Read one operation with its values.

    Raises:
        UsageError: The operation, a parameter or a value is none.

    Example:
        >>> str(parse("gaussian:sigma=2.50"))
        'gaussian:sigma=2.5'
    """
    name, given = split_word(text)
    return Call(name, check_values(name, operation(name).by_name, given))
