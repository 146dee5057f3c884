"""What a contract says when it is broken."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor

from seqimg.testing.tolerances import relative_error

__all__ = ["BrokenContractError", "SkipTest", "require", "require_close", "tensors_in"]


class BrokenContractError(AssertionError):
    """A plugin does not keep its contract; the message is a sentence for its author.

    Example:
        >>> raise BrokenContractError("leaky: the state is not finite")
        Traceback (most recent call last):
        ...
        seqimg.testing.checking.BrokenContractError: leaky: the state is not finite
    """


def require(condition: object, sentence: str) -> None:
    """Break the contract with a sentence unless a condition holds.

    Args:
        condition: What has to hold.
        sentence: What it means if it does not, for the plugin's author.

    Raises:
        BrokenContractError: It does not.

    Example:
        >>> require(1 < 2, "one is less than two")
    """
    if not condition:
        raise BrokenContractError(sentence)


def require_close(found: Tensor, wanted: Tensor, tolerance: float, sentence: str) -> None:
    """Break the contract unless two tensors have one shape and differ by no more than rounding.

    Args:
        found: What came out, of any shape.
        wanted: What should have, of the same shape.
        tolerance: Largest difference, as a share of the largest value wanted.
        sentence: What it means if they differ; shapes or the difference are added.

    Raises:
        BrokenContractError: They differ, or one holds values that are not finite.

    Example:
        >>> require_close(torch.ones(2), torch.ones(2), 1e-6, "ones are ones")
    """
    require(found.shape == wanted.shape, f"{sentence}: shape {tuple(found.shape)}, not {tuple(wanted.shape)}")
    if not found.numel():
        return
    if not (found.is_floating_point() or found.is_complex()):
        require(torch.equal(found, wanted), f"{sentence}: whole numbers differ")
        return
    require(bool(torch.isfinite(found).all()), f"{sentence}: there are values that are not finite")
    error = relative_error(found, wanted)
    require(
        error <= tolerance, f"{sentence}: off by {error:.2g} of the largest value, {tolerance:.2g} allowed"
    )


def tensors_in(value: Any, path: str = "state") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in nested tuples, lists, dicts and dataclasses, with where it is.

    Example:
        >>> [(path, tensor.shape) for path, tensor in tensors_in({"h": (torch.zeros(2),)})]
        [('state.h.0', torch.Size([2]))]
    """
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from tensors_in(part, f"{path}.{name}")
    elif isinstance(value, tuple | list):
        for number, part in enumerate(value):
            yield from tensors_in(part, f"{path}.{number}")
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from tensors_in(getattr(value, field.name), f"{path}.{field.name}")
