"""The fused walk through time as an operator of torch."""

from torch import Tensor

from seqimg.kernels.clip_op import Walks, clip_op
from seqimg.kernels.convolution import new_frames
from seqimg.kernels.fused.backward import run_backward
from seqimg.kernels.fused.clip import Kept
from seqimg.kernels.fused.forward import run_forward
from seqimg.kernels.fused.recurrence import Form, Operands

__all__ = ["fused_clip"]


def _forward(op: Operands, form: Form, keeps: str) -> tuple[Kept, Tensor]:
    kept = run_forward(op, form, save=keeps == "gates")
    return kept, kept.states[-1].clone()


def _empty(op: Operands, form: Form, keeps: str) -> Kept:
    frames, channels = op.x.shape[0], op.h0.shape[1]
    widths = {
        "conv_gru": [2 * channels, channels],
        "conv_lstm": [2 * channels],  # of h and c together
        "min_conv_gru": [channels, channels],
    }[form.family]
    states, nothing = new_frames(frames, op.h0, channels), op.h0.new_empty(0)
    if keeps != "gates":
        return Kept(states, [], nothing)
    candidate = form.family == "conv_gru" and op.extra is not None
    side = new_frames(frames, op.h0, channels) if candidate else nothing
    return Kept(states, [new_frames(frames, op.h0, width) for width in widths], side)


fused_clip = clip_op("fused", Walks(_forward, run_backward, _empty))
