"""What a stream remembers, as a file: tensors in the form of safetensors, what they belong to as JSON in its header."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from seqimg import __version__
from seqimg.errors import SeqimgError
from seqimg.plugins.reports import one_line, reason_of
from seqimg.publish import publish_file
from seqimg.tensorfiles import damaged, open_tensors, parse_json

__all__ = ["classes_of", "leaves", "mapped", "read_state", "write_state"]

_FORMAT = 1
_KEY = "seqimg_stream"
_MOST = 2**32  # bytes: a state is a few pictures


def classes_of(model: nn.Module) -> dict[str, type]:
    """Return the named tuples and dataclasses that a model's state may be made of, by name.

    They are those of the modules that its parts and their bases are written in. No file says what to import.
    """
    homes = {base.__module__ for part in model.modules() for base in type(part).__mro__}
    found = (item for home in sorted(homes & sys.modules.keys()) for item in vars(sys.modules[home]).values())
    return {item.__qualname__: item for item in found if isinstance(item, type) and _is_record(item)}


def write_state(
    path: Path, value: Any, model: str, known: Mapping[str, type], *, overwrite: bool = False
) -> None:
    """Write any tree of tensors, None, numbers, words, tuples, lists, dicts and dataclasses.

    Args:
        path: The file, whole or absent.
        value: The tree.
        model: Digest of the model that it is of.
        known: Classes that will be known when it is read.
        overwrite: Whether a file of that name may be replaced.

    Raises:
        SeqimgError: Something else is in it, or the file exists or cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = _Spelling(tensors, known).spelt(value)
    about = {"format": _FORMAT, "seqimg": __version__, "model": model, "tree": tree}
    content = save_tensors(tensors, {_KEY: json.dumps(about, allow_nan=False)})
    with publish_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def read_state(path: Path, model: str, known: Mapping[str, type]) -> Any:
    """Read such a tree, tensors on the CPU. Nothing in the file is executed, imported or unpickled.

    Args:
        path: The file.
        model: Digest of the model that it has to be of.
        known: Classes that may be in it, by their names.

    Raises:
        SeqimgError: It cannot be read, is damaged or too large, or of another model or a newer seqimg.
    """

    def check(size: int) -> None:
        if size > _MOST:
            raise SeqimgError(f"{path} is too large for a state", why=f"it has {size:,} bytes")

    with open_tensors(path, check) as file:
        about = _about(path, file.metadata)
        if about["model"] != model:
            raise SeqimgError(
                f"{path} is of another model",
                why=f"of weights {one_line(about['model'], 16)}, these are {model}",
            )
        try:
            tensors: dict[str, Tensor] = load_tensors(file.content())
        except SafetensorError as error:
            raise damaged(path, str(error)) from error
    try:
        return _built(about["tree"], tensors, known)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(path, f"its tree is none: {one_line(str(error), 80)}") from error


def leaves(value: Any) -> Iterator[Any]:
    """Yield what a tree holds, with tuples, lists, dicts and dataclasses taken apart."""
    if isinstance(value, Mapping):
        parts: Iterable[Any] = value.values()
    elif _is_record(type(value)):
        parts = (part for _, part in _fields(value))
    elif isinstance(value, tuple | list):
        parts = value
    else:
        yield value
        return
    for part in parts:
        yield from leaves(part)


def mapped(work: Callable[..., Any], *trees: Any) -> Any:
    """Return a tree of the first one's form, each leaf what `work` makes of the leaves there of all trees."""
    first = trees[0]
    if isinstance(first, Mapping):
        return {key: mapped(work, *(tree[key] for tree in trees)) for key in first}
    if _is_record(type(first)):
        names = [name for name, _ in _fields(first)]
        return type(first)(**{name: mapped(work, *(getattr(tree, name) for tree in trees)) for name in names})
    if isinstance(first, tuple | list):
        return type(first)(mapped(work, *parts) for parts in zip(*trees, strict=True))
    return work(*trees)


def _is_record(kind: type) -> bool:
    return is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    names = value._fields if isinstance(value, tuple) else [field.name for field in fields(value)]  # type: ignore[attr-defined]
    return ((name, getattr(value, name)) for name in names)


def _about(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        about = parse_json(metadata[_KEY].encode())
        number, writer, model = about["format"], about["seqimg"], about["model"]
        sound = type(number) is int and isinstance(writer, str) and isinstance(model, str) and "tree" in about
    except (KeyError, TypeError, ValueError, RecursionError):
        sound = False
    if not sound:
        raise SeqimgError(f"{path} is no state of a stream", why="its header says nothing of one")
    if number > _FORMAT:
        raise SeqimgError(
            f"{path} is in format {number}, this seqimg {__version__} reads up to {_FORMAT}",
            why=f"it was written by seqimg {one_line(writer, 30)}",
            hint="pip install -U seqimg",
        )
    found: dict[str, Any] = about
    return found


class _Spelling:
    """Turns a tree into JSON, and puts its tensors aside."""

    def __init__(self, tensors: dict[str, Tensor], known: Mapping[str, type]) -> None:
        self._tensors, self._known = tensors, known

    def spelt(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            name = str(len(self._tensors))
            dense = value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
            self._tensors[name] = value.detach().cpu().contiguous().clone()
            return {"tensor": name, "channels_last": True} if dense else {"tensor": name}
        if value is None or isinstance(value, bool | int | str):
            return {"value": value}
        if isinstance(value, float):
            return {"value": value} if math.isfinite(value) else {"float": str(value)}
        if self._known.get(type(value).__qualname__) is type(value):
            return {"class": type(value).__qualname__, "fields": self._pairs(_fields(value))}
        if type(value) in (tuple, list):
            return {type(value).__name__: [self.spelt(part) for part in value]}
        if isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
            return {"dict": self._pairs(value.items())}
        raise SeqimgError(
            "the state of this model cannot be saved",
            why=f"there is a {type(value).__name__} in it; tensors, None, numbers and words can be, in tuples, "
            "lists, dicts, and named tuples and dataclasses from the model's own module",
        )

    def _pairs(self, items: Iterable[tuple[Any, Any]]) -> list[list[Any]]:
        return [[name, self.spelt(part)] for name, part in items]


def _built(node: Any, tensors: Mapping[str, Tensor], known: Mapping[str, type]) -> Any:
    """Undo `_spelt`."""
    if "tensor" in node:
        return _laid_out(tensors[node["tensor"]], bool(node.get("channels_last")))
    if "value" in node:
        value = node["value"]
        if value is not None and not isinstance(value, bool | int | float | str):
            raise TypeError(f"{value!r} is no plain value")
        return value
    if "float" in node:
        return float(node["float"])
    for kind in (tuple, list):
        if kind.__name__ in node:
            return kind(_built(part, tensors, known) for part in node[kind.__name__])
    if "dict" in node:
        return {_name(key): _built(part, tensors, known) for key, part in node["dict"]}
    named = {str(key): _built(part, tensors, known) for key, part in node["fields"]}
    try:
        return known[node["class"]](**named)
    except Exception as error:  # a model's own class may refuse what it is given with anything
        raise ValueError(f"{node['class']} cannot be made of it: {reason_of(error)}") from error


def _laid_out(tensor: Tensor, channels_last: bool) -> Tensor:
    if not channels_last:
        return tensor
    if tensor.ndim != 4:
        raise ValueError(f"a tensor of {tensor.ndim} dimensions has no channels to be last")
    return tensor.contiguous(memory_format=torch.channels_last)


def _name(key: Any) -> str | int:
    if not isinstance(key, str | int):
        raise TypeError(f"{key!r} is no name")
    return key
