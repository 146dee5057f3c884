"""The fused kernel of ConvGRU, for any device."""

import torch
from torch import Tensor

from seqimg.cells import Weights
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.kernels.controls import PLAIN, Controls
from seqimg.kernels.conv_gru.op import conv_gru_sequence
from seqimg.kernels.select import CallSignature

__all__ = ["refuse", "sequence"]


def refuse(signature: CallSignature) -> list[str]:
    """Return every reason why this kernel cannot serve a call."""
    reasons = []
    if dict(signature.options).get("groups", 1) != 1:
        reasons.append("it knows no groups")
    if "restart" in signature.features:
        reasons.append("it restarts from zeros only")
    return reasons


def sequence(
    cell: ConvGRUCell, x: Tensor, state: Tensor, weights: Weights, controls: Controls = PLAIN
) -> tuple[Tensor, Tensor]:
    """Run a ConvGRU over a clip; arguments and results as of [seqimg.kernels.reference.sequence][].

    The input is convolved for a chunk of frames at once, gates are computed in place, and nothing large
    is allocated inside the loop over time. The backward pass is written by hand: of each step only what
    the step before it depends on, the weights' gradients for a chunk of frames at once.

    A step moves, beside the convolutions' own traffic, 10 planes of C channels forward and 26 backward.
    """
    tensors = [x, state, *weights.values(), controls.gate_bias]
    differentiated = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)

    def by_time(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.transpose(0, 1)

    y, last, *_ = conv_gru_sequence(
        x.transpose(0, 1),
        state,
        weights.get("weight_x"),
        weights["weight_h"],
        weights["bias_x"],
        weights.get("bias_h"),
        by_time(controls.keep),
        by_time(controls.update),
        by_time(controls.gate_bias),
        cell.activation,
        list(cell.convolution_x.dilation),
        list(cell.convolution_h.dilation),
        differentiated and not controls.recompute,
    )
    return y.transpose(0, 1), last
