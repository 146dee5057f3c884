"""The contract that every cell follows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import torch
from torch import Tensor

from seqimg.cells.options import check_channels

__all__ = ["Cell", "Weights", "spread"]

Weights = Mapping[str, Tensor]
"""A cell's parameters by canonical name: `weight_x`, `weight_h`, `bias_x`, …"""


@dataclass(frozen=True)
class Cell(ABC):
    """The mathematics of one recurrent step: parameters, state, equations.

    A cell holds no tensors. It says which parameters it needs and computes with those it is
    given, so that the same equations serve fp64 checks, kernels' references and the layers. Cells
    are hashable and equal when all their options are: a choice of kernel may depend on them.

    The step is split in two because the split is where speed comes from: `project` is the share
    of the input, which no state touches and a kernel may therefore compute for all frames at once;
    `step` is the rest. What `project` returns are plain pre-activations: a map added to them, per
    gate and pixel, is what layers call `gate_bias`.

    A subclass is a frozen dataclass too. It adds its options as fields, checks them in
    `__post_init__` (after `super().__post_init__()`) and fills in the abstract methods.

    Attributes:
        name: How users call the cell, in errors too.
        family: The cell whose kernels can compute it; a variant that only has other defaults names the
            cell that it is a variant of.
        rank: Axes of a frame beside its channels: 2 for pictures, 0 for feature vectors.

    Args:
        input_channels: X, channels of a frame; 0 for a cell that is driven by its state alone.
        hidden_channels: C, channels of the output.

    Raises:
        UsageError: A number of channels is impossible.

    Example:
        >>> from dataclasses import dataclass
        >>> from typing import ClassVar
        >>> @dataclass(frozen=True)
        ... class Average(Cell):
        ...     name: ClassVar[str] = "average"
        ...     family: ClassVar[str] = "average"
        ...     @property
        ...     def projected_channels(self):
        ...         return self.hidden_channels
        ...     def shapes(self):
        ...         return {"weight_x": (self.hidden_channels, self.input_channels)}
        ...     def project(self, x, weights):
        ...         return torch.einsum("nxhw,cx->nchw", x, weights["weight_x"])
        ...     def step(self, projected, state, weights):
        ...         return (state + projected) / 2
        >>> cell = Average(input_channels=1, hidden_channels=2)
        >>> weights = {name: cell.initial(name) for name in cell.shapes()}
        >>> projected = cell.project(torch.rand(1, 1, 4, 4), weights)
        >>> cell.output(cell.step(projected, torch.zeros(1, 2, 4, 4), weights)).shape
        torch.Size([1, 2, 4, 4])
    """

    name: ClassVar[str]
    family: ClassVar[str]
    rank: ClassVar[int] = 2

    input_channels: int
    hidden_channels: int

    def __post_init__(self) -> None:
        check_channels(self.name, self.input_channels, self.hidden_channels)

    def _settle(self, **options: object) -> None:
        """Store options in the one form that equal cells share; only for `__post_init__`."""
        for option, value in options.items():
            object.__setattr__(self, option, value)

    @property
    def state_channels(self) -> int:
        """S, channels of the one tensor that carries the state, `[B, S, H, W]`."""
        return self.hidden_channels

    @property
    @abstractmethod
    def projected_channels(self) -> int:
        """P, channels of what `project` returns."""

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""

    def fan_in(self, name: str) -> int:
        """Return the number of values that one output of parameter `name` sums over."""
        return prod(self.shapes()[name][1:])

    def initial(self, name: str) -> Tensor:
        """Return a fresh value of parameter `name`, fp32.

        Weights are uniform with variance 1 / fan-in, which gives gates of unit scale; vectors
        (biases, peepholes) are zero, which leaves the gates half open.

        It is of the shape that `shapes()` gives.
        """
        value = torch.zeros(self.shapes()[name])
        if value.ndim > 1 and value.numel():  # a cell without input has no weights of it
            bound = (3.0 / self.fan_in(name)) ** 0.5
            value.uniform_(-bound, bound)
        return value

    @abstractmethod
    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return the input's share of the pre-activations.

        Args:
            x: Frames `[N, X, H, W]`, `[N, X]` for rank 0.
            weights: The parameters, in the frames' dtype.

        Returns:
            `[N, P, H, W]`, `[N, P]` for rank 0. It may be a view that repeats one value: never
            write into it.
        """

    @abstractmethod
    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state.

        Args:
            projected: One frame's projection `[B, P, H, W]`, `[B, P]` for rank 0.
            state: The state before it `[B, S, H, W]`, `[B, S]` for rank 0.
            weights: The parameters, in the state's dtype.

        Returns:
            The state after it, of the same shape.
        """

    def output(self, state: Tensor) -> Tensor:
        """Return what the layer above sees of the state, `[B, C, H, W]`: here, all of it.

        Args:
            state: The state after a step, `[B, S, H, W]`.
        """
        return state


def spread(bias: Tensor, frames: Tensor) -> Tensor:
    """Return `bias [P]` at every pixel of frames `[N, 0, H, W]` that have no channels: `[N, P, H, W]`.

    Args:
        bias: `[P]`, one number a channel.
        frames: `[N, 0, H, W]`, of which only the size is looked at; `[N, 0]` for rank 0.

    Example:
        >>> spread(torch.ones(6), torch.empty(5, 0, 3, 4)).shape
        torch.Size([5, 6, 3, 4])
    """
    spatial = frames.shape[2:]
    return bias.view(1, -1, *(1 for _ in spatial)).expand(frames.shape[0], -1, *spatial)
