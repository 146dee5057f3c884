r"""Separable ConvGRU: a pass along the rows, then a pass along the columns.

Both passes are a ConvGRU with reset before; the second continues from the state that the first
returns, and both see the same x. With k the kernel size:

$$
\begin{aligned}
h_1 &= \mathrm{ConvGRU}_{1 \times k}(x, h) \\
h' &= \mathrm{ConvGRU}_{k \times 1}(x, h_1)
\end{aligned}
$$

This is the update operator of Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical
Flow" (ECCV 2020, §3.3), where k = 5: it sees 5 × 5 pixels for the price of ten.

Parameters, gates in the order r, z, n:

| name | shape | |
|---|---|---|
| `weight_x_row`, `weight_x_column` | `[3C, X, 1, k]`, `[3C, X, k, 1]` | absent when X = 0 |
| `weight_h_row`, `weight_h_column` | `[3C, C, 1, k]`, `[3C, C, k, 1]` | |
| `bias_x_row`, `bias_x_column` | `[3C]`, `[3C]` | |

The projection holds r, z, n of the row pass, then r, z, n of the column pass. The state is h.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seqimg.cells.base import Cell, Weights
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.options import check_odd

__all__ = ["SepConvGRUCell"]


@dataclass(frozen=True)
class SepConvGRUCell(Cell):
    """The separable ConvGRU cell; the equations are in [seqimg.cells.sep_conv_gru][].

    Args:
        input_channels: X; 0 for a cell that is driven by its state alone.
        hidden_channels: C, channels of the state and of the output.
        kernel_size: k, odd length of the convolutions.

    Raises:
        UsageError: An option is impossible.

    Example:
        >>> import torch
        >>> cell = SepConvGRUCell(input_channels=2, hidden_channels=4)
        >>> weights = {name: cell.initial(name) for name in cell.shapes()}
        >>> projected = cell.project(torch.ones(1, 2, 8, 8), weights)
        >>> projected.shape, cell.step(projected, torch.zeros(1, 4, 8, 8), weights).shape
        (torch.Size([1, 24, 8, 8]), torch.Size([1, 4, 8, 8]))
    """

    name: ClassVar[str] = "sep_conv_gru"
    family: ClassVar[str] = "sep_conv_gru"

    kernel_size: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd(self.name, "kernel_size", self.kernel_size)

    @property
    def passes(self) -> dict[str, ConvGRUCell]:
        """The two passes in order, by the suffix of their parameters."""
        sizes = {"_row": (1, self.kernel_size), "_column": (self.kernel_size, 1)}
        return {
            suffix: ConvGRUCell(self.input_channels, self.hidden_channels, kernel_size=size)
            for suffix, size in sizes.items()
        }

    @property
    def projected_channels(self) -> int:
        """Channels of r, z, n of both passes."""
        return 6 * self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by canonical name."""
        return {
            name + suffix: shape
            for suffix, part in self.passes.items()
            for name, shape in part.shapes().items()
        }

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Return the projections of both passes, `[N, 6C, H, W]`, for frames `x [N, X, H, W]`."""
        return torch.cat(
            [part.project(x, _of(weights, suffix)) for suffix, part in self.passes.items()], dim=1
        )

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Return the next state `[B, C, H, W]` from the projection `[B, 6C, H, W]` and the state."""
        for share, (suffix, part) in zip(projected.chunk(2, dim=1), self.passes.items(), strict=True):
            state = part.step(share, state, _of(weights, suffix))
        return state


def _of(weights: Weights, suffix: str) -> Weights:
    return {name.removesuffix(suffix): weight for name, weight in weights.items() if name.endswith(suffix)}
