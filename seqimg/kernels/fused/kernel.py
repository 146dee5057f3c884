"""The fused kernel, for any device."""

from typing import Any

import torch
from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.kernels.controls import PLAIN, Controls
from seqimg.kernels.fused.op import fused_clip
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
    cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Controls = PLAIN
) -> tuple[Tensor, Tensor]:
    """Run a cell over a clip; arguments and results as of [seqimg.kernels.reference.sequence][].

    The input is convolved for a chunk of frames at once, gates are computed in place, and nothing large
    is allocated inside the loop over time. The backward pass is written by hand: of each step only what
    the step before it depends on, the weights' gradients for a chunk of frames at once.
    """
    tensors = [x, state, *weights.values(), controls.gate_bias]
    differentiated = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)

    def by_time(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.transpose(0, 1)

    states, last, *_ = fused_clip(
        x.transpose(0, 1),
        state,
        weights.get("weight_x"),
        weights.get("weight_h"),
        weights["bias_x"],
        _extra(weights),
        by_time(controls.keep),
        by_time(controls.update),
        by_time(controls.gate_bias),
        *_form(cell),
        "nothing" if not differentiated else "states" if controls.recompute else "gates",
    )
    outputs = states if states.shape[2] == cell.hidden_channels else states[:, :, : cell.hidden_channels]
    return outputs.transpose(0, 1), last


def _extra(weights: Weights) -> Tensor | None:
    peepholes = [weights[name] for name in ("peephole_i", "peephole_f", "peephole_o") if name in weights]
    return torch.stack(peepholes) if peepholes else weights.get("bias_h")


def _form(cell: Any) -> tuple[str, str, list[int], list[int]]:
    """Return family, activation and dilations."""
    recurrent = getattr(cell, "convolution_h", cell.convolution_x)
    return (
        cell.family,
        getattr(cell, "activation", "tanh"),
        list(cell.convolution_x.dilation),
        list(recurrent.dilation),
    )
