"""The walk through time as an operator of torch, opaque to `torch.compile` and `torch.export`, with its gradient."""

from typing import Any

import torch
from torch import Tensor

from seqimg.errors import UnavailableError
from seqimg.kernels.fused.backward import Gradients, run_backward
from seqimg.kernels.fused.clip import Kept
from seqimg.kernels.fused.forward import run_forward
from seqimg.kernels.fused.recurrence import Form, Operands

__all__ = ["fused_clip"]


@torch.library.custom_op("seqimg::fused_clip", mutates_args=())
def fused_clip(
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor | None,
    bias_x: Tensor,
    extra: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    family: str,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    widths: list[int],
    side: int,
    save: bool,
) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """Run a clip.

    The tensors are those of [seqimg.kernels.fused.recurrence.Operands][], `family` to `dilation_h` those
    of its `Form`; `widths` and `side` are the family's, for where only shapes are known; with `save` what
    a backward pass needs is kept.

    Returns:
        The states `[T, B, S, H, W]`, a copy of the last one, the kept gates and what is beside them.
    """
    operands = Operands(x, h0, weight_x, weight_h, bias_x, extra, keep, update, gate_bias)
    kept = run_forward(operands, Form(family, activation, dilation_x, dilation_h), save=save)
    return kept.states, kept.states[-1].clone(), kept.gates, kept.side


@fused_clip.register_fake
def _(
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor | None,
    bias_x: Tensor,
    extra: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    family: str,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    widths: list[int],
    side: int,
    save: bool,
) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    batch, channels, height, width = h0.shape

    def like(*lead: int, channels: int) -> Tensor:
        return h0.new_empty(*lead, batch, height, width, channels).movedim(-1, -3)

    return (
        like(x.shape[0], channels=channels),
        like(channels=channels),
        [like(x.shape[0], channels=count) for count in widths] if save else [],
        like(x.shape[0], channels=side) if save and side else h0.new_empty(0),
    )


@torch.library.custom_op("seqimg::fused_clip_backward", mutates_args=())
def fused_clip_backward(
    d_states: Tensor,
    d_last: Tensor,
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor | None,
    bias_x: Tensor,
    extra: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    states: Tensor,
    gates: list[Tensor],
    side: Tensor,
    family: str,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    needs_x: bool,
    needs_weights: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of x, h0, weight_x, weight_h, bias_x, extra and gate_bias; empty for none."""
    operands = Operands(x, h0, weight_x, weight_h, bias_x, extra, keep, update, gate_bias)
    form = Form(family, activation, dilation_x, dilation_h)
    kept = Kept(states, gates, side)
    return run_backward(operands, form, kept, d_states, d_last, x=needs_x, weights=needs_weights)


@fused_clip_backward.register_fake
def _(
    d_states: Tensor,
    d_last: Tensor,
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor | None,
    weight_h: Tensor | None,
    bias_x: Tensor,
    extra: Tensor | None,
    keep: Tensor | None,
    update: Tensor | None,
    gate_bias: Tensor | None,
    states: Tensor,
    gates: list[Tensor],
    side: Tensor,
    family: str,
    activation: str,
    dilation_x: list[int],
    dilation_h: list[int],
    needs_x: bool,
    needs_weights: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    def channels_last(frames: Tensor) -> Tensor:
        *lead, channels, height, width = frames.shape
        return frames.new_empty(*lead, height, width, channels).movedim(-1, -3)

    def weight(tensor: Tensor | None) -> Tensor:
        return h0.new_empty(0) if tensor is None or not needs_weights else torch.empty_like(tensor)

    return (
        channels_last(x) if needs_x and weight_x is not None else h0.new_empty(0),
        channels_last(h0),
        weight(weight_x),
        weight(weight_h),
        weight(bias_x),
        weight(extra),
        h0.new_empty(0) if gate_bias is None else torch.empty_like(gate_bias),
    )


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
    tensors, ctx.form = inputs[:9], inputs[9:13]
    states, _, gates, side = output
    ctx.save_for_backward(*tensors, states, side, *gates)
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, d_states: Tensor | None, d_last: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    tensors, (states, side, *gates) = ctx.saved_tensors[:9], ctx.saved_tensors[9:]
    h0, weight_x = tensors[1:3]
    d_states = states.new_zeros(1).expand_as(states) if d_states is None else d_states
    d_last = torch.zeros_like(h0) if d_last is None else d_last
    wanted = list(ctx.needs_input_grad[:9])
    wanted[0] = wanted[0] and weight_x is not None  # without input the frames have no channels
    found = Gradients(
        *fused_clip_backward(
            d_states, d_last, *tensors, states, gates, side, *ctx.form, wanted[0], any(wanted[2:6])
        )
    )
    ordered = (*found[:6], None, None, found.gate_bias)
    gradients = [g if need else None for g, need in zip(ordered, wanted, strict=True)]
    return (*gradients, *(None for _ in range(7)))


fused_clip.register_autograd(_backward, setup_context=_keep_for_backward)


def _refuse_backward(ctx: Any, *_: Any) -> None:
    raise UnavailableError(
        "the fused kernel has no second derivatives",
        why="its backward pass is written by hand, and once",
        hint="kernel='reference' for this layer",
    )


fused_clip_backward.register_autograd(_refuse_backward)
