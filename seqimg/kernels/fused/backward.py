"""The walk through time, backward."""

import torch
from torch import Tensor

from seqimg.kernels.convolution import new_frames
from seqimg.kernels.fused.clip import FAMILIES, Inputs, Kept, chunk_frames, chunks, states_before
from seqimg.kernels.fused.recurrence import Form, Operands
from seqimg.kernels.fused.sums import Gradients, Sums

__all__ = ["run_backward"]


def run_backward(
    op: Operands,
    form: Form,
    kept: Kept,
    d_states: Tensor | None,
    d_last: Tensor,
    *,
    x: bool,
    weights: bool,
) -> Gradients:
    """Go back through a clip; gates that were not kept are computed again, a chunk of frames at once.

    Args:
        op: The call's tensors.
        form: The cell's form.
        kept: What the forward pass returned.
        d_states: Gradient of the states `[T, B, S, H, W]`, None for zeros.
        d_last: Gradient of the last state beside that, `[B, S, H, W]`.
        x: Whether the gradient of the frames is wanted.
        weights: Whether those of weights and biases are.
    """
    walk = _Backward(op, form, kept, x=x, weights=weights)
    d_state = d_last.clone(memory_format=torch.channels_last)
    for span in reversed(list(chunks(op.x.shape[0], walk.chunk))):
        walk.back(span, d_state, d_states)
    return walk.sums.result(d_state)


class _Backward:
    """Buffers and running sums of one backward pass."""

    def __init__(self, op: Operands, form: Form, kept: Kept, *, x: bool, weights: bool) -> None:
        self.op, self.form, self.kept = op, form, kept
        self.family = FAMILIES[form.family](op, form)
        self.family.prepare_back()
        self.chunk = chunk_frames(op, self.family, least_memory=not kept.gates)
        self.inputs = Inputs(op, form, self.family, self.chunk)
        self.d_gates = [new_frames(self.chunk, op.h0, width) for width in self.family.widths]
        self.scratch = new_frames(self.chunk, op.h0, self.family.scratch)
        self.sums = Sums(op, form, self.family.widths, self.chunk, x=x, weights=weights)

    def back(self, span: range, d_state: Tensor, d_states: Tensor | None) -> None:
        """Go back through the frames of `span`, then add what they say of the weights."""
        before = self._states_before(span)
        gates, side = self._gates(span, before)
        for time in reversed(span):
            at = time - span.start
            if d_states is not None:
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
        self._add(span, gates, before)

    def _add(self, span: range, gates: list[Tensor], before: Tensor) -> None:
        """Take in what the chunk says of frames, weights and biases."""
        d_gates = [buffer[: len(span)].flatten(0, 1) for buffer in self.d_gates]
        self.sums.add(span, d_gates)
        if not self.sums.of_weights:
            return
        flat, states = [buffer.flatten(0, 1) for buffer in gates], before.flatten(0, 1)
        scratch = self.scratch[: len(span)].flatten(0, 1)
        self.sums.add_weights(
            self.inputs.frames(span),
            d_gates,
            self.family.convolved(d_gates, states, scratch),
            self.family.extra_gradient(d_gates, flat, states, scratch),
            joined=self.family.joins,
        )

    def _states_before(self, span: range) -> Tensor:
        """Return the states that the frames of `span` started from, `[k, B, S, H, W]`."""
        before = states_before(self.op.h0, self.kept.states, span)
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
