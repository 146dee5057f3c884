"""ConvGRU over a clip, forward and backward, in chunks of time that bound every temporary."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from seqimg.kernels.conv_gru.passes import Form, Operands, Steps, StepsBack
from seqimg.kernels.convolution import (
    SameConv,
    channels_last,
    new_frames,
    transposed,
    weight_and_bias_gradient,
    weight_gradient,
)

__all__ = ["Gradients", "Result", "run_backward", "run_forward"]

_CHUNK_BYTES = 48 * 2**20  # of gradients of gates held at a time: small enough to stay near the cores


class Result(NamedTuple):
    """What a forward pass gives and keeps; the last three are empty unless they are to be kept.

    Attributes:
        y: States `[T, B, C, H, W]`, channels last.
        rz: Gates `[T, B, 2C, H, W]`.
        n: Candidates `[T, B, C, H, W]`.
        side: Reset after only: the candidates' recurrent shares `[T, B, C, H, W]`.
    """

    y: Tensor
    rz: Tensor
    n: Tensor
    side: Tensor


class Gradients(NamedTuple):
    """Gradients of everything that goes into a clip; empty where not asked for or not there."""

    x: Tensor
    h0: Tensor
    weight_x: Tensor
    weight_h: Tensor
    bias_x: Tensor
    bias_h: Tensor
    gate_bias: Tensor


def run_forward(op: Operands, form: Form, *, save: bool) -> Result:
    """Run a clip; with `save`, keep what the backward pass needs."""
    frames, c, h0 = op.x.shape[0], op.hidden, channels_last(op.h0)
    chunk = _chunk_frames(op)
    steps = Steps(op, form, chunk)
    y = new_frames(frames, h0, c)
    kept = frames if save else chunk
    rz, n = new_frames(kept, h0, 2 * c), new_frames(kept, h0, c)
    side = new_frames(frames if save and form.after else 1, h0, c)
    h = h0
    for span in _chunks(frames, chunk):
        at = span.start if save else 0
        length = span.stop - span.start
        x, gate_bias = _frames_of(op, span)
        steps.project(x, gate_bias, rz[at : at + length], n[at : at + length])
        for time in range(span.start, span.stop):
            if op.keep is not None:
                h = h * op.keep[time].view(-1, 1, 1, 1)
            where = time - span.start + at
            beside = side[time if side.shape[0] > 1 else 0]
            steps.complete(rz[where], n[where], h, beside)
            steps.advance(rz[where], n[where], h, None if op.update is None else op.update[time], y[time])
            h = y[time]
    if not save:
        return Result(y, *_nothing(h0, 3))
    return Result(y, rz, n, side if form.after else h0.new_empty(0))


def run_backward(
    op: Operands, form: Form, kept: Result, dy: Tensor, dh_last: Tensor, *, needs_x: bool, needs_weights: bool
) -> Gradients:
    """Go back through a clip; gates that were not kept are computed again, a chunk of frames at once.

    Args:
        op: The call's tensors.
        form: The cell's form.
        kept: What the forward pass returned.
        dy: Gradient of the states `[T, B, C, H, W]`.
        dh_last: Gradient of the last state beside that, `[B, C, H, W]`.
        needs_x: Whether the gradient of the frames is wanted.
        needs_weights: Whether those of weights and biases are.
    """
    back = _Backward(op, form, kept, needs_x=needs_x, needs_weights=needs_weights)
    dh = dh_last.clone(memory_format=torch.channels_last)
    for span in reversed(list(_chunks(op.x.shape[0], back.chunk))):
        back.chunk_of_time(span, dh, dy)
    return back.result(dh)


class _Backward:
    """Buffers and running sums of one backward pass."""

    def __init__(self, op: Operands, form: Form, kept: Result, *, needs_x: bool, needs_weights: bool) -> None:
        self.op, self.form, self.kept, self.needs_weights = op, form, kept, needs_weights
        self.chunk, c, h0 = _chunk_frames(op), op.hidden, channels_last(op.h0)
        self.back = StepsBack(op, form)
        self.again = Steps(op, form, self.chunk) if kept.rz.numel() == 0 else None
        self.d_rz, self.d_n = new_frames(self.chunk, h0, 2 * c), new_frames(self.chunk, h0, c)
        self.beside = new_frames(self.chunk, h0, c)  # r ⊙ h, or the gradient of the recurrent share
        self.dx, self.d_gate_bias = _nothing(h0, 2)
        if needs_x and op.weight_x is not None:
            self.dx = new_frames(op.x.shape[0], op.x[0], op.x.shape[2])
            rz, n = op.weight_x.split([2 * c, c])
            pictures = (self.chunk * op.x.shape[1], c, *h0.shape[2:])
            self.x_rz = SameConv(transposed(rz), form.dilation_x, (pictures[0], 2 * c, *pictures[2:]))
            self.x_n = SameConv(transposed(n), form.dilation_x, pictures)
        self.sums = {
            name: torch.zeros_like(tensor, dtype=torch.promote_types(tensor.dtype, torch.float32))
            for name in ("weight_x", "weight_h", "bias_x", "bias_h")
            if needs_weights and (tensor := getattr(op, name)) is not None
        }
        if op.gate_bias is not None:
            self.d_gate_bias = torch.zeros_like(op.gate_bias)

    def chunk_of_time(self, span: range, dh: Tensor, dy: Tensor) -> None:
        """Go back through the frames of `span`, then add what they say of the weights."""
        before = self._states_before(span)
        rz, n, side = self._gates(span, before)
        for time in reversed(span):
            i = time - span.start
            dh.add_(dy[time])
            if not self.form.after:
                torch.mul(rz[i][:, : self.op.hidden], before[i], out=self.beside[i])
            self.back.step(
                dh,
                rz[i],
                n[i],
                before[i],
                side[i],
                None if self.op.update is None else self.op.update[time],
                self.d_rz[i],
                self.d_n[i],
                self.beside[i] if self.form.after else None,
            )
            if self.op.keep is not None:
                dh.mul_(self.op.keep[time].view(-1, 1, 1, 1))
        length = len(span)
        d_rz, d_n, beside = self.d_rz[:length], self.d_n[:length], self.beside[:length]
        if self.dx.numel():
            total = self.dx[span.start : span.stop].flatten(0, 1).zero_()
            self.x_rz.add_to(total, d_rz.flatten(0, 1))
            self.x_n.add_to(total, d_n.flatten(0, 1))
        if self.needs_weights:
            self._add_weights(
                span, d_rz.flatten(0, 1), d_n.flatten(0, 1), before.flatten(0, 1), beside.flatten(0, 1)
            )
        if self.op.gate_bias is not None:
            self._add_gate_bias(span, torch.cat([d_rz, d_n], dim=2))

    def result(self, dh: Tensor) -> Gradients:
        """Return all gradients, in the dtype of what they belong to."""
        names = ("weight_x", "weight_h", "bias_x", "bias_h")
        sums = [self.sums[name].to(dh.dtype) if name in self.sums else dh.new_empty(0) for name in names]
        weight_x, weight_h, bias_x, bias_h = sums
        return Gradients(self.dx, dh, weight_x, weight_h, bias_x, bias_h, self.d_gate_bias)

    def _states_before(self, span: range) -> Tensor:
        """Return the states that the frames of `span` started from, `[k, B, C, H, W]`."""
        y = self.kept.y
        if span.start:
            before = y[span.start - 1 : span.stop - 1]
        else:
            before = new_frames(len(span), self.op.h0, self.op.hidden)
            before[0] = self.op.h0
            before[1:] = y[: span.stop - 1]
        if self.op.keep is None:
            return before
        return before * self.op.keep[span.start : span.stop].view(len(span), -1, 1, 1, 1)

    def _gates(self, span: range, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.again is None:
            part = slice(span.start, span.stop)
            side = self.kept.side[part] if self.form.after else self.beside
            return self.kept.rz[part], self.kept.n[part], side
        c, length = self.op.hidden, len(span)
        rz, n = new_frames(length, self.op.h0, 2 * c), new_frames(length, self.op.h0, c)
        side = new_frames(length, self.op.h0, c) if self.form.after else self.beside[:length]
        x, gate_bias = _frames_of(self.op, span)
        self.again.project(x, gate_bias, rz, n)
        self.again.complete(rz.flatten(0, 1), n.flatten(0, 1), before.flatten(0, 1), side.flatten(0, 1))
        return rz, n, side

    def _add_weights(self, span: range, d_rz: Tensor, d_n: Tensor, h: Tensor, beside: Tensor) -> None:
        c, form = self.op.hidden, self.form
        rz, n = self.op.weight_h.split([2 * c, c])
        recurrent, convolved = (beside, h) if form.after else (d_n, beside)
        of_rz, bias_rz = weight_and_bias_gradient(d_rz, h, rz, form.dilation_h)
        of_n, bias_n = weight_and_bias_gradient(recurrent, convolved, n, form.dilation_h)
        self.sums["weight_h"][: 2 * c] += of_rz
        self.sums["weight_h"][2 * c :] += of_n
        self.sums["bias_x"][: 2 * c] += bias_rz
        if form.after:
            self.sums["bias_h"][: 2 * c] += bias_rz
            self.sums["bias_h"][2 * c :] += bias_n
            self.sums["bias_x"][2 * c :] += d_n.sum((0, 2, 3))
        else:
            self.sums["bias_x"][2 * c :] += bias_n
        if self.op.weight_x is not None:
            x, _ = _frames_of(self.op, span)
            rz, n = self.op.weight_x.split([2 * c, c])
            self.sums["weight_x"][: 2 * c] += weight_gradient(d_rz, x, rz, form.dilation_x)
            self.sums["weight_x"][2 * c :] += weight_gradient(d_n, x, n, form.dilation_x)

    def _add_gate_bias(self, span: range, gradient: Tensor) -> None:
        total = self.d_gate_bias
        part = total[span.start : span.stop] if total.shape[0] > 1 else total
        part += gradient.sum_to_size(part.shape)


def _nothing(like: Tensor, count: int) -> Iterator[Tensor]:
    """Return empty tensors; an operator may not return the same one twice."""
    return (like.new_empty(0) for _ in range(count))


def _chunks(frames: int, chunk: int) -> Iterator[range]:
    for first in range(0, frames, chunk):
        yield range(first, min(first + chunk, frames))


def _chunk_frames(op: Operands) -> int:
    """Return how many frames are worked on at once."""
    frame = 4 * op.h0.numel() * op.h0.element_size()  # r, z, n and what is beside them
    return max(1, min(op.x.shape[0], _CHUNK_BYTES // max(1, frame)))


def _frames_of(op: Operands, span: range) -> tuple[Tensor, Tensor | None]:
    """Return a chunk's frames `[k·B, X, H, W]`, channels last, and its gate bias."""
    x = channels_last(op.x[span.start : span.stop].flatten(0, 1))
    if op.gate_bias is None or op.gate_bias.shape[0] == 1:
        return x, op.gate_bias
    return x, op.gate_bias[span.start : span.stop]
