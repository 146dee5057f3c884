"""Configuration: one pydantic class a task, and where each value came from.

Precedence, lowest first: the class's defaults, the user's file, the project's file, `--config FILE`,
`SEQIMG_<TASK>_<FIELD>` in the environment, flags on the command line. The files are TOML with one
table a task:

```toml
[predict]
horizon = 10
batch_size = 16
```

In a file given with `--config` the keys may also stand outside a table.
"""

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from seqimg.errors import UsageError, did_you_mean

__all__ = ["Config", "Numbers", "Resolved", "TaskConfig", "Words", "check_flags", "resolve_config", "to_toml"]


def _split(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


Numbers = Annotated[tuple[int, ...], BeforeValidator(_split)]
"""Whole numbers; on the command line and in the environment separated by commas: `48,64`."""

Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Words; on the command line and in the environment separated by commas."""


class Config(BaseModel):
    """Base of all configuration: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class TaskConfig(Config):
    """What every task's training understands. A task adds its own fields in a subclass.

    Each field is a flag of `seqimg TASK train`, a TOML key, an environment variable and a line
    of the model folder's `config.json`.
    """

    data: Words = Field(
        (), description="Sequences to learn from: video files, frame folders, arrays, or demo:NAME."
    )
    size: int = Field(
        160,
        ge=0,
        description="Longer side of the frames the model works on, in pixels; 0 keeps them as they are.",
    )
    crop: int = Field(
        64, ge=0, description="Side of the random crops trained on, in pixels; 0 trains on whole frames."
    )
    holdout: float = Field(
        0.3, ge=0, lt=1, description="Share at the end of every sequence kept for testing."
    )
    validation: float = Field(
        0.1, ge=0, lt=1, description="Share of the rest, at its end, used to choose the best model."
    )
    steps: int = Field(2000, ge=1, description="Optimiser steps.")
    minutes: float = Field(
        0, ge=0, description="Time limit: the schedule is shortened to end within it; 0 is no limit."
    )
    batch_size: int = Field(8, ge=1, description="Clips per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate of AdamW.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay of AdamW.")
    warmup: float = Field(
        0.05, ge=0, lt=1, description="Share of the steps over which the learning rate rises."
    )
    clip_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    average: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Decay of the running average of the weights that is validated and saved; 0 is off.",
    )
    validate_every: int = Field(500, ge=1, description="Steps between validations.")
    validation_clips: int = Field(64, ge=1, description="Most clips a validation looks at, evenly spread.")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Number format of the forward and backward pass."
    )
    channels: int = Field(0, ge=0, description="Channels of the frames; 0 takes what the data have.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where to compute.")
    workers: int = Field(0, ge=0, description="Processes that prepare clips beside the main one.")
    seed: int = Field(0, ge=0, description="Seed of everything random.")


C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """A configuration and, for each field, where its value came from.

    Attributes:
        config: The validated values.
        sources: Field name to `"default"`, a file's path, `"environment"` or `"flag"`.
    """

    config: C
    sources: Mapping[str, str]


def resolve_config(
    config_class: type[C],
    section: str,
    *,
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
) -> Resolved[C]:
    """Merge all sources of a task's configuration.

    Args:
        config_class: The class to fill.
        section: The task's name: table of the files, part of the environment variables.
        file: The file given with `--config`.
        flags: Values given on the command line, by field name.

    Raises:
        UsageError: An unknown key or a wrong value, naming the key, where it stands and the
            nearest right name; or a file that cannot be read.

    Example:
        >>> resolved = resolve_config(TaskConfig, "predict", flags={"steps": 10})
        >>> resolved.config.steps, resolved.sources["steps"], resolved.sources["seed"]
        (10, 'flag', 'default')
    """
    values: dict[str, object] = {}
    sources = dict.fromkeys(config_class.model_fields, "default")
    for source, layer in _layers(config_class, section, file, flags or {}):
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

    Raises:
        UsageError: A wrong value, naming the flag.

    Example:
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

    Example:
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
    config_class: type[Config], section: str, file: Path | None, flags: Mapping[str, object]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    for path in (_user_file(), Path("seqimg.toml")):
        if path.is_file():
            yield str(path), _table(_read(path), section, path, whole_file=False)
    if file is not None:
        yield str(file), _table(_read(file), section, file, whole_file=True)
    prefix = f"SEQIMG_{section.upper()}_"
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
        with path.open("rb") as handle:
            return tomllib.load(handle)
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path}", why=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML", why=str(error)) from error


def _table(document: Mapping[str, Any], section: str, path: Path, *, whole_file: bool) -> dict[str, object]:
    table = document.get(section, {})
    if not isinstance(table, dict):
        raise UsageError(f"{section} in {path} is not a table", hint=f"write [{section}] above its keys")
    loose = (
        {key: value for key, value in document.items() if not isinstance(value, dict)} if whole_file else {}
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
