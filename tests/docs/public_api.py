"""Everything that is public, name by name: `make api` writes it to docs/reference/public-api.txt.

Public are the names in `__all__` of the modules below. A test compares the file with what the code says, so that no
name appears, changes or goes without somebody having seen it.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_origin

__all__ = ["LISTING", "MODULES", "listing"]

LISTING = Path(__file__).parents[2] / "docs" / "reference" / "public-api.txt"

MODULES = (
    "seqimg",
    "seqimg.errors",
    "seqimg.plugins",
    "seqimg.plugins.hookspecs",
    "seqimg.config",
    "seqimg.cells",
    "seqimg.cells.base",
    "seqimg.cells.options",
    "seqimg.cells.conv_gru",
    "seqimg.cells.sep_conv_gru",
    "seqimg.cells.depthwise_conv_gru",
    "seqimg.cells.min_conv_gru",
    "seqimg.cells.conv_lstm",
    "seqimg.cells.traj_gru",
    "seqimg.cells.gru",
    "seqimg.cells.lstm",
    "seqimg.cells.importing",
    "seqimg.kernels",
    "seqimg.nn",
    "seqimg.nn.backbones",
    "seqimg.nn.features",
    "seqimg.nn.matching",
    "seqimg.sequences",
    "seqimg.sequences.base",
    "seqimg.sequences.limits",
    "seqimg.sequences.prepared",
    "seqimg.sequences.values",
    "seqimg.data",
    "seqimg.data.classes",
    "seqimg.data.generators",
    "seqimg.data.generators.generator",
    "seqimg.data.layouts",
    "seqimg.data.transforms",
    "seqimg.task",
    "seqimg.streaming",
    "seqimg.modelfolder",
    "seqimg.rows",
    "seqimg.panels",
    "seqimg.drawing",
    "seqimg.cuts",
    "seqimg.masking",
    "seqimg.wording",
    "seqimg.publish",
    "seqimg.cli.output",
    "seqimg.testing",
    "seqimg.testing.fixtures",
    "seqimg.testing.tolerances",
)


def listing() -> str:
    """Return the listing: one line a name, members of classes below them."""
    homes: dict[int, str] = {}
    lines = [line for name in MODULES for line in _of_module(import_module(name), homes)]
    return "\n".join(lines) + "\n"


def _of_module(module: ModuleType, homes: dict[int, str]) -> Iterator[str]:
    for name in sorted(module.__all__):
        value, path = getattr(module, name), f"{module.__name__}.{name}"
        if hasattr(value, "__module__") and homes.setdefault(id(value), path) != path:
            yield f"{path} = {homes[id(value)]}"
        else:
            yield from _of_value(path, value)


def _of_value(path: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value) and get_origin(value) is None:
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"{path}: class({bases})"
        yield from sorted(f"    {line}" for line in _members(value))
    elif callable(value) and hasattr(value, "__name__"):
        yield f"{path}{_signature(value)}"
    else:
        yield f"{path}: {type(value).__name__}"


def _members(value: type) -> Iterator[str]:
    if is_dataclass(value):
        known = {field.name for field in fields(value)}
        yield from (f".{field.name}: {_plain(field.type)}" for field in fields(value))
    elif "model_fields" in dir(value):
        known = set(value.model_fields)  # type: ignore[attr-defined] # pydantic
        yield from (f".{name}: {_plain(f.annotation)}" for name, f in value.model_fields.items())  # type: ignore[attr-defined] # pydantic
    else:
        known = set()
        if "__init__" in vars(value):
            yield f".__init__{_signature(vars(value)['__init__'])}"
    for name, member in vars(value).items():
        if name.startswith("_") or name in known or name.startswith("model_"):
            continue
        inner = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        if inspect.isfunction(inner):
            yield f".{name}{_signature(inner)}"
        elif isinstance(member, property):
            yield f".{name}: property"


def _signature(value: Any) -> str:
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return "(...)"
    shown, starred = [], False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not starred:
            shown.append("*")
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        shown.append(f"{star}{one.name}" + ("" if one.default is one.empty else "="))
    return f"({', '.join(shown)})"


def _plain(annotation: object) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"(?:\w+\.)+(\w+)", r"\1", text)


if __name__ == "__main__":
    LISTING.write_text(listing(), encoding="utf-8")
    print(f"Wrote {LISTING}", file=sys.stderr)
