r"""A leaky average with a learned rate for each channel.

$$
h' = h + σ(a) ⊙ (W * x + b - h)
$$

| name | shape | |
|---|---|---|
| `weight_x` | `[C, X, k, k]` | absent when X = 0 |
| `bias_x` | `[C]` | b |
| `rate` | `[C]` | a |

The state is h.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.cells import Cell, Weights
from seqimg.cells.base import spread
from seqimg.cells.options import check_odd


@dataclass(frozen=True)
class LeakyCell(Cell):
    """The cell; its equations are above.

    Args:
        input_channels: X, channels of a frame; 0 for none.
        hidden_channels: C, channels of the state and of the output.
        kernel_size: Odd side k of the convolution.
    """

    name: ClassVar[str] = "leaky"
    family: ClassVar[str] = "leaky"

    kernel_size: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd(self.name, "kernel_size", self.kernel_size)

    @property
    def projected_channels(self) -> int:
        """Channels of `W * x + b`."""
        return self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by name."""
        c, x, k = self.hidden_channels, self.input_channels, self.kernel_size
        weight: dict[str, tuple[int, ...]] = {"weight_x": (c, x, k, k)} if x else {}
        return weight | {"bias_x": (c,), "rate": (c,)}

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return `W * x + b`, `[N, C, H, W]`, for frames `x [N, X, H, W]`: no state is needed for it."""
        if self.input_channels == 0:
            return spread(weights["bias_x"], x)
        return conv2d(x, weights["weight_x"], weights["bias_x"], padding=self.kernel_size // 2)

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C, H, W]`."""
        rate = weights["rate"].sigmoid()[:, None, None]
        return state + rate * (projected - state)
