"""How the shapes of a step's tensors follow from the frames': found out by trying."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from seqimg.export.steps import Step

__all__ = ["Side", "Shape", "shapes_of", "sized"]

_BASE = 64
_PROBES = (65, 66, 68, 72, 80, 96, 127, 128)
_STEPS, _TIMES = range(1, 129), range(1, 33)


@dataclass(frozen=True)
class Side:
    """A length that follows from one of the frames'.

    Attributes:
        of: `batch`, `height` or `width`.
        step: It is ⌈that / step⌉ · times.
        times: See `step`.

    Example:
        >>> str(Side("height", 8, 2)), Side("height", 8, 2).length({"height": 30})
        ('ceil(height/8)*2', 8)
    """

    of: str
    step: int = 1
    times: int = 1

    def __str__(self) -> str:
        divided = f"ceil({self.of}/{self.step})" if self.step > 1 else self.of
        return f"{divided}*{self.times}" if self.times > 1 else divided

    def length(self, sizes: Mapping[str, int]) -> int:
        """Return the length.

        Args:
            sizes: Values of `batch`, `height` and `width`.
        """
        return -(-sizes[self.of] // self.step) * self.times


Shape = tuple[int | Side, ...]
"""A tensor's shape: numbers, and lengths that follow from the frames'."""


def sized(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return a shape in numbers.

    Args:
        shape: The shape.
        sizes: Values of `batch`, `height` and `width`.

    Example:
        >>> sized((Side("batch"), 3, Side("height", 4)), {"batch": 2, "height": 9, "width": 9})
        (2, 3, 3)
    """
    return tuple(side if isinstance(side, int) else side.length(sizes) for side in shape)


@torch.no_grad()
def shapes_of(step: Step, fixed: tuple[int, int] | None) -> list[Shape] | None:
    """Return the shapes of a step's outputs and of its state's tensors, None if they follow no simple rule.

    Args:
        step: The step.
        fixed: Height and width of the frames, if only those will do.
    """
    height, width = fixed or (_BASE, _BASE)
    tried = [{"batch": 1, "height": height, "width": width}, {"batch": 3, "height": height, "width": width}]
    if fixed is None:
        tried += [{**tried[0], axis: length} for axis, length in product(("height", "width"), _PROBES)]
    try:
        found = [_shapes(step, sizes) for sizes in tried]
    except Exception:  # noqa: BLE001 -- a plugin's model may refuse a size: then it takes not any
        return None
    if len({tuple(map(len, shapes)) for shapes in found}) != 1:
        return None
    rules = [
        tuple(_rule([shapes[tensor][axis] for shapes in found], tried) for axis in range(len(first)))
        for tensor, first in enumerate(found[0])
    ]
    if any(side is None for shape in rules for side in shape):
        return None
    return [tuple(side for side in shape if side is not None) for shape in rules]


def _shapes(step: Step, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
    frames = torch.zeros(sizes["batch"], 1, step.channels, sizes["height"], sizes["width"])
    outputs, state = step.module(frames, None)
    tensors: list[Tensor] = [outputs, *step.layout.flat(state)]
    return [tuple(tensor.shape) for tensor in tensors]


def _rule(lengths: Sequence[int], tried: Sequence[Mapping[str, int]]) -> int | Side | None:
    if len(set(lengths)) == 1:
        return lengths[0]

    def fits(side: Side) -> bool:
        return [side.length(sizes) for sizes in tried] == list(lengths)

    sides = (Side(of, *rule) for of in ("batch", "height", "width") for rule in product(_STEPS, _TIMES))
    return next((side for side in sides if fits(side)), None)
