r"""LSTM: the dense long short-term memory, for feature vectors.

$$
\begin{aligned}
i &= σ(W_{xi} x + W_{hi} h + b_i) & f &= σ(W_{xf} x + W_{hf} h + b_f) \\
g &= \tanh(W_{xg} x + W_{hg} h + b_g) & o &= σ(W_{xo} x + W_{ho} h + b_o) \\
c' &= f ⊙ c + i ⊙ g & h' &= o ⊙ \tanh(c')
\end{aligned}
$$

This is Gers, Schmidhuber and Cummins, "Learning to Forget" (Neural Computation 2000), and
`torch.nn.LSTM` with its two biases added.

Parameters, gates in the order i, f, g, o:

| name | shape | |
|---|---|---|
| `weight_x` | `[4C, X]` | absent when X = 0 |
| `weight_h` | `[4C, C]` | |
| `bias_x` | `[4C]` | starts at 1 for f (Jozefowicz et al., ICML 2015), at 0 elsewhere |

The state is `[h | c]`, `[B, 2C]`; the output is h.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import linear

from seqimg.cells.base import Cell, Weights, spread
from seqimg.cells.gating import forget_bias, lstm_update

__all__ = ["LSTMCell"]


@dataclass(frozen=True)
class LSTMCell(Cell):
    """The dense LSTM cell; the equations are in [seqimg.cells.lstm][].

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, size of the output; the state has 2C.

    Raises:
        UsageError: A number of channels is impossible.

    Example:
        >>> import torch
        >>> cell = LSTMCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: cell.initial(name) for name in cell.shapes()}
        >>> state = cell.step(cell.project(torch.ones(1, 2), weights), torch.zeros(1, 8), weights)
        >>> state.shape, cell.output(state).shape
        (torch.Size([1, 8]), torch.Size([1, 4]))
    """

    name: ClassVar[str] = "lstm"
    family: ClassVar[str] = "lstm"
    rank: ClassVar[int] = 0

    @property
    def state_channels(self) -> int:
        """Size of h and c."""
        return 2 * self.hidden_channels

    @property
    def projected_channels(self) -> int:
        """Size of i, f, g, o."""
        return 4 * self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        gates = 4 * self.hidden_channels
        shapes: dict[str, tuple[int, ...]] = {}
        if self.input_channels:
            shapes["weight_x"] = (gates, self.input_channels)
        return shapes | {"weight_h": (gates, self.hidden_channels), "bias_x": (gates,)}

    def initial(self, name: str) -> Tensor:
        """Return a fresh value of parameter `name`; the memory starts out inclined to keep."""
        return forget_bias(self.hidden_channels) if name == "bias_x" else super().initial(name)

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `W_x x + b`, `[N, 4C]`, for features `x [N, X]`."""
        if self.input_channels == 0:
            return spread(weights["bias_x"], x)
        return linear(x, weights["weight_x"], weights["bias_x"])

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, 2C]` from the projection `[B, 4C]` and the state."""
        h, c = state.chunk(2, dim=1)
        return lstm_update(projected + linear(h, weights["weight_h"]), c)

    def output(self, state: Tensor) -> Tensor:
        """Return h, the first half of the state."""
        return state[:, : self.hidden_channels]
