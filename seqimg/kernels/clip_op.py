"""A walk through time as an operator of torch, opaque to `torch.compile` and `torch.export`, with its gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from seqimg.errors import UnavailableError
from seqimg.kernels.fused.clip import Kept
from seqimg.kernels.fused.recurrence import Form, Operands
from seqimg.kernels.fused.sums import Gradients

__all__ = ["Walks", "clip_op"]


class Backward(Protocol):
    """What goes back through a clip."""

    def __call__(
        self,
        op: Operands,
        form: Form,
        kept: Kept,
        d_states: Tensor | None,
        d_last: Tensor,
        *,
        x: bool,
        weights: bool,
    ) -> Gradients:
        """Return gradients; arguments as of [seqimg.kernels.fused.backward.run_backward][]."""


@dataclass(frozen=True)
class Walks:
    """How a kernel computes clips.

    `keeps` says what is kept for a backward pass: `"nothing"`, `"states"`, where gates are to be computed
    a second time, or `"gates"`.

    Attributes:
        forward: From tensors, form and `keeps` to what is kept, and the state after the last frame.
        backward: The way back.
        empty: From the same to tensors like those that `forward` keeps, with nothing in them.
    """

    forward: Callable[[Operands, Form, str], tuple[Kept, Tensor]]
    backward: Backward
    empty: Callable[[Operands, Form, str], Kept]


def clip_op(kernel: str, walks: Walks) -> Any:
    """Return the operator `seqimg::<kernel>_clip`; its `walk` is the function that it wraps.

    It takes the tensors of [seqimg.kernels.fused.recurrence.Operands][], what its `Form` holds, and
    `keeps`. It returns the states `[T, B, …, H, W]`, the last one, the kept gates and what is beside them.
    """
    name = f"seqimg::{kernel}_clip"

    def walk(
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
        keeps: str,
    ) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
        op = Operands(x, h0, weight_x, weight_h, bias_x, extra, keep, update, gate_bias)
        kept, last = walks.forward(op, Form(family, activation, dilation_x, dilation_h), keeps)
        return kept.states, last, kept.gates, kept.side

    clip = torch.library.custom_op(name, walk, mutates_args=())
    clip.walk = walk  # type: ignore[attr-defined]

    @clip.register_fake
    def _(*call: Any) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
        op = Operands(*call[:9])
        kept = walks.empty(op, Form(*call[9:13]), call[13])
        return kept.states, _empty_like(op.h0), kept.gates, kept.side

    back = _backward_op(f"{name}_backward", kernel, walks)

    def backward(
        ctx: Any, d_states: Tensor | None, d_last: Tensor | None, *_: Any
    ) -> tuple[Tensor | None, ...]:
        tensors, (states, side, *gates) = ctx.saved_tensors[:9], ctx.saved_tensors[9:]
        h0, weight_x = tensors[1:3]
        d_last = torch.zeros_like(h0) if d_last is None else d_last
        wanted = list(ctx.needs_input_grad[:9])
        wanted[0] = wanted[0] and weight_x is not None  # without input the frames have no channels
        which = (wanted[0], any(wanted[2:6]))
        found = Gradients(*back(d_states, d_last, *tensors, states, gates, side, *ctx.form, *which))
        ordered = (*found[:6], None, None, found.gate_bias)
        return (*(g if need else None for g, need in zip(ordered, wanted, strict=True)), *[None] * 5)

    clip.register_autograd(backward, setup_context=_keep_for_backward)
    return clip


def _backward_op(name: str, kernel: str, walks: Walks) -> Any:
    @torch.library.custom_op(name, mutates_args=())
    def back(
        d_states: Tensor | None,
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
        op = Operands(x, h0, weight_x, weight_h, bias_x, extra, keep, update, gate_bias)
        form, kept = Form(family, activation, dilation_x, dilation_h), Kept(states, gates, side)
        return walks.backward(op, form, kept, d_states, d_last, x=needs_x, weights=needs_weights)

    @back.register_fake
    def _(*call: Any) -> tuple[Tensor, ...]:
        op, (needs_x, needs_weights) = Operands(*call[2:11]), call[-2:]

        def like(tensor: Tensor | None, needed: bool) -> Tensor:
            # Contiguous, whatever the layout of the weights.
            return op.h0.new_empty(tensor.shape if tensor is not None and needed else 0)

        d_x = _empty_like(op.x) if needs_x and op.weight_x is not None else op.h0.new_empty(0)
        weights = [like(w, needs_weights) for w in (op.weight_x, op.weight_h, op.bias_x, op.extra)]
        d_bias = op.h0.new_empty(0) if op.gate_bias is None else torch.empty_like(op.gate_bias)
        return (d_x, _empty_like(op.h0), *weights, d_bias)

    def refuse(ctx: Any, *_: Any) -> None:
        raise UnavailableError(
            f"the {kernel} kernel has no second derivatives",
            why="its backward pass is written by hand, and once",
            hint="kernel='reference' for this layer",
        )

    back.register_autograd(refuse)
    return back


def _empty_like(frames: Tensor) -> Tensor:
    """Return new `[…, C, H, W]`, channels last."""
    *lead, channels, height, width = frames.shape
    return frames.new_empty(*lead, height, width, channels).movedim(-1, -3)


def _keep_for_backward(ctx: Any, inputs: Sequence[Any], output: Sequence[Any]) -> None:
    ctx.form = inputs[9:13]
    states, _, gates, side = output
    ctx.save_for_backward(*inputs[:9], states, side, *gates)
    ctx.set_materialize_grads(False)
