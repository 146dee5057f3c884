"""From a cell and its controls to one call of a clip operator."""

from typing import Any

import torch
from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.errors import UnavailableError
from seqimg.kernels.controls import Controls
from seqimg.kernels.select import CallSignature

__all__ = ["call_clip", "refusals"]


def refusals(signature: CallSignature) -> list[str]:
    """Return what keeps a call from any clip operator."""
    reasons = []
    if dict(signature.options).get("groups", 1) != 1:
        reasons.append("it knows no groups")
    if "restart" in signature.features:
        reasons.append("it restarts from zeros only")
    return reasons


def call_clip(
    operator: Any, cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Controls
) -> tuple[Tensor, Tensor]:
    """Call an operator that [seqimg.kernels.clip_op.clip_op][] made; the rest is a kernel's arguments and results."""
    if any(t is not None and t.requires_grad for t in (controls.keep, controls.update)):
        raise UnavailableError(
            "this kernel has no gradients of `keep` and `update`",
            why="they say when a state changes, and are taken as given",
            hint="kernel='reference'",
        )
    tensors = [x, state, *weights.values(), controls.gate_bias]
    differentiated = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)

    def by_time(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.transpose(0, 1)

    # The first call of an operator imports the compiler, which takes a second; without gradients and
    # without a compiler at work nobody needs to see an operator.
    seen = differentiated or torch.compiler.is_compiling() or type(x) is not Tensor
    states, last, *_ = (operator if seen else operator.walk)(
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
