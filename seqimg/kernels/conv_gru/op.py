"""ConvGRU over a clip as an operator of torch: opaque to `torch.compile` and `torch.export`, with its own gradient."""

from typing import Any

import torch
from torch import Tensor

from seqimg.kernels.conv_gru.clip import Gradients, Result, run_backward, run_forward
from seqimg.kernels.conv_gru.passes import Form, Operands

__all__ = ["conv_gru_sequence"]


@torch.library.custom_op("seqimg::conv_gru_sequence", mutates_args=())
def conv_gru_sequence(
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor,
    bias_x: Tensor,
    bias_h: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    save: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Run a ConvGRU over frames `[T, B, X, H, W]`.

    Returns:
        The states `[T, B, C, H, W]`, a copy of the last one, and the kept gates r z, candidates and
        recurrent shares, empty unless `save`.
    """
    operands = Operands(x, h0, weight_x, weight_h, bias_x, bias_h, keep, update, gate_bias)
    form = Form(bias_h is not None, activation, dilation_x, dilation_h)
    result = run_forward(operands, form, save=save)
    return result.y, result.y[-1].clone(), result.rz, result.n, result.side


@conv_gru_sequence.register_fake
def _(
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor,
    bias_x: Tensor,
    bias_h: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    save: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    frames, (batch, c, height, width) = x.shape[0], h0.shape

    def like(*lead: int, channels: int) -> Tensor:
        return h0.new_empty(*lead, batch, height, width, channels).movedim(-1, -3)

    def kept(channels: int, wanted: bool) -> Tensor:
        return like(frames, channels=channels) if wanted else h0.new_empty(0)

    return (
        like(frames, channels=c),
        like(channels=c),
        kept(2 * c, save),
        kept(c, save),
        kept(c, save and bias_h is not None),
    )


@torch.library.custom_op("seqimg::conv_gru_sequence_backward", mutates_args=())
def conv_gru_sequence_backward(
    dy: Tensor,
    dh_last: Tensor,
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor,
    bias_x: Tensor,
    bias_h: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    y: Tensor,
    rz: Tensor,
    n: Tensor,
    side: Tensor,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    needs_x: bool,
    needs_weights: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of x, h0, weight_x, weight_h, bias_x, bias_h and gate_bias."""
    operands = Operands(x, h0, weight_x, weight_h, bias_x, bias_h, keep, update, gate_bias)
    form = Form(bias_h is not None, activation, dilation_x, dilation_h)
    return run_backward(
        operands, form, Result(y, rz, n, side), dy, dh_last, needs_x=needs_x, needs_weights=needs_weights
    )


@conv_gru_sequence_backward.register_fake
def _(
    dy: Tensor,
    dh_last: Tensor,
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor,
    bias_x: Tensor,
    bias_h: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    y: Tensor,
    rz: Tensor,
    n: Tensor,
    side: Tensor,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    needs_x: bool,
    needs_weights: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    def last(frames: Tensor) -> Tensor:
        return frames.new_empty(*frames.shape[:-3], *frames.shape[-2:], frames.shape[-3]).movedim(-1, -3)

    def weight(tensor: Tensor | None) -> Tensor:
        return h0.new_empty(0) if tensor is None or not needs_weights else torch.empty_like(tensor)

    return (
        last(x) if needs_x and weight_x is not None else h0.new_empty(0),
        last(h0),
        weight(weight_x),
        weight(weight_h),
        weight(bias_x),
        weight(bias_h),
        h0.new_empty(0) if gate_bias is None else torch.empty_like(gate_bias),
    )


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, activation, dilation_x, dilation_h, _ = inputs
    y, _, rz, n, side = output
    ctx.save_for_backward(*tensors, y, rz, n, side)
    ctx.set_materialize_grads(False)
    ctx.form = (activation, dilation_x, dilation_h)


def _backward(ctx: Any, dy: Tensor | None, dh_last: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    needs, y, h0 = ctx.needs_input_grad[:9], ctx.saved_tensors[9], ctx.saved_tensors[1]
    dy = y.new_zeros(1).expand_as(y) if dy is None else dy
    dh_last = torch.zeros_like(h0) if dh_last is None else dh_last
    needs_weights = any(needs[2:6])
    found = Gradients(
        *conv_gru_sequence_backward(
            dy, dh_last, *ctx.saved_tensors, *ctx.form, needs_x=needs[0], needs_weights=needs_weights
        )
    )
    ordered = (*found[:6], None, None, found.gate_bias)
    if ctx.saved_tensors[2] is None:  # no input: its frames have no channels
        needs = (False, *needs[1:])
    wanted = [g if need else None for g, need in zip(ordered, needs, strict=True)]
    return (*wanted, None, None, None, None)


conv_gru_sequence.register_autograd(_backward, setup_context=_keep_for_backward)
