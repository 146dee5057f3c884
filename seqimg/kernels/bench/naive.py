"""ConvGRU as most public code writes it: concatenate, convolve, split, and once more for the candidate.

This is what people have before they come here, so it is the column that everything is compared with. It
computes the numbers of [seqimg.cells.conv_gru][], from the same weights in the other arrangement.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.cells import Weights

__all__ = ["NaiveWeights", "naive_clip", "naive_step", "naive_weights"]


class NaiveWeights(NamedTuple):
    """The parameters of two convolutions of frame and state, one on top of the other.

    Attributes:
        gates: `[2C, X + C, kh, kw]`.
        gates_bias: `[2C]`.
        candidate: `[C, X + C, kh, kw]`.
        candidate_bias: `[C]`.
    """

    gates: Tensor
    gates_bias: Tensor
    candidate: Tensor
    candidate_bias: Tensor


Step: TypeAlias = Callable[[Tensor, Tensor, NaiveWeights], Tensor]
"""From a frame, the state before it and the weights to the state after it."""


def naive_weights(weights: Weights) -> NaiveWeights:
    """Rearrange the canonical parameters of a reset-before ConvGRU whose two kernels have one size."""
    both = torch.cat([weights["weight_x"], weights["weight_h"]], dim=1)
    c = weights["weight_h"].shape[1]
    gates, candidate = both.split([2 * c, c])
    gates_bias, candidate_bias = weights["bias_x"].split([2 * c, c])
    return NaiveWeights(gates, gates_bias, candidate, candidate_bias)


def naive_step(frame: Tensor, h: Tensor, weights: NaiveWeights) -> Tensor:
    """Return the next state `[B, C, H, W]` for a frame `[B, X, H, W]` and the state `h` before it."""
    stacked = torch.cat([frame, h], dim=1)
    gates = torch.sigmoid(conv2d(stacked, weights.gates, weights.gates_bias, padding="same"))
    reset, update = torch.split(gates, h.shape[1], dim=1)
    stacked = torch.cat([frame, reset * h], dim=1)
    candidate = torch.tanh(conv2d(stacked, weights.candidate, weights.candidate_bias, padding="same"))
    return (1 - update) * h + update * candidate


def naive_clip(x: Tensor, h: Tensor, weights: NaiveWeights, step: Step = naive_step) -> tuple[Tensor, Tensor]:
    """Return the states `[B, T, C, H, W]` and the last one for frames `x [B, T, X, H, W]` and a state `h`.

    Example:
        >>> weights = NaiveWeights(
        ...     torch.zeros(8, 7, 3, 3), torch.zeros(8), torch.zeros(4, 7, 3, 3), torch.zeros(4)
        ... )
        >>> y, last = naive_clip(torch.ones(1, 2, 3, 5, 5), torch.ones(1, 4, 5, 5), weights)
        >>> y.shape, float(last.mean())  # twice z = 1/2, n = 0
        (torch.Size([1, 2, 4, 5, 5]), 0.25)
    """
    outputs = []
    for frame in x.unbind(1):
        h = step(frame, h, weights)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h
