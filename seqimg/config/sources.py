"""Where the values of a configuration come from, and what is said of a wrong one."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from seqimg.config.classes import Config
from seqimg.config.written import read_toml
from seqimg.errors import SeqimgError, UsageError, did_you_mean

__all__ = ["Resolved", "check_flags", "resolve_config", "to_toml"]

C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """A configuration and, for each field, where its value came from.

    Attributes:
        config: The validated values.
        sources: Field name to `"default"`, a file's path, `"environment"` or `"flag"`.

    Example:
        >>> resolve_config(Config, "predict")
        Resolved(config=Config(), sources={})
    """

    config: C
    sources: Mapping[str, str]


def resolve_config(
    config_class: type[C],
    section: str,
    *,
    file: Path | Sequence[Path] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Resolved[C]:
    """Merge all sources of a task's configuration.

    Args:
        config_class: The class to fill.
        section: The task's name: table of the files, part of the environment variables.
        file: The file given with `--config`, or several, the last the strongest.
        flags: Values given on the command line, by field name.

    Raises:
        UsageError: An unknown key or a wrong value, naming the key, where it stands and the
            nearest right name; or a file that cannot be read.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> resolved = resolve_config(TaskConfig, "predict", flags={"steps": 10})
        >>> resolved.config.steps, resolved.sources["steps"], resolved.sources["seed"]
        (10, 'flag', 'default')
    """
    values: dict[str, object] = {}
    sources = dict.fromkeys(config_class.model_fields, "default")
    files = [file] if isinstance(file, Path) else [*(file or ())]
    for source, layer in _layers(section, files, flags or {}):
        for key, value in layer.items():
            if key not in config_class.model_fields:
                raise _unknown_key(key, source, config_class.model_fields)
            values[key], sources[key] = value, source
    try:
        return Resolved(config_class(**values), sources)
    except ValidationError as error:
        raise _wrong_value(error, section, sources) from error


def check_flags(config_class: type[C], flags: Mapping[str, object]) -> C:
    """Fill options that only the command line sets.

    Args:
        config_class: The class to fill.
        flags: What was given, by field name; other fields keep their defaults.

    Raises:
        UsageError: A wrong value, naming the flag.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> check_flags(TaskConfig, {"steps": 0})
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: --steps cannot be 0
        Input should be greater than or equal to 1
    """
    try:
        return config_class(**flags)
    except ValidationError as error:
        raise _wrong_value(error, "", dict.fromkeys(flags, "flag")) from error


def to_toml(section: str, resolved: Resolved[C]) -> str:
    """Write a configuration as TOML, each line with its source as a comment.

    Args:
        section: Name of the table: the task.
        resolved: The values, and where each came from.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> text = to_toml("predict", resolve_config(TaskConfig, "predict"))
        >>> "seed = 0  # default" in text
        True
    """
    lines = [f"[{section}]"]
    for name, value in resolved.config.model_dump(mode="json").items():
        if value is not None:
            # A JSON scalar or flat list is also a TOML one.
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}  # {resolved.sources[name]}")
    return "\n".join(lines) + "\n"


def _layers(
    section: str, files: Sequence[Path], flags: Mapping[str, object]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    for path in (_user_file(), Path("seqimg.toml")):
        if path.is_file():
            yield str(path), _table(_read(path), section, path, whole_file=False)
    for path in files:
        yield str(path), _table(_read(path), section, path, whole_file=True)
    prefix = f"SEQIMG_{section.upper().replace('-', '_')}_"
    yield (
        "environment",
        {key[len(prefix) :].lower(): value for key, value in os.environ.items() if key.startswith(prefix)},
    )
    yield "flag", flags


def _user_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "seqimg" / "config.toml"


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except SeqimgError as error:
        raise UsageError(error.message, why=error.why) from error


def _table(document: Mapping[str, Any], section: str, path: Path, *, whole_file: bool) -> dict[str, object]:
    table = document.get(section, {})
    if not isinstance(table, dict):
        raise UsageError(f"{section} in {path} is not a table", hint=f"write [{section}] above its keys")
    others = {key for key, value in document.items() if isinstance(value, dict)}
    loose = {key: value for key, value in document.items() if key not in others} if whole_file else {}
    if section not in document and not loose:
        # A misspelt heading would silently leave everything at its default.
        near = [name for name in others if did_you_mean(name, [section])]
        if near or (whole_file and others):
            raise UsageError(
                f"{path} sets nothing for {section}",
                why=f"its tables: {', '.join(sorted(others))}"[:200],
                hint=f"[{section}] in place of [{near[0]}]" if near else f"write [{section}] above its keys",
            )
    return {**loose, **table}


def _unknown_key(key: str, source: str, known: Iterable[str]) -> UsageError:
    near = did_you_mean(key, known)
    return UsageError(
        f"unknown key {key!r} ({source})",
        why=f"did you mean {near!r}?" if near else "no such field",
        hint=f"{near} = …" if near else None,
    )


def _wrong_value(error: ValidationError, section: str, sources: Mapping[str, str]) -> UsageError:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    source = sources.get(field, "")
    if source == "flag":
        name = f"--{field.replace('_', '-')}"
    elif source == "environment":
        name = f"SEQIMG_{section.upper()}_{field.upper()}"
    else:
        name = f"{field} ({source})" if field else section
    return UsageError(f"{name} cannot be {first['input']!r}", why=first["msg"].removeprefix("Value error, "))
