"""Gradients that no step waits for: of frames, weights and biases, a chunk of frames at once."""

from collections.abc import Iterable, Sequence
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
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands

__all__ = ["Gradients", "Sums"]


class Gradients(NamedTuple):
    """Gradients of everything that goes into a clip; empty where not asked for or not there."""

    x: Tensor
    h0: Tensor
    weight_x: Tensor
    weight_h: Tensor
    bias_x: Tensor
    extra: Tensor
    gate_bias: Tensor


class Sums:
    """Running sums over the chunks of one backward pass.

    Args:
        op: The call's tensors.
        form: The cell's form.
        widths: Channels of each buffer of gates.
        chunk: Frames of a chunk.
        x: Whether the gradient of the frames is wanted.
        weights: Whether those of weights and biases are.
    """

    def __init__(
        self, op: Operands, form: Form, widths: Sequence[int], chunk: int, *, x: bool, weights: bool
    ) -> None:
        self.op, self.form, self.widths = op, form, list(widths)
        self.dx = None
        if x and op.weight_x is not None:
            self.dx = new_frames(op.x.shape[0], op.x[0], op.x.shape[2])
            self.from_gates = [
                SameConv(transposed(part), form.dilation_x, (chunk * op.x.shape[1], width, *op.h0.shape[2:]))
                for part, width in zip(op.weight_x.split(self.widths), self.widths, strict=True)
            ]
        self.d_gate_bias = None if op.gate_bias is None else torch.zeros_like(op.gate_bias)
        self.sums = {
            name: _zeros_for(tensor)
            for name in ("weight_x", "weight_h", "bias_x", "extra")
            if weights and (tensor := getattr(op, name)) is not None
        }

    @property
    def of_weights(self) -> bool:
        """Whether gradients of weights are wanted."""
        return bool(self.sums)

    def add(self, span: range, d_gates: Sequence[Tensor]) -> None:
        """Take in the gradients of a chunk's pre-activations `[k·B, width, H, W]`, but for the weights."""
        if self.dx is not None:
            total = self.dx[span.start : span.stop].flatten(0, 1).zero_()
            for conv, gradient in zip(self.from_gates, d_gates, strict=True):
                conv.add_to(total, gradient)
        if self.d_gate_bias is not None:
            gradient = torch.cat(list(d_gates), dim=1).unflatten(0, (len(span), -1))
            total = self.d_gate_bias
            part = total[span.start : span.stop] if total.shape[0] > 1 else total
            part.add_(gradient.sum_to_size(part.shape))

    def add_weights(
        self,
        x: Tensor,
        d_gates: Sequence[Tensor],
        recurrent: Iterable[Convolved],
        extra: Tensor | None,
        *,
        joined: bool = False,
    ) -> None:
        """Take in what a chunk says of the weights.

        Args:
            x: Frames `[k·B, X, H, W]`, channels last.
            d_gates: Gradients of the pre-activations `[k·B, width, H, W]`.
            recurrent: The recurrent convolutions of the chunk.
            extra: The chunk's share of the gradient of `op.extra`.
            joined: Whether frame and state went through one convolution where they share a gradient.
        """
        recurrent, first = list(recurrent), 0
        for gradient in d_gates:
            rows = slice(first, first + gradient.shape[1])
            first = rows.stop
            together = [c for c in recurrent if joined and c.gradient is gradient]
            if together:
                recurrent = [c for c in recurrent if c.gradient is not gradient]
                self._add_joined(together[0], x)
            elif self.op.weight_x is None:
                self.sums["bias_x"][rows].add_(gradient.sum((0, 2, 3)))
            else:
                weight = self.op.weight_x[rows]
                of_weight, of_bias = weight_and_bias_gradient(gradient, x, weight, self.form.dilation_x)
                self.sums["weight_x"][rows].add_(of_weight)
                self.sums["bias_x"][rows].add_(of_bias)
        for gradient, pictures, rows in recurrent:
            assert self.op.weight_h is not None
            part = weight_gradient(gradient, pictures, self.op.weight_h[rows], self.form.dilation_h)
            self.sums["weight_h"][rows].add_(part)
        if extra is not None:
            self.sums["extra"].add_(extra)

    def result(self, d_h0: Tensor) -> Gradients:
        """Return all gradients, in the dtype of what they belong to."""
        sums = {name: total.to(d_h0.dtype).contiguous() for name, total in self.sums.items()}

        def or_nothing(tensor: Tensor | None) -> Tensor:
            # An operator may not return the same tensor twice: each nothing is a new one.
            return d_h0.new_empty(0) if tensor is None else tensor

        return Gradients(
            x=or_nothing(self.dx),
            h0=d_h0,
            weight_x=or_nothing(sums.get("weight_x")),
            weight_h=or_nothing(sums.get("weight_h")),
            bias_x=or_nothing(sums.get("bias_x")),
            extra=or_nothing(sums.get("extra")),
            gate_bias=or_nothing(self.d_gate_bias),
        )

    def _add_joined(self, convolved: Convolved, x: Tensor) -> None:
        """Add the gradients of weights that frame and state went through together."""
        gradient, pictures, rows = convolved
        assert self.op.weight_x is not None
        both = torch.cat([x, pictures], dim=1)
        shape = (gradient.shape[1], both.shape[1], *self.op.weight_x.shape[2:])
        of_weight, of_bias = weight_and_bias_gradient(
            gradient, both, gradient.new_empty(shape), self.form.dilation_x
        )
        self.sums["weight_x"][rows].add_(of_weight[:, : x.shape[1]])
        self.sums["weight_h"][rows].add_(of_weight[:, x.shape[1] :])
        self.sums["bias_x"][rows].add_(of_bias)


def _zeros_for(tensor: Tensor) -> Tensor:
    """Return zeros to sum up a gradient in, those of weights channels last, as they come."""
    layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
    wide = torch.promote_types(tensor.dtype, torch.float32)
    return torch.zeros_like(tensor, dtype=wide, memory_format=layout)
