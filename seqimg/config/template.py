"""What the fields of a configuration are, in words, and a TOML file to fill in."""

import inspect
import json
import textwrap
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from seqimg.config.classes import Config, ReadingConfig, TaskConfig

__all__ = ["FieldWords", "describe_fields", "to_template"]

_WIDTH = 96
_HEADINGS: dict[type[Config], str] = {ReadingConfig: "Reading sequences", TaskConfig: "Training"}
_BOUNDS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True)
class FieldWords:
    """One field of a configuration.

    Attributes:
        name: Its key.
        heading: What it belongs to: the task itself, training, or reading.
        description: What it is, in a sentence.
        accepts: The values it takes.
        default: Its default; None if it is not set.

    Example:
        >>> describe_fields(TaskConfig, "predict")[-1].heading
        'Reading sequences'
    """

    name: str
    heading: str
    description: str
    accepts: str
    default: object


def describe_fields(config_class: type[Config], task: str) -> list[FieldWords]:
    """Describe every field of a configuration, the task's own first.

    Args:
        config_class: The class.
        task: Name of the task it belongs to.

    Example:
        >>> words = describe_fields(TaskConfig, "predict")
        >>> [word.accepts for word in words if word.name in ("steps", "precision", "holdout")]
        ['a number, at least 0, below 1', 'a whole number, at least 1', 'one of "fp32", "bf16", "fp16"']
    """
    described = [
        FieldWords(
            name,
            _heading(config_class, name, task),
            field.description or "",
            _accepts(field),
            _as_json(field.default),
        )
        for name, field in config_class.model_fields.items()
    ]
    order = [f"The task {task}", *reversed(_HEADINGS.values())]
    return sorted(described, key=lambda words: order.index(words.heading))


def to_template(config_class: type[Config], task: str) -> str:
    """Write a TOML file with every field as a comment: what it is, what it takes, its default.

    A line counts once its `#` is taken away; all others stay at their defaults.

    Args:
        config_class: The class.
        task: Name of the task it belongs to, which becomes the table's.

    Example:
        >>> text = to_template(TaskConfig, "predict")
        >>> "#steps = 2000" in text.splitlines()
        True
    """
    lines = [
        f"# Configuration of seqimg {task}. Take the # away from a key to set it.",
        f"# To train with it: seqimg {task} train --config THIS_FILE",
        "",
        f"[{task}]",
    ]
    heading = ""
    for words in describe_fields(config_class, task):
        if words.heading != heading:
            heading = words.heading
            lines += ["", f"# ---- {heading} ----"]
        lines += ["", *_comment(words.description), *_comment(f"Takes {words.accepts}.")]
        if words.default is None:
            lines.append(f"#{words.name} =  # not set by default")
        else:
            lines.append(f"#{words.name} = {json.dumps(words.default, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _heading(config_class: type[Config], name: str, task: str) -> str:
    home = next(base for base in reversed(config_class.__mro__) if name in inspect.get_annotations(base))
    return _HEADINGS.get(home, f"The task {task}")


def _accepts(field: FieldInfo) -> str:
    kinds = [kind for kind in _alternatives(field.annotation) if kind is not NoneType]
    limits = [
        f"{word} {getattr(bound, attribute):g}"
        for bound in field.metadata
        for attribute, word in _BOUNDS
        if hasattr(bound, attribute)
    ]
    counts = [f"at most {bound.max_length}" for bound in field.metadata if hasattr(bound, "max_length")]
    return ", ".join([" or ".join(map(_kind, kinds)), *limits, *counts])


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(json.dumps, get_args(kind)))}"
    if get_origin(kind) in (tuple, list):
        inner = get_args(kind)[0] if get_args(kind) else str
        return {int: "a list of whole numbers", float: "a list of numbers"}.get(inner, "a list of words")
    return _KINDS.get(kind, "a value")


def _as_json(default: object) -> object:
    return list(default) if isinstance(default, tuple) else default
