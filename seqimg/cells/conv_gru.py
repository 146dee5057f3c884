r"""ConvGRU: the gated recurrent unit with convolutions in place of matrix products.

With `*` a zero-padded convolution, `⊙` the elementwise product and σ the logistic function:

$$
\begin{aligned}
r &= σ(W_{xr} * x + W_{hr} * h + b_r) \\
z &= σ(W_{xz} * x + W_{hz} * h + b_z) \\
n &= \tanh(W_{xn} * x + W_{hn} * (r ⊙ h) + b_n) && \text{reset before (default)} \\
n &= \tanh(W_{xn} * x + b_n + r ⊙ (W_{hn} * h + b_{hn})) && \text{reset after} \\
h' &= h + z ⊙ (n - h)
\end{aligned}
$$

so that z = 1 takes the new value. Reset *before* the convolution is the form of Ballas et al.,
"Delving Deeper into Convolutional Networks for Learning Video Representations" (ICLR 2016, §3.1)
and of most public ConvGRU code; reset *after* is the form of `torch.nn.GRU` and of Shi et al.,
"Deep Learning for Precipitation Nowcasting" (NIPS 2017, eq. 2).

Parameters, gates always in the order r, z, n:

| name | shape | |
|---|---|---|
| `weight_x` | `[3C, X, k, k]` | absent when the cell has no input (X = 0) |
| `weight_h` | `[3C, C, k, k]` | |
| `bias_x` | `[3C]` | |
| `bias_h` | `[3C]` | reset after only: under reset before it would merge with `bias_x` |
"""

from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.cells.base import Weights
from seqimg.errors import UsageError

__all__ = ["ConvGRUCell"]

Reset = Literal["before", "after"]


@dataclass(frozen=True)
class ConvGRUCell:
    """The ConvGRU cell; the equations are in [seqimg.cells.conv_gru][].

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, channels of the state and of the output.
        kernel_size: Odd side of all convolutions.
        reset: Whether r gates the state before or after the candidate's convolution.

    Raises:
        UsageError: A size is not positive, the kernel size is even or `reset` is unknown.

    Example:
        >>> import torch
        >>> cell = ConvGRUCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: torch.zeros(shape) for name, shape in cell.shapes().items()}
        >>> state = torch.ones(1, 4, 8, 8)
        >>> projected = cell.project(torch.ones(1, 2, 8, 8), weights)
        >>> float(cell.step(projected, state, weights).mean())  # z = 1/2, n = 0
        0.5
    """

    input_channels: int
    hidden_channels: int
    kernel_size: int = 3
    reset: Reset = "before"

    def __post_init__(self) -> None:
        if self.input_channels < 0 or self.hidden_channels < 1:
            raise UsageError(
                f"conv_gru cannot have {self.input_channels} input and {self.hidden_channels} hidden channels",
                why="the input needs 0 or more channels, the state at least 1",
            )
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise UsageError(
                f"conv_gru cannot use kernel_size={self.kernel_size}",
                why="only odd kernels keep the size of the picture",
                hint=f"kernel_size={max(1, self.kernel_size - 1) | 1}",
            )
        if self.reset not in get_args(Reset):
            raise UsageError(f"conv_gru has no reset={self.reset!r}", why="it is 'before' or 'after'")

    @property
    def state_channels(self) -> int:
        """Channels of the state."""
        return self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by canonical name."""
        gates, kernel = 3 * self.hidden_channels, (self.kernel_size, self.kernel_size)
        shapes: dict[str, tuple[int, ...]] = {}
        if self.input_channels:
            shapes["weight_x"] = (gates, self.input_channels, *kernel)
        shapes["weight_h"] = (gates, self.hidden_channels, *kernel)
        shapes["bias_x"] = (gates,)
        if self.reset == "after":
            shapes["bias_h"] = (gates,)
        return shapes

    def fan_in(self, name: str) -> int:
        """Number of values that one output of parameter `name` sums over."""
        return prod(self.shapes()[name][1:])

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `W_x * x + b_x`, `[N, 3C, H, W]`, for frames `x [N, X, H, W]`."""
        if self.input_channels == 0:
            shape = (x.shape[0], -1, *x.shape[-2:])
            return weights["bias_x"].view(1, -1, 1, 1).expand(shape)
        return conv2d(x, weights["weight_x"], weights["bias_x"], padding=self.kernel_size // 2)

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C, H, W]` from the projection `[B, 3C, H, W]` and the state."""
        c, weight_h, padding = self.hidden_channels, weights["weight_h"], self.kernel_size // 2
        if self.reset == "before":
            gates = projected[:, : 2 * c] + conv2d(state, weight_h[: 2 * c], padding=padding)
            r, z = gates.sigmoid().chunk(2, dim=1)
            n = torch.tanh(projected[:, 2 * c :] + conv2d(r * state, weight_h[2 * c :], padding=padding))
        else:
            recurrent = conv2d(state, weight_h, weights["bias_h"], padding=padding)
            r, z = (projected[:, : 2 * c] + recurrent[:, : 2 * c]).sigmoid().chunk(2, dim=1)
            n = torch.tanh(projected[:, 2 * c :] + r * recurrent[:, 2 * c :])
        return state + z * (n - state)

    def output(self, state: Tensor) -> Tensor:
        """Return the state itself: a GRU shows all it remembers."""
        return state
