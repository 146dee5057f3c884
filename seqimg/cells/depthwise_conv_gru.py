r"""Depthwise-separable ConvGRU: one filter a channel, then a 1 × 1 mix of the channels.

It is a ConvGRU whose convolutions W * y are replaced by $P \, (D \star y)$, with $D \star$ a filter
for each channel by itself and P a matrix at every pixel:

$$
\begin{aligned}
r &= σ(P_{xr} (D_x \star x) + P_{hr} (D_{rz} \star h) + b_r) \\
z &= σ(P_{xz} (D_x \star x) + P_{hz} (D_{rz} \star h) + b_z) \\
n &= \tanh(P_{xn} (D_x \star x) + P_{hn} (D_n \star (r ⊙ h)) + b_n) && \text{reset before (default)} \\
n &= \tanh(P_{xn} (D_x \star x) + b_n + r ⊙ (P_{hn} (D_n \star h) + b_{hn})) && \text{reset after} \\
h' &= h + z ⊙ (n - h)
\end{aligned}
$$

The factorisation is that of Howard et al., "MobileNets" (2017, §3.1); Liu and Zhu, "Mobile Video Object
Detection with Temporally-Aware Feature Maps" (CVPR 2018, §3.3) brought it into recurrent cells. For C
channels and k × k filters it costs about 1 / C + 1 / k² of the full convolution.

Parameters, gates in the order r, z, n:

| name | shape | |
|---|---|---|
| `depth_x` | `[X, 1, kh, kw]` | absent when X = 0 |
| `weight_x` | `[3C, X, 1, 1]` | absent when X = 0 |
| `depth_h` | `[2C, 1, kh', kw']` | $D_{rz}$, then $D_n$ |
| `weight_h` | `[3C, C, 1, 1]` | |
| `bias_x` | `[3C]` | |
| `bias_h` | `[3C]` | reset after only |

The state is h.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.cells.base import Cell, Weights, spread
from seqimg.cells.convolution import Convolution
from seqimg.cells.gating import RESETS, Reset, gru_update
from seqimg.cells.options import Pair, check_choice, odd_size, pair

__all__ = ["DepthwiseConvGRUCell"]


@dataclass(frozen=True)
class DepthwiseConvGRUCell(Cell):
    """The depthwise-separable ConvGRU cell; the equations are in [seqimg.cells.depthwise_conv_gru][].

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, channels of the state and of the output.
        kernel_size: Odd size of the state's filters, one number or (height, width).
        input_kernel_size: Odd size of the input's filters, None for the same.
        reset: Whether r gates the state before or after the candidate's convolution.

    Raises:
        UsageError: An option is impossible.

    Example:
        >>> import torch
        >>> cell = DepthwiseConvGRUCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: cell.initial(name) for name in cell.shapes()}
        >>> projected = cell.project(torch.ones(1, 2, 8, 8), weights)
        >>> cell.step(projected, torch.zeros(1, 4, 8, 8), weights).shape
        torch.Size([1, 4, 8, 8])
    """

    name: ClassVar[str] = "depthwise_conv_gru"
    family: ClassVar[str] = "depthwise_conv_gru"

    kernel_size: Pair = 3
    input_kernel_size: Pair | None = None
    reset: Reset = "before"

    def __post_init__(self) -> None:
        super().__post_init__()
        size = odd_size(self.name, "kernel_size", self.kernel_size)
        given = size if self.input_kernel_size is None else self.input_kernel_size
        self._settle(kernel_size=size, input_kernel_size=odd_size(self.name, "input_kernel_size", given))
        check_choice(self.name, "reset", self.reset, RESETS)

    @property
    def filter_x(self) -> Convolution:
        """How each channel of the input is filtered."""
        size = self.kernel_size if self.input_kernel_size is None else self.input_kernel_size
        return Convolution(pair(size), groups=self.input_channels)

    @property
    def filter_h(self) -> Convolution:
        """How each channel of the state is filtered."""
        return Convolution(pair(self.kernel_size), groups=self.hidden_channels)

    @property
    def projected_channels(self) -> int:
        """Channels of r, z, n."""
        return 3 * self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        x, c = self.input_channels, self.hidden_channels
        shapes: dict[str, tuple[int, ...]] = {}
        if x:
            shapes |= {"depth_x": self.filter_x.shape(x, x), "weight_x": (3 * c, x, 1, 1)}
        shapes |= {"depth_h": self.filter_h.shape(2 * c, c), "weight_h": (3 * c, c, 1, 1), "bias_x": (3 * c,)}
        if self.reset == "after":
            shapes["bias_h"] = (3 * c,)
        return shapes

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `P_x (D_x ⋆ x) + b_x`, `[N, 3C, H, W]`, for frames `x [N, X, H, W]`."""
        if self.input_channels == 0:
            return spread(weights["bias_x"], x)
        return conv2d(self.filter_x(x, weights["depth_x"]), weights["weight_x"], weights["bias_x"])

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C, H, W]` from the projection `[B, 3C, H, W]` and the state."""
        c = self.hidden_channels
        depth_rz, depth_n = weights["depth_h"].split(c)
        weight_rz, weight_n = weights["weight_h"].split([2 * c, c])
        bias_rz, bias_n = weights["bias_h"].split([2 * c, c]) if self.reset == "after" else (None, None)
        return gru_update(
            projected,
            state,
            gates=lambda h: conv2d(self.filter_h(h, depth_rz), weight_rz, bias_rz),
            candidate=lambda h: conv2d(self.filter_h(h, depth_n), weight_n, bias_n),
            reset=self.reset,
        )
