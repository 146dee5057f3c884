"""A model's state as a flat list of named tensors, which is all that a graph can carry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seqimg.errors import SeqimgError

__all__ = ["StateLayout"]


class StateLayout:
    """How a state is nested, and a name for each tensor in it.

    Args:
        state: A state as the model returns it: tensors in tuples, lists, dicts or dataclasses; None may stand anywhere.

    Attributes:
        names: One for each tensor, `state_` and the way to it.

    Raises:
        SeqimgError: There is something else in it.

    Example:
        >>> layout = StateLayout({"levels": (torch.zeros(1, 2), torch.zeros(1, 3)), "last": torch.zeros(1)})
        >>> layout.names
        ('state_levels_0', 'state_levels_1', 'state_last')
        >>> layout.restored([torch.ones(1), torch.ones(1), torch.ones(1)])["last"]
        tensor([1.])
    """

    def __init__(self, state: Any) -> None:
        self._like = state
        self.names = tuple("_".join(["state", *way]) for way, _ in _leaves(state))

    def flat(self, state: Any) -> list[Tensor]:
        """Return the tensors of a state, in the order of `names`.

        Args:
            state: A state nested as that of the layout.

        Raises:
            SeqimgError: It is nested otherwise.
        """
        found = list(_leaves(state))
        if tuple("_".join(["state", *way]) for way, _ in found) != self.names:
            raise SeqimgError(
                "the model's state changes its form from frame to frame", why="a graph has one form"
            )
        return [tensor for _, tensor in found]

    def restored(self, tensors: Sequence[Tensor]) -> Any:
        """Return a state of these tensors.

        Args:
            tensors: One for each of `names`.
        """
        return _filled(self._like, iter(tensors))

    def zeros(self) -> list[Tensor]:
        """Return zeros like the tensors of the state that the layout was made from."""
        return [torch.zeros_like(tensor) for _, tensor in _leaves(self._like)]


def _leaves(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    if isinstance(value, Tensor):
        yield way, value
        return
    for name, item in _items(value):
        yield from _leaves(item, (*way, name))


def _items(value: Any) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, tuple | list):
        return [(str(number), item) for number, item in enumerate(value)]
    if isinstance(value, Mapping):
        return [("".join(c if c.isalnum() else "_" for c in str(key)), item) for key, item in value.items()]
    raise SeqimgError(
        f"the model's state holds a {type(value).__name__}, which no graph can carry",
        why="it may hold tensors, in tuples, lists, dicts or dataclasses",
    )


def _filled(like: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(like, Tensor):
        return next(tensors)
    if like is None:
        return None
    items = [_filled(item, tensors) for _, item in _items(like)]
    if is_dataclass(like) and not isinstance(like, type):
        return replace(like, **dict(zip([field.name for field in fields(like)], items, strict=True)))
    if isinstance(like, Mapping):
        return dict(zip(like, items, strict=True))
    return type(like)(*items) if hasattr(like, "_fields") else type(like)(items)
