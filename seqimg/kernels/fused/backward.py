"""The walk through time, backward."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqimg.kernels.convolution import (
    SameConv,
    new_frames,
    transposed,
    weight_and_bias_gradient,
    weight_gradient,
)
from seqimg.kernels.fused.clip import FAMILIES, Inputs, Kept, chunk_frames, chunks
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands

__all__ = ["Gradients", "run_backward"]


class Gradients(NamedTuple):
    """Gradients of everything that goes into a clip; empty where not asked for or not there."""

    x: Tensor
    h0: Tensor
    weight_x: Tensor
    weight_h: Tensor
    bias_x: Tensor
    extra: Tensor
    gate_bias: Tensor


def run_backward(
    op: Operands, form: Form, kept: Kept, d_states: Tensor, d_last: Tensor, *, x: bool, weights: bool
) -> Gradients:
    """Go back through a clip; gates that were not kept are computed again, a chunk of frames at once.

    Args:
        op: The call's tensors.
        form: The cell's form.
        kept: What the forward pass returned.
        d_states: Gradient of the states `[T, B, S, H, W]`.
        d_last: Gradient of the last state beside that, `[B, S, H, W]`.
        x: Whether the gradient of the frames is wanted.
        weights: Whether those of weights and biases are.
    """
    walk = _Backward(op, form, kept, x=x, weights=weights)
    d_state = d_last.clone(memory_format=torch.channels_last)
    for span in reversed(list(chunks(op.x.shape[0], walk.chunk))):
        walk.back(span, d_state, d_states)
    return walk.result(d_state)


class _Backward:
    """Buffers and running sums of one backward pass."""

    def __init__(self, op: Operands, form: Form, kept: Kept, *, x: bool, weights: bool) -> None:
        self.op, self.form, self.kept = op, form, kept
        self.family = FAMILIES[form.family](op, form)
        self.family.prepare_back()
        self.chunk = chunk_frames(op, self.family)
        self.inputs = Inputs(op, form, self.family, self.chunk)
        self.d_gates = [new_frames(self.chunk, op.h0, width) for width in self.family.widths]
        self.scratch = new_frames(self.chunk, op.h0, self.family.scratch)
        self.dx = self.d_gate_bias = None
        if x and op.weight_x is not None:
            self.dx = new_frames(op.x.shape[0], op.x[0], op.x.shape[2])
            self.from_gates = [
                SameConv(
                    transposed(part), form.dilation_x, (self.chunk * op.x.shape[1], width, *op.h0.shape[2:])
                )
                for part, width in zip(op.weight_x.split(self.inputs.widths), self.inputs.widths, strict=True)
            ]
        if op.gate_bias is not None:
            self.d_gate_bias = torch.zeros_like(op.gate_bias)
        self.sums = {
            name: torch.zeros_like(tensor, dtype=torch.promote_types(tensor.dtype, torch.float32))
            for name in ("weight_x", "weight_h", "bias_x", "extra")
            if weights and (tensor := getattr(op, name)) is not None
        }

    def back(self, span: range, d_state: Tensor, d_states: Tensor) -> None:
        """Go back through the frames of `span`, then add what they say of the weights."""
        before = self._states_before(span)
        gates, side = self._gates(span, before)
        for time in reversed(span):
            at = time - span.start
            d_state.add_(d_states[time])
            self.family.back(
                d_state,
                [buffer[at] for buffer in gates],
                before[at],
                side[at],
                None if self.op.update is None else self.op.update[time],
                [buffer[at] for buffer in self.d_gates],
                self.scratch[at],
            )
            if self.op.keep is not None:
                d_state.mul_(self.op.keep[time].view(-1, 1, 1, 1))
        d_gates = [buffer[: len(span)].flatten(0, 1) for buffer in self.d_gates]
        if self.dx is not None:
            total = self.dx[span.start : span.stop].flatten(0, 1).zero_()
            for conv, gradient in zip(self.from_gates, d_gates, strict=True):
                conv.add_to(total, gradient)
        if self.sums:
            flat = [buffer.flatten(0, 1) for buffer in gates]
            self._add_weights(
                span, d_gates, flat, before.flatten(0, 1), self.scratch[: len(span)].flatten(0, 1)
            )
        if self.d_gate_bias is not None:
            self._add_gate_bias(span, self.d_gate_bias)

    def result(self, d_state: Tensor) -> Gradients:
        """Return all gradients, in the dtype of what they belong to."""
        sums = {name: total.to(d_state.dtype) for name, total in self.sums.items()}

        def or_nothing(tensor: Tensor | None) -> Tensor:
            # An operator may not return the same tensor twice: each nothing is a new one.
            return d_state.new_empty(0) if tensor is None else tensor

        return Gradients(
            x=or_nothing(self.dx),
            h0=d_state,
            weight_x=or_nothing(sums.get("weight_x")),
            weight_h=or_nothing(sums.get("weight_h")),
            bias_x=or_nothing(sums.get("bias_x")),
            extra=or_nothing(sums.get("extra")),
            gate_bias=or_nothing(self.d_gate_bias),
        )

    def _states_before(self, span: range) -> Tensor:
        """Return the states that the frames of `span` started from, `[k, B, S, H, W]`."""
        states = self.kept.states
        if span.start:
            before = states[span.start - 1 : span.stop - 1]
        else:
            before = new_frames(len(span), self.op.h0, self.op.h0.shape[1])
            before[0] = self.op.h0
            before[1:] = states[: span.stop - 1]
        if self.op.keep is None:
            return before
        return before * self.op.keep[span.start : span.stop].view(len(span), -1, 1, 1, 1)

    def _gates(self, span: range, before: Tensor) -> tuple[list[Tensor], Tensor]:
        part = slice(span.start, span.stop)
        if self.kept.gates:
            side = self.kept.side[part] if self.family.side else self.scratch
            return [buffer[part] for buffer in self.kept.gates], side
        if self.family.joins:
            joined, found = self.family.join(self.inputs.frames(span), before.flatten(0, 1))
            side = self.scratch if found is None else found.unflatten(0, before.shape[:2])
            return [gate.unflatten(0, before.shape[:2]) for gate in joined], side
        gates = [new_frames(len(span), self.op.h0, width) for width in self.family.widths]
        side = new_frames(len(span), self.op.h0, self.family.side) if self.family.side else self.scratch
        self.inputs.project(span, gates)
        flat = [buffer.flatten(0, 1) for buffer in gates]
        self.family.complete(flat, before.flatten(0, 1), side[: len(span)].flatten(0, 1))
        return gates, side

    def _add_weights(
        self,
        span: range,
        d_gates: Sequence[Tensor],
        gates: Sequence[Tensor],
        states: Tensor,
        scratch: Tensor,
    ) -> None:
        x, first = self.inputs.frames(span), 0
        recurrent = list(self.family.convolved(d_gates, states, scratch))
        for gradient in d_gates:
            rows = slice(first, first + gradient.shape[1])
            first = rows.stop
            together = [c for c in recurrent if self.family.joins and c.gradient is gradient]
            if together:
                recurrent = [c for c in recurrent if c.gradient is not gradient]
                self._add_joined(together[0], x)
            elif self.op.weight_x is None:
                self.sums["bias_x"][rows] += gradient.sum((0, 2, 3))
            else:
                weight = self.op.weight_x[rows]
                of_weight, of_bias = weight_and_bias_gradient(gradient, x, weight, self.form.dilation_x)
                self.sums["weight_x"][rows] += of_weight
                self.sums["bias_x"][rows] += of_bias
        for gradient, pictures, rows in recurrent:
            assert self.op.weight_h is not None
            part = weight_gradient(gradient, pictures, self.op.weight_h[rows], self.form.dilation_h)
            self.sums["weight_h"][rows] += part
        extra = self.family.extra_gradient(d_gates, gates, states, scratch)
        if extra is not None:
            self.sums["extra"] += extra

    def _add_joined(self, convolved: Convolved, x: Tensor) -> None:
        """Add the gradients of weights that frame and state went through together."""
        gradient, pictures, rows = convolved
        assert self.op.weight_x is not None
        both = torch.cat([x, pictures], dim=1)
        shape = (gradient.shape[1], both.shape[1], *self.op.weight_x.shape[2:])
        of_weight, of_bias = weight_and_bias_gradient(
            gradient, both, gradient.new_empty(shape), self.form.dilation_x
        )
        self.sums["weight_x"][rows] += of_weight[:, : x.shape[1]]
        self.sums["weight_h"][rows] += of_weight[:, x.shape[1] :]
        self.sums["bias_x"][rows] += of_bias

    def _add_gate_bias(self, span: range, total: Tensor) -> None:
        gradient = torch.cat([buffer[: len(span)] for buffer in self.d_gates], dim=2)
        part = total[span.start : span.stop] if total.shape[0] > 1 else total
        part += gradient.sum_to_size(part.shape)
