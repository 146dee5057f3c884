"""The kernels that launch Triton programs, for GPUs."""

from importlib.util import find_spec

from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.kernels.clip_call import call_clip, refusals
from seqimg.kernels.controls import PLAIN, Controls
from seqimg.kernels.select import CallSignature
from seqimg.kernels.triton_clip.op import triton_clip, triton_conv_clip

__all__ = ["conv_sequence", "refuse", "refuse_conv", "sequence"]


def refuse(signature: CallSignature) -> list[str]:
    """Return every reason why `sequence` cannot serve a call."""
    missing = find_spec("triton") is None
    return [
        *refusals(signature),
        *(["triton is not installed: pip install triton (Linux)"] if missing else []),
    ]


def refuse_conv(signature: CallSignature) -> list[str]:
    """Return every reason why `conv_sequence` cannot serve a call."""
    before = dict(signature.options).get("reset", "before") == "before"
    return [*refuse(signature), *([] if before else ["it resets before the convolution only"])]


def sequence(
    cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Controls = PLAIN
) -> tuple[Tensor, Tensor]:
    """Run a cell over a clip; arguments and results as of [seqimg.kernels.reference.sequence][].

    Convolutions by torch, gate arithmetic by [seqimg.kernels.triton_gates][], states carried in fp32.

    Raises:
        UnavailableError: Triton is not installed, or the tensors are not on a GPU.
    """
    return call_clip(triton_clip, cell, x, state, weights, controls)


def conv_sequence(
    cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Controls = PLAIN
) -> tuple[Tensor, Tensor]:
    """Run a ConvGRU over a clip as `sequence` does, the state's convolutions by [seqimg.kernels.triton_conv][]."""
    return call_clip(triton_conv_clip, cell, x, state, weights, controls)
