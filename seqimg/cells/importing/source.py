"""Weights of another project: which keys they have, which they should have, and what the sizes are.

A layout names each key and its axes, for example `{"conv.weight": ("4C", "X+C", "kh", "kw")}`. The sizes
are read off the shapes; every key then has to agree with them. A `?` behind a key marks it as optional:
either all optional keys are there or none is.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqimg.cells.base import Cell
from seqimg.errors import SeqimgError

__all__ = ["Imported", "Layout", "MisfitError", "Sizes", "Source"]

Layout = Mapping[str, tuple[str, ...]]
"""Axes by key; an axis is a sum of products of numbers and sizes: `"3"`, `"2C"`, `"X+C"`, `"kh*kw*X"`."""

Sizes = dict[str, int]
_FACTOR = re.compile(r"(\d*)([A-Za-z]*)")
_LISTED = 6


class Imported(NamedTuple):
    """A cell and its parameters by canonical name.

    Attributes:
        cell: The cell, with the options that the weights imply.
        weights: Its parameters, of the shapes that `cell.shapes()` gives.

    Example:
        >>> import torch
        >>> from seqimg.cells.importing import import_cell
        >>> import_cell("torch_gru", torch.nn.GRU(3, 4).state_dict()).cell.hidden_channels
        4
    """

    cell: Cell
    weights: dict[str, Tensor]


class MisfitError(SeqimgError):
    """The keys or shapes are not those of the kind."""


class Source:
    """The entries of a state dict that an importer may read.

    Args:
        kind: What they are read as, for messages.
        entries: Tensors or arrays by key.
        place: The prefix that was taken off the keys, for messages.
    """

    def __init__(self, kind: str, entries: Mapping[str, Any], place: str = "") -> None:
        self.kind = kind
        self.entries = entries
        self.place = place

    def fit(self, layout: Layout) -> tuple[dict[str, Tensor], Sizes]:
        """Return copies of the tensors of the layout, of one dtype, and the sizes that they agree on.

        Optional keys that are missing are missing in the answer too.

        Raises:
            MisfitError: Keys are missing, surplus or misshapen; all are named.
            SeqimgError: A value is not a tensor of finite floating-point numbers.
        """
        wanted = {key.rstrip("?"): axes for key, axes in layout.items()}
        optional = {key[:-1] for key in layout if key.endswith("?")}
        if not optional & self.entries.keys():
            wanted = {key: axes for key, axes in wanted.items() if key not in optional}
        tensors = {key: self.tensor(key) for key in wanted if key in self.entries}
        sizes = _solve(tensors, wanted)
        problems = {
            "missing": [key for key in wanted if key not in self.entries],
            "surplus": [key for key in self.entries if key not in wanted],
            "misshapen": list(_misshapen(tensors, wanted, sizes)),
        }
        if any(problems.values()):
            told = [f"{problem}: {_listed(keys)}" for problem, keys in problems.items() if keys]
            raise MisfitError(f"these are not the weights of a {self.kind} cell", why="; ".join(told))
        self._check_numbers(tensors)
        return _copies(tensors), sizes

    def tensor(self, key: str) -> Tensor:
        """Return one entry as it is.

        Raises:
            SeqimgError: It is neither a tensor nor an array.
        """
        value = self.entries[key]
        try:
            return value if isinstance(value, Tensor) else torch.tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise SeqimgError(
                f"cannot import {self.kind} weights",
                why=f"{key} is a {type(value).__name__}, not a tensor or an array of numbers",
            ) from error

    def _check_numbers(self, tensors: Mapping[str, Tensor]) -> None:
        integers = [key for key, tensor in tensors.items() if not tensor.is_floating_point()]
        if integers:
            raise SeqimgError(
                f"cannot import {self.kind} weights",
                why=f"they are not floating-point numbers: {_listed(integers)}",
            )
        broken = [key for key, tensor in tensors.items() if not torch.isfinite(tensor).all()]
        if broken:
            raise SeqimgError(
                f"cannot import {self.kind} weights", why=f"NaN or infinity in {_listed(broken)}"
            )


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    dtype = next(iter(tensors.values())).dtype
    for tensor in tensors.values():
        dtype = torch.promote_types(dtype, tensor.dtype)
    return {key: tensor.detach().to(dtype, copy=True) for key, tensor in tensors.items()}


def _terms(axis: str) -> list[tuple[int, list[str]]]:
    """Return what an axis sums: (number, names of the sizes it is multiplied with)."""
    sums = []
    for term in axis.split("+"):
        factors = [match.groups() for match in map(_FACTOR.fullmatch, term.split("*")) if match]
        sums.append((prod(int(number or 1) for number, _ in factors), [name for _, name in factors if name]))
    return sums


def _solve(tensors: Mapping[str, Tensor], layout: Layout) -> Sizes:
    """Return the sizes that most axes agree on, so that one odd tensor is the one that is blamed."""
    sizes: Sizes = {}
    while votes := dict(_votes(tensors, layout, sizes)):
        sizes |= {name: counter.most_common(1)[0][0] for name, counter in votes.items()}
    return sizes


def _votes(tensors: Mapping[str, Tensor], layout: Layout, sizes: Sizes) -> Iterator[tuple[str, Counter[int]]]:
    votes: dict[str, Counter[int]] = {}
    for key, tensor in tensors.items():
        if tensor.ndim != len(layout[key]):
            continue
        for axis, length in zip(layout[key], tensor.shape, strict=True):
            terms = _terms(axis)
            unknown = [term for term in terms if any(name not in sizes for name in term[1])]
            if len(unknown) != 1 or len(unknown[0][1]) != 1:
                continue
            number, (name,) = unknown[0]
            known = sum(n * prod(sizes[s] for s in names) for n, names in terms if names != [name])
            value, rest = divmod(length - known, number)
            if rest == 0 and value > 0:
                votes.setdefault(name, Counter())[value] += 1
    yield from votes.items()


def _misshapen(tensors: Mapping[str, Tensor], layout: Layout, sizes: Sizes) -> Iterator[str]:
    for key, tensor in tensors.items():
        wanted = tuple(_length(axis, sizes) for axis in layout[key])
        if tuple(tensor.shape) != wanted:
            yield f"{key} is {_shape(tensor.shape)}, not {_shape(wanted)} = {_shape(layout[key])}"


def _length(axis: str, sizes: Sizes) -> int | str:
    terms = _terms(axis)
    if any(name not in sizes for _, names in terms for name in names):
        return axis
    return sum(number * prod(sizes[name] for name in names) for number, names in terms)


def _shape(lengths: tuple[int | str, ...] | torch.Size) -> str:
    return f"[{', '.join(str(length) for length in lengths)}]"


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(keys[:_LISTED]) + more
