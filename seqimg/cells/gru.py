r"""GRU: the dense gated recurrent unit, for feature vectors.

$$
\begin{aligned}
r &= σ(W_{xr} x + W_{hr} h + b_{xr} + b_{hr}) \\
z &= σ(W_{xz} x + W_{hz} h + b_{xz} + b_{hz}) \\
n &= \tanh(W_{xn} x + b_{xn} + r ⊙ (W_{hn} h + b_{hn})) && \text{reset after (default)} \\
n &= \tanh(W_{xn} x + W_{hn} (r ⊙ h) + b_{xn}) && \text{reset before} \\
h' &= h + z ⊙ (n - h)
\end{aligned}
$$

Reset *before* the matrix product is the classical form, Cho et al., "Learning Phrase Representations using
RNN Encoder-Decoder for Statistical Machine Translation" (EMNLP 2014, eqs. 5-8). Reset *after* is the form of
cuDNN and of `torch.nn.GRU`, which this cell equals exactly once the rows of z are negated: torch writes
$h' = (1 - z) ⊙ n + z ⊙ h$, so its z = 1 keeps the old value, and $σ(-a) = 1 - σ(a)$.
[import_cell][seqimg.cells.importing.import_cell] with `"torch_gru"` does it.

Parameters, gates in the order r, z, n:

| name | shape | |
|---|---|---|
| `weight_x` | `[3C, X]` | absent when X = 0 |
| `weight_h` | `[3C, C]` | |
| `bias_x` | `[3C]` | |
| `bias_h` | `[3C]` | reset after only |

The state is h, `[B, C]`.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import linear

from seqimg.cells.base import Cell, Weights, spread
from seqimg.cells.gating import RESETS, Reset, gru_update
from seqimg.cells.options import check_choice

__all__ = ["GRUCell"]


@dataclass(frozen=True)
class GRUCell(Cell):
    """The dense GRU cell; the equations are in [seqimg.cells.gru][].

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, size of the state and of the output.
        reset: Whether r gates the state before or after the candidate's matrix product.

    Raises:
        UsageError: An option is impossible.

    Example:
        >>> import torch
        >>> cell = GRUCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: torch.zeros(shape) for name, shape in cell.shapes().items()}
        >>> projected = cell.project(torch.ones(1, 2), weights)
        >>> cell.step(projected, torch.ones(1, 4), weights).tolist()  # z = 1/2, n = 0
        [[0.5, 0.5, 0.5, 0.5]]
    """

    name: ClassVar[str] = "gru"
    family: ClassVar[str] = "gru"
    rank: ClassVar[int] = 0

    reset: Reset = "after"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "reset", self.reset, RESETS)

    @property
    def projected_channels(self) -> int:
        """Size of r, z, n."""
        return 3 * self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        gates = 3 * self.hidden_channels
        shapes: dict[str, tuple[int, ...]] = {}
        if self.input_channels:
            shapes["weight_x"] = (gates, self.input_channels)
        shapes |= {"weight_h": (gates, self.hidden_channels), "bias_x": (gates,)}
        if self.reset == "after":
            shapes["bias_h"] = (gates,)
        return shapes

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `W_x x + b_x`, `[N, 3C]`, for features `x [N, X]`."""
        if self.input_channels == 0:
            return spread(weights["bias_x"], x)
        return linear(x, weights["weight_x"], weights["bias_x"])

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C]` from the projection `[B, 3C]` and the state."""
        c = self.hidden_channels
        weight_rz, weight_n = weights["weight_h"].split([2 * c, c])
        bias_rz, bias_n = weights["bias_h"].split([2 * c, c]) if self.reset == "after" else (None, None)
        return gru_update(
            projected,
            state,
            gates=lambda h: linear(h, weight_rz, bias_rz),
            candidate=lambda h: linear(h, weight_n, bias_n),
            reset=self.reset,
        )
