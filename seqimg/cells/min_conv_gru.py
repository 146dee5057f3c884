r"""Minimal ConvGRU: the gates depend on the input only, so time becomes a linear scan.

$$
\begin{aligned}
z &= σ(W_z * x + b_z) \\
n &= φ(W_n * x + b_n) \\
h' &= h + z ⊙ (n - h)
\end{aligned}
$$

This is the minGRU of Feng et al., "Were RNNs All We Needed?" (2024, §3.1), with convolutions in place of
matrix products; the paper's φ is `"linear"`, the default here is tanh, which bounds the state.

**The recurrence is an elementwise linear scan.** Each value of the state follows

$$ h_t = a_t ⊙ h_{t-1} + b_t, \qquad a_t = 1 - z_t, \quad b_t = z_t ⊙ n_t $$

where no $a_t$, $b_t$ depends on the state: they are known for all frames at once, pixels and channels do
not mix, and two steps compose into one,
$(a_2, b_2) ∘ (a_1, b_1) = (a_2 ⊙ a_1,\; a_2 ⊙ b_1 + b_2)$, associatively. A kernel may therefore compute any
number of frames in parallel, in logarithmic depth. `coefficients` returns $a_t$ and $b_t$.

Parameters, gates in the order z, n:

| name | shape | |
|---|---|---|
| `weight_x` | `[2C, X, kh, kw]` | absent when X = 0 |
| `bias_x` | `[2C]` | |

The state is h, which no weight touches.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from seqimg.cells.base import Cell, Weights, spread
from seqimg.cells.convolution import Convolution
from seqimg.cells.gating import ACTIVATIONS
from seqimg.cells.options import Pair, check_choice, dilation, odd_size, pair

__all__ = ["MinConvGRUCell"]


@dataclass(frozen=True)
class MinConvGRUCell(Cell):
    """The minimal ConvGRU cell; the equations are in [seqimg.cells.min_conv_gru][].

    Args:
        input_channels: X; at 0 the gates are constants.
        hidden_channels: C, channels of the state and of the output.
        kernel_size: Odd size of the convolution, one number or (height, width).
        dilation: Dilation of the convolution, one number or (height, width).
        activation: φ: `"tanh"`, `"linear"`, `"relu"` or `"leaky"` (slope 0.2).

    Raises:
        UsageError: An option is impossible.

    Example:
        >>> import torch
        >>> cell = MinConvGRUCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: torch.zeros(shape) for name, shape in cell.shapes().items()}
        >>> projected = cell.project(torch.ones(1, 2, 8, 8), weights)
        >>> float(cell.step(projected, torch.ones(1, 4, 8, 8), weights).mean())  # z = 1/2, n = 0
        0.5
    """

    name: ClassVar[str] = "min_conv_gru"
    family: ClassVar[str] = "min_conv_gru"

    kernel_size: Pair = 3
    dilation: Pair = 1
    activation: Literal["tanh", "linear", "relu", "leaky"] = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(
            kernel_size=odd_size(self.name, "kernel_size", self.kernel_size),
            dilation=dilation(self.name, "dilation", self.dilation),
        )
        check_choice(self.name, "activation", self.activation, [*ACTIVATIONS, "linear"])

    @property
    def convolution_x(self) -> Convolution:
        """How the input is convolved."""
        return Convolution(pair(self.kernel_size), pair(self.dilation))

    @property
    def projected_channels(self) -> int:
        """Channels of z, n."""
        return 2 * self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        gates = 2 * self.hidden_channels
        shapes: dict[str, tuple[int, ...]] = {}
        if self.input_channels:
            shapes["weight_x"] = self.convolution_x.shape(gates, self.input_channels)
        return shapes | {"bias_x": (gates,)}

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `W * x + b`, `[N, 2C, H, W]`, for frames `x [N, X, H, W]`."""
        if self.input_channels == 0:
            return spread(weights["bias_x"], x)
        return self.convolution_x(x, weights["weight_x"], weights["bias_x"])

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        """Return a and b of `h' = a ⊙ h + b`, each `[N, C, H, W]`, from the projection `[N, 2C, H, W]`.

        Args:
            projected: What `project` returned, `[…, P, H, W]`.
        """
        z, n = projected.chunk(2, dim=1)
        z = z.sigmoid()
        n = n if self.activation == "linear" else ACTIVATIONS[self.activation](n)
        return 1 - z, z * n

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C, H, W]` from the projection `[B, 2C, H, W]`; weights are unused."""
        keep, add = self.coefficients(projected)
        return keep * state + add
