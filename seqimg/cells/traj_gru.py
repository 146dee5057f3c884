r"""TrajGRU: a GRU that follows the motion, gathering its state along L learned flow fields.

$$
\begin{aligned}
e &= φ(V_x * x + V_h * h + b_e) && \text{features of the motion, F channels} \\
[u_1, v_1, …, u_L, v_L] &= V * e + b_V && \text{L flow fields in pixels} \\
w_l &= \mathrm{warp}(h; u_l, v_l) \\
r &= σ(W_{xr} * x + b_{xr} + \textstyle\sum_l W_{hr}^l w_l + b_{hr}) \\
z &= σ(W_{xz} * x + b_{xz} + \textstyle\sum_l W_{hz}^l w_l + b_{hz}) \\
n &= φ(W_{xn} * x + b_{xn} + r ⊙ (\textstyle\sum_l W_{hn}^l w_l + b_{hn})) \\
h' &= h + z ⊙ (n - h)
\end{aligned}
$$

This is Shi et al., "Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model" (NIPS 2017,
eqs. 3 and 4; z is mirrored, so that z = 1 takes the new value), with the flow generator of its §3.3: 5 × 5
convolutions with F = 32 features. φ is leaky with slope 0.2 there and by default.

The warp takes, for the pixel in row y and column x, the value of h at row y + v and column x + u, bilinearly
between the four pixels around, each of which counts as zero outside of the picture:

$$ \mathrm{warp}(h; u, v)_{c,y,x} =
\sum_{i,j} h_{c,i,j} \max(0, 1 - |y + v_{y,x} - i|) \max(0, 1 - |x + u_{y,x} - j|) $$

Parameters, gates in the order r, z, n, reset always after:

| name | shape | |
|---|---|---|
| `weight_x` | `[3C, X, kh, kw]` | absent when X = 0 |
| `weight_h` | `[3C, L · C, 1, 1]` | link 1's C channels first |
| `bias_x`, `bias_h` | `[3C]` each | |
| `flow_x` | `[F, X, 5, 5]` | $V_x$; absent when X = 0 |
| `flow_h` | `[F, C, 5, 5]` | $V_h$ |
| `flow_bias` | `[F]` | $b_e$ |
| `flow_weight`, `flow_offset` | `[2L, F, 5, 5]`, `[2L]` | V and $b_V$; start at 0, so that nothing moves at first |

The projection holds r, z, n, then the F features' share of the input. The state is h.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample

from seqimg.cells.base import Cell, Weights, spread
from seqimg.cells.convolution import Convolution
from seqimg.cells.gating import ACTIVATIONS, Activation, gru_update
from seqimg.cells.options import Pair, check_choice, check_count, odd_size, pair

__all__ = ["TrajGRUCell", "warp"]

_FLOW = Convolution((5, 5))


@dataclass(frozen=True)
class TrajGRUCell(Cell):
    """The TrajGRU cell; the equations are in [seqimg.cells.traj_gru][].

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, channels of the state and of the output.
        kernel_size: Odd size of the convolution of the input, one number or (height, width).
        links: L, number of places that each pixel gathers from.
        flow_channels: F, features that the flow is computed from.
        activation: φ: `"leaky"` (slope 0.2), `"tanh"` or `"relu"`.

    Raises:
        UsageError: An option is impossible.

    Example:
        >>> import torch
        >>> cell = TrajGRUCell(input_channels=2, hidden_channels=4, links=5)
        >>> weights = {name: cell.initial(name) for name in cell.shapes()}
        >>> projected = cell.project(torch.ones(1, 2, 8, 8), weights)
        >>> cell.step(projected, torch.zeros(1, 4, 8, 8), weights).shape
        torch.Size([1, 4, 8, 8])
    """

    name: ClassVar[str] = "traj_gru"
    family: ClassVar[str] = "traj_gru"

    kernel_size: Pair = 3
    links: int = 13
    flow_channels: int = 32
    activation: Activation = "leaky"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(kernel_size=odd_size(self.name, "kernel_size", self.kernel_size))
        check_count(self.name, "links", self.links)
        check_count(self.name, "flow_channels", self.flow_channels)
        check_choice(self.name, "activation", self.activation, ACTIVATIONS)

    @property
    def convolution_x(self) -> Convolution:
        """How the input is convolved."""
        return Convolution(pair(self.kernel_size))

    @property
    def projected_channels(self) -> int:
        """Channels of r, z, n and of the motion's features."""
        return 3 * self.hidden_channels + self.flow_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        x, c, f = self.input_channels, self.hidden_channels, self.flow_channels
        shapes: dict[str, tuple[int, ...]] = {}
        if x:
            shapes |= {"weight_x": self.convolution_x.shape(3 * c, x), "flow_x": _FLOW.shape(f, x)}
        return shapes | {
            "weight_h": (3 * c, self.links * c, 1, 1),
            "bias_x": (3 * c,),
            "bias_h": (3 * c,),
            "flow_h": _FLOW.shape(f, c),
            "flow_bias": (f,),
            "flow_weight": _FLOW.shape(2 * self.links, f),
            "flow_offset": (2 * self.links,),
        }

    def initial(self, name: str) -> Tensor:
        """Return a fresh value of parameter `name`; nothing moves at first."""
        value = super().initial(name)
        return torch.zeros_like(value) if name == "flow_weight" else value

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return the input's share of gates and motion, `[N, 3C + F, H, W]`, for `x [N, X, H, W]`."""
        bias = torch.cat([weights["bias_x"], weights["flow_bias"]])
        if self.input_channels == 0:
            return spread(bias, x)
        gates = self.convolution_x(x, weights["weight_x"])  # [N, 3C, H, W]
        motion = _FLOW(x, weights["flow_x"])  # [N, F, H, W]
        return torch.cat([gates, motion], dim=1) + bias.view(-1, 1, 1)

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C, H, W]` from the projection `[B, 3C + F, H, W]` and the state."""
        c = self.hidden_channels
        projected, motion = projected.split([3 * c, self.flow_channels], dim=1)
        gathered = self._gather(state, motion, weights)  # [B, L · C, H, W]
        recurrent = conv2d(gathered, weights["weight_h"], weights["bias_h"])  # [B, 3C, H, W]
        return gru_update(  # its gates and its candidate read the same gathered state
            projected,
            state,
            gates=lambda _: recurrent[:, : 2 * c],
            candidate=lambda _: recurrent[:, 2 * c :],
            reset="after",
            activation=self.activation,
        )

    def _gather(self, state: Tensor, motion: Tensor, weights: Weights) -> Tensor:
        features = ACTIVATIONS[self.activation](motion + _FLOW(state, weights["flow_h"]))
        flows = _FLOW(features, weights["flow_weight"], weights["flow_offset"])  # [B, 2L, H, W]
        return torch.cat([warp(state, flow) for flow in flows.split(2, dim=1)], dim=1)


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Return `picture [B, C, H, W]` as seen along `flow [B, 2, H, W]`: (u, v), columns then rows, in pixels.

    Args:
        picture: `[N, C, H, W]`.
        flow: `[N, 2, H, W]`, in pixels.

    Example:
        >>> picture = torch.tensor([[[[1.0, 2.0, 3.0]]]])
        >>> right = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 1, 3)
        >>> warp(picture, right).flatten().tolist()  # each pixel takes its right neighbour
        [2.0, 3.0, 0.0]
    """
    height, width = picture.shape[-2:]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device).unsqueeze(1)
    # grid_sample counts from edge to edge: pixel centres are at (2 i + 1) / size - 1.
    x = (2 * (columns + flow[:, 0]) + 1) / width - 1  # [B, H, W]
    y = (2 * (rows + flow[:, 1]) + 1) / height - 1
    grid = torch.stack([x, y], dim=-1)
    return grid_sample(picture, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
