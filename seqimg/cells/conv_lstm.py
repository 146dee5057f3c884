r"""ConvLSTM: the long short-term memory with convolutions in place of matrix products.

$$
\begin{aligned}
i &= σ(W_{xi} * x + W_{hi} * h + p_i ⊙ c + b_i) \\
f &= σ(W_{xf} * x + W_{hf} * h + p_f ⊙ c + b_f) \\
g &= \tanh(W_{xg} * x + W_{hg} * h + b_g) \\
c' &= f ⊙ c + i ⊙ g \\
o &= σ(W_{xo} * x + W_{ho} * h + p_o ⊙ c' + b_o) \\
h' &= o ⊙ \tanh(c')
\end{aligned}
$$

This is Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
Nowcasting" (NIPS 2015, eq. 3), with one difference: there the peepholes p are maps, which ties a model
to one picture size; here they are one number a channel. They are off by default. As in Gers and
Schmidhuber, "Recurrent Nets that Time and Count" (IJCNN 2000), o sees the new c.

Parameters, gates in the order i, f, g, o:

| name | shape | |
|---|---|---|
| `weight_x` | `[4C, X, kh, kw]` | absent when X = 0 |
| `weight_h` | `[4C, C, kh', kw']` | |
| `bias_x` | `[4C]` | starts at 1 for f (Jozefowicz et al., ICML 2015), at 0 elsewhere |
| `peephole_i`, `peephole_f`, `peephole_o` | `[C]` each | with `peepholes` only; start at 0 |

The state is `[h | c]`, 2C channels; the output is h.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seqimg.cells.base import Cell, Weights, spread
from seqimg.cells.convolution import Convolution
from seqimg.cells.gating import forget_bias, lstm_update
from seqimg.cells.options import Pair, check_flag, dilation, odd_size, pair

__all__ = ["ConvLSTMCell"]

_PEEPHOLES = ("peephole_i", "peephole_f", "peephole_o")


@dataclass(frozen=True)
class ConvLSTMCell(Cell):
    """The ConvLSTM cell; the equations are in [seqimg.cells.conv_lstm][].

    Sizes and dilations are one number or (height, width); the cell keeps them as pairs.

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, channels of the output; the state has 2C.
        kernel_size: Odd size of the convolutions of the state.
        input_kernel_size: Odd size of the convolutions of the input, None for the same.
        dilation: Dilation of the convolutions of the state.
        input_dilation: Dilation of the convolutions of the input.
        peepholes: Whether the gates see c.

    Raises:
        UsageError: An option is impossible.

    Example:
        >>> import torch
        >>> cell = ConvLSTMCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: cell.initial(name) for name in cell.shapes()}
        >>> projected = cell.project(torch.ones(1, 2, 8, 8), weights)
        >>> state = cell.step(projected, torch.zeros(1, 8, 8, 8), weights)
        >>> state.shape, cell.output(state).shape
        (torch.Size([1, 8, 8, 8]), torch.Size([1, 4, 8, 8]))
    """

    name: ClassVar[str] = "conv_lstm"
    family: ClassVar[str] = "conv_lstm"

    kernel_size: Pair = 3
    input_kernel_size: Pair | None = None
    dilation: Pair = 1
    input_dilation: Pair = 1
    peepholes: bool = False

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
        check_flag(self.name, "peepholes", self.peepholes)

    @property
    def convolution_x(self) -> Convolution:
        """How the input is convolved."""
        size = self.kernel_size if self.input_kernel_size is None else self.input_kernel_size
        return Convolution(pair(size), pair(self.input_dilation))

    @property
    def convolution_h(self) -> Convolution:
        """How the state is convolved."""
        return Convolution(pair(self.kernel_size), pair(self.dilation))

    @property
    def state_channels(self) -> int:
        """Channels of h and c."""
        return 2 * self.hidden_channels

    @property
    def projected_channels(self) -> int:
        """Channels of i, f, g, o."""
        return 4 * self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        c = self.hidden_channels
        shapes: dict[str, tuple[int, ...]] = {}
        if self.input_channels:
            shapes["weight_x"] = self.convolution_x.shape(4 * c, self.input_channels)
        shapes |= {"weight_h": self.convolution_h.shape(4 * c, c), "bias_x": (4 * c,)}
        if self.peepholes:
            shapes |= dict.fromkeys(_PEEPHOLES, (c,))
        return shapes

    def initial(self, name: str) -> Tensor:
        """Return a fresh value of parameter `name`; the memory starts out inclined to keep."""
        return forget_bias(self.hidden_channels) if name == "bias_x" else super().initial(name)

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `W_x * x + b`, `[N, 4C, H, W]`, for frames `x [N, X, H, W]`."""
        if self.input_channels == 0:
            return spread(weights["bias_x"], x)
        return self.convolution_x(x, weights["weight_x"], weights["bias_x"])

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, 2C, H, W]` from the projection `[B, 4C, H, W]` and the state."""
        h, c = state.chunk(2, dim=1)
        gates = projected + self.convolution_h(h, weights["weight_h"])
        if not self.peepholes:
            return lstm_update(gates, c)
        p_i, p_f, p_o = (weights[name].view(-1, 1, 1) for name in _PEEPHOLES)
        return lstm_update(gates, c, (p_i, p_f, p_o))

    def output(self, state: Tensor) -> Tensor:
        """Return h, the first half of the state."""
        return state[:, : self.hidden_channels]
