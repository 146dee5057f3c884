"""Configurations as runs have written them: each value with where it came from."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqimg.errors import SeqimgError
from seqimg.plugins.reports import one_line

__all__ = ["MAX_CONFIG_BYTES", "read_toml", "read_written"]

MAX_CONFIG_BYTES = 1_000_000
"""Larger files are no configurations; they are refused before they are read."""

Written = dict[str, tuple[object, str]]
"""Field name to its value and where that came from."""


def read_toml(path: Path) -> dict[str, Any]:
    r"""Read a TOML file, of at most `MAX_CONFIG_BYTES`.

    Raises:
        SeqimgError: It cannot be read, is too large, or is no TOML.

    Example:
        >>> path = Path(tmp) / "a.toml"
        >>> _ = path.write_text("[predict]\nsteps = 5\n")
        >>> read_toml(path)
        {'predict': {'steps': 5}}
    """
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise SeqimgError(f"cannot read the configuration {path}", why=error.strerror) from error
    if len(content) > MAX_CONFIG_BYTES:
        raise SeqimgError(
            f"{path} is too large to be a configuration", why=f"it has over {MAX_CONFIG_BYTES:,} bytes"
        )
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise SeqimgError(f"{path} is not valid TOML", why="it is nested too deeply") from error
    except ValueError as error:  # syntax, bytes that are no text, numbers of thousands of digits
        raise SeqimgError(f"{path} is not valid TOML", why=one_line(str(error), 200)) from error


def read_written(path: Path) -> tuple[str, Written]:
    r"""Read what [seqimg.config.to_toml][] wrote: the task's name, and its values with their sources.

    Raises:
        SeqimgError: It cannot be read, or holds no table of a task.

    Example:
        >>> path = Path(tmp) / "config.toml"
        >>> _ = path.write_text('[predict]\nsteps = 5  # flag\nseed = 0  # default\n')
        >>> read_written(path)
        ('predict', {'steps': (5, 'flag'), 'seed': (0, 'default')})
    """
    document = read_toml(path)
    tables = {name: table for name, table in document.items() if isinstance(table, dict)}
    if len(tables) != 1:
        raise SeqimgError(f"{path} is not a run's configuration", why="it needs one table, the task's")
    ((task, values),) = tables.items()
    sources = _sources(path.read_text(encoding="utf-8"), values)
    return task, {name: (_as_json(value), sources.get(name, "")) for name, value in values.items()}


def _as_json(value: object) -> object:
    """Return a value as it is if JSON can say it; what only TOML can say (dates, NaN) as text."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value


def _sources(text: str, values: Mapping[str, object]) -> dict[str, str]:
    """Return the comments behind the values, which are written as JSON, one a line."""
    found = {}
    for line in text.splitlines():
        name, equals, rest = line.partition(" = ")
        if equals and name in values:
            try:
                _, end = json.JSONDecoder().raw_decode(rest)
            except ValueError:  # written by hand: valid TOML, and nothing is said of its source
                continue
            found[name] = rest[end:].strip().removeprefix("#").strip()
    return found
