"""The walks with Triton's launches as operators of torch."""

from seqimg.kernels.clip_op import clip_op
from seqimg.kernels.fused.recurrence import Form, Operands
from seqimg.kernels.triton_clip.family import Family
from seqimg.kernels.triton_clip.gru_after import GRUAfter
from seqimg.kernels.triton_clip.gru_before import GRUBefore
from seqimg.kernels.triton_clip.gru_conv import GRUConv
from seqimg.kernels.triton_clip.lstm import LSTM
from seqimg.kernels.triton_clip.min_gru import MinGRU
from seqimg.kernels.triton_clip.walk import walks

__all__ = ["triton_clip", "triton_conv_clip"]


def _gates(op: Operands, form: Form) -> type[Family]:
    if form.family == "conv_gru":
        return GRUBefore if op.extra is None else GRUAfter
    families: dict[str, type[Family]] = {"conv_lstm": LSTM, "min_conv_gru": MinGRU}
    return families[form.family]


def _convolutions(op: Operands, form: Form) -> type[Family]:
    return GRUConv


triton_clip = clip_op("triton", walks(_gates))
triton_conv_clip = clip_op("triton_conv", walks(_convolutions))
