"""The contract that every cell follows."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

__all__ = ["Cell", "Weights"]

Weights = Mapping[str, Tensor]
"""A cell's parameters by canonical name: `weight_x`, `weight_h`, `bias_x`, …"""


class Cell(Protocol):
    """The mathematics of one recurrent step: parameters, state, equations.

    A cell holds no tensors. It says which parameters it needs and computes with those it is
    given, so that the same equations serve fp64 checks, kernels' references and the layers.

    The step is split in two because the split is where speed comes from: `project` is the share
    of the input, which no state touches and a kernel may therefore compute for all frames at once;
    `step` is the rest.
    """

    input_channels: int
    hidden_channels: int

    @property
    def state_channels(self) -> int:
        """Channels of the one tensor that carries the state, `[B, state_channels, H, W]`."""
        ...

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by canonical name."""
        ...

    def fan_in(self, name: str) -> int:
        """Number of values that one output of parameter `name` sums over, for initialisation."""
        ...

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return the input's share of the gates for frames `x [N, input_channels, H, W]`."""
        ...

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state from one frame's projection `[B, …, H, W]` and the state."""
        ...

    def output(self, state: Tensor) -> Tensor:
        """Return what the layer above sees of the state, `[B, hidden_channels, H, W]`."""
        ...
