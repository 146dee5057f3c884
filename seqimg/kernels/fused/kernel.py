"""The fused kernel, for any device."""

from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.kernels.clip_call import call_clip, refusals
from seqimg.kernels.controls import PLAIN, Controls
from seqimg.kernels.fused.op import fused_clip
from seqimg.kernels.select import CallSignature

__all__ = ["refuse", "sequence"]


def refuse(signature: CallSignature) -> list[str]:
    """Return every reason why this kernel cannot serve a call."""
    return refusals(signature)


def sequence(
    cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Controls = PLAIN
) -> tuple[Tensor, Tensor]:
    """Run a cell over a clip; arguments and results as of [seqimg.kernels.reference.sequence][].

    The input is convolved for a chunk of frames at once, gates are computed in place, and nothing large
    is allocated inside the loop over time. The backward pass is written by hand: of each step only what
    the step before it depends on, the weights' gradients for a chunk of frames at once.
    """
    return call_clip(fused_clip, cell, x, state, weights, controls)
