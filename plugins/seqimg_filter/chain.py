"""Chains: operations one after the other, from words or from a TOML file.

[[op]]
name = "gaussian"
sigma = 2

[[op]]
name = "sobel"
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seqimg.errors import SeqimgError, UsageError, did_you_mean
from seqimg_filter.table import operation, parse
from seqimg_filter.words import Call, Value, check_values, joined

__all__ = ["Chain"]

_LARGEST = 2**20  # bytes
_MOST = 256


@dataclass(frozen=True)
class Chain:
    """Operations in the order they are applied.

    Example:
        >>> chain = Chain.parse(["gaussian:sigma=2", "sobel"])
        >>> print(chain.to_toml())
        [[op]]
        name = "gaussian"
        sigma = 2.0
        <BLANKLINE>
        [[op]]
        name = "sobel"
        <BLANKLINE>
    """

    calls: tuple[Call, ...] = ()

    @classmethod
    def parse(cls, words: Iterable[str]) -> "Chain":
        """Read operations as they stand on a command line.

        Raises:
            UsageError: One is none.
        """
        return cls(tuple(parse(word) for word in joined(words)))

    @classmethod
    def read(cls, path: Path) -> "Chain":
        """Read a chain from a TOML file.

        Raises:
            SeqimgError: It cannot be read.
            UsageError: It is no chain; the message names the key, and the nearest that there is.
        """
        try:
            if path.stat().st_size > _LARGEST:
                raise UsageError(f"{path} is no chain", why="it is larger than 1 MiB")
            found = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise SeqimgError(f"cannot read {path}", why=error.strerror or str(error)) from error
        except ValueError as error:  # not UTF-8, or not TOML
            raise UsageError(f"{path} is no TOML", why=str(error)) from error
        return cls._of(path, found)

    @classmethod
    def _of(cls, path: Path, found: dict[str, object]) -> "Chain":
        for key in found:
            if key != "op":
                near = did_you_mean(key, ["op"])
                raise UsageError(
                    f"{path} has an unknown key {key!r}" + (f"; did you mean {near}?" if near else ""),
                    why="a chain is made of tables [[op]]",
                )
        tables = found.get("op")
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            raise UsageError(f"{path} is no chain", why="it has no tables [[op]]")
        if len(tables) > _MOST:
            raise UsageError(f"{path} is no chain", why=f"{len(tables)} operations are more than {_MOST}")
        return cls(tuple(_call(path, number, table) for number, table in enumerate(tables, 1)))

    def to_toml(self) -> str:
        """Return the chain as `read` takes it."""
        return "\n".join(
            "\n".join(["[[op]]", f'name = "{call.name}"', *map(_line, call.values.items())]) + "\n"
            for call in self.calls
        )

    def __str__(self) -> str:
        return ", ".join(map(str, self.calls))


def _call(path: Path, number: int, table: dict[str, object]) -> Call:
    name = table.get("name")
    if not isinstance(name, str):
        raise UsageError(
            f"{path}: operation {number} has no name", why='it needs a line such as name = "gaussian"'
        )
    given = {key: value for key, value in table.items() if key != "name"}
    for key, value in given.items():
        if not isinstance(value, bool | int | float | str):
            raise UsageError(
                f"{path}: {key} of operation {number} ({name}) is no value", why="words and numbers are"
            )
    try:
        return Call(name, check_values(name, operation(name).by_name, given))
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", why=error.why, hint=error.hint) from error


def _line(item: tuple[str, Value]) -> str:
    name, value = item
    if isinstance(value, bool):
        return f"{name} = {str(value).lower()}"
    return f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value!r}"
