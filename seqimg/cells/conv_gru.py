r"""ConvGRU: the gated recurrent unit with convolutions in place of matrix products.

With `*` a zero-padded convolution, `⊙` the elementwise product, σ the logistic function and φ the
activation:

$$
\begin{aligned}
r &= σ(W_{xr} * x + W_{hr} * h + b_r) \\
z &= σ(W_{xz} * x + W_{hz} * h + b_z) \\
n &= φ(W_{xn} * x + W_{hn} * (r ⊙ h) + b_n) && \text{reset before (default)} \\
n &= φ(W_{xn} * x + b_n + r ⊙ (W_{hn} * h + b_{hn})) && \text{reset after} \\
h' &= h + z ⊙ (n - h)
\end{aligned}
$$

so that z = 1 takes the new value. Reset *before* the convolution is the form of Ballas et al.,
"Delving Deeper into Convolutional Networks for Learning Video Representations" (ICLR 2016, §3.1)
and of most public ConvGRU code; reset *after* is the form of `torch.nn.GRU` and of Shi et al.,
"Deep Learning for Precipitation Nowcasting" (NIPS 2017, eq. 2), where φ is leaky with slope 0.2.

Parameters, gates always in the order r, z, n; g is the number of groups:

| name | shape | |
|---|---|---|
| `weight_x` | `[3C, X / g, kh, kw]` | absent when the cell has no input (X = 0) |
| `weight_h` | `[3C, C / g, kh', kw']` | |
| `bias_x` | `[3C]` | |
| `bias_h` | `[3C]` | reset after only: under reset before it would merge with `bias_x` |

The state is h. `conv_gru_lite` is the same cell with other defaults: a spatial convolution of the
input and 1 × 1 gates on the state. Zhang et al., "Attention in Convolutional LSTM for Gesture
Recognition" (NeurIPS 2018) found that spatial convolutions inside the gates contribute little.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seqimg.cells.base import Cell, Weights, spread
from seqimg.cells.convolution import Convolution
from seqimg.cells.gating import ACTIVATIONS, RESETS, Activation, Reset, gru_update
from seqimg.cells.options import Pair, check_choice, check_groups, dilation, odd_size, pair

__all__ = ["ConvGRUCell", "ConvGRULiteCell"]


@dataclass(frozen=True)
class ConvGRUCell(Cell):
    """The ConvGRU cell; the equations are in [seqimg.cells.conv_gru][].

    Sizes and dilations are one number or (height, width); the cell keeps them as pairs.

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, channels of the state and of the output.
        kernel_size: Odd size of the convolutions of the state.
        input_kernel_size: Odd size of the convolutions of the input, None for the same.
        dilation: Dilation of the convolutions of the state.
        input_dilation: Dilation of the convolutions of the input.
        groups: Blocks that the channels of the input, of the state and of each gate fall into.
        reset: Whether r gates the state before or after the candidate's convolution.
        activation: φ: `"tanh"`, `"relu"` or `"leaky"` (slope 0.2).

    Raises:
        UsageError: An option is impossible.

    Example:
        >>> import torch
        >>> cell = ConvGRUCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: torch.zeros(shape) for name, shape in cell.shapes().items()}
        >>> state = torch.ones(1, 4, 8, 8)
        >>> projected = cell.project(torch.ones(1, 2, 8, 8), weights)
        >>> float(cell.step(projected, state, weights).mean())  # z = 1/2, n = 0
        0.5
    """

    name: ClassVar[str] = "conv_gru"
    family: ClassVar[str] = "conv_gru"

    kernel_size: Pair = 3
    input_kernel_size: Pair | None = None
    dilation: Pair = 1
    input_dilation: Pair = 1
    groups: int = 1
    reset: Reset = "before"
    activation: Activation = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        size = odd_size(self.name, "kernel_size", self.kernel_size)
        given = size if self.input_kernel_size is None else self.input_kernel_size
        self._settle(
            kernel_size=size,
            input_kernel_size=odd_size(self.name, "input_kernel_size", given),
            dilation=dilation(self.name, "dilation", self.dilation),
            input_dilation=dilation(self.name, "input_dilation", self.input_dilation),
        )
        check_groups(self.name, self.groups, self.input_channels, self.hidden_channels)
        check_choice(self.name, "reset", self.reset, RESETS)
        check_choice(self.name, "activation", self.activation, ACTIVATIONS)

    @property
    def convolution_x(self) -> Convolution:
        """How the input is convolved."""
        size = self.kernel_size if self.input_kernel_size is None else self.input_kernel_size
        return Convolution(pair(size), pair(self.input_dilation), self.groups)

    @property
    def convolution_h(self) -> Convolution:
        """How the state is convolved."""
        return Convolution(pair(self.kernel_size), pair(self.dilation), self.groups)

    @property
    def projected_channels(self) -> int:
        """Channels of r, z, n."""
        return 3 * self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        gates = 3 * self.hidden_channels
        shapes: dict[str, tuple[int, ...]] = {}
        if self.input_channels:
            shapes["weight_x"] = self.convolution_x.shape(gates, self.input_channels)
        shapes["weight_h"] = self.convolution_h.shape(gates, self.hidden_channels)
        shapes["bias_x"] = (gates,)
        if self.reset == "after":
            shapes["bias_h"] = (gates,)
        return shapes

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `W_x * x + b_x`, `[N, 3C, H, W]`, for frames `x [N, X, H, W]`."""
        if self.input_channels == 0:
            return spread(weights["bias_x"], x)
        return self.convolution_x(x, weights["weight_x"], weights["bias_x"], gates=3)

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C, H, W]` from the projection `[B, 3C, H, W]` and the state."""
        c = self.hidden_channels
        weight_rz, weight_n = weights["weight_h"].split([2 * c, c])
        bias_rz, bias_n = weights["bias_h"].split([2 * c, c]) if self.reset == "after" else (None, None)
        return gru_update(
            projected,
            state,
            gates=lambda h: self.convolution_h(h, weight_rz, bias_rz, gates=2),
            candidate=lambda h: self.convolution_h(h, weight_n, bias_n),
            reset=self.reset,
            activation=self.activation,
        )


@dataclass(frozen=True)
class ConvGRULiteCell(ConvGRUCell):
    """The ConvGRU cell that looks around in its input only; see [seqimg.cells.conv_gru][].

    It is [ConvGRUCell][seqimg.cells.conv_gru.ConvGRUCell] with 1 × 1 convolutions of the state: at
    X = C it has 10/18 of the weights and of the multiplications.

    Example:
        >>> cell = ConvGRULiteCell(input_channels=2, hidden_channels=4)
        >>> cell.shapes()["weight_x"], cell.shapes()["weight_h"]
        ((12, 2, 3, 3), (12, 4, 1, 1))
    """

    name: ClassVar[str] = "conv_gru_lite"

    kernel_size: Pair = 1
    input_kernel_size: Pair | None = 3
