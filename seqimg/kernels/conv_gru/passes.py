"""One step of ConvGRU and its gradient, in place on channels-last buffers.

In a comment, `[n]` is one frame of a batch or several flattened into one: the same code completes
the gates of a frame in the forward pass and those of a whole chunk when they are computed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqimg.kernels.convolution import SameConv, transposed

__all__ = ["Form", "Operands", "Steps", "StepsBack"]

_LEAKY_SLOPE = 0.2


@dataclass(frozen=True)
class Form:
    """What of a ConvGRU cell decides how it is computed.

    Attributes:
        after: Whether r gates the state after the candidate's convolution.
        activation: `"tanh"`, `"relu"` or `"leaky"`.
        dilation_x: Dilation of the convolutions of the input.
        dilation_h: Dilation of the convolutions of the state.
    """

    after: bool
    activation: str
    dilation_x: Sequence[int]
    dilation_h: Sequence[int]


@dataclass(frozen=True)
class Operands:
    """The tensors of one call.

    Attributes:
        x: Frames `[T, B, X, H, W]`.
        h0: State before the first frame `[B, C, H, W]`.
        weight_x: `[3C, X, kh, kw]`, None if X = 0.
        weight_h: `[3C, C, kh', kw']`.
        bias_x: `[3C]`.
        bias_h: `[3C]`, reset after only.
        keep: `[T, B]` or None.
        update: `[T, B, 1|C, 1|H, 1|W]` or None.
        gate_bias: `[1|T, B, 3C, 1|H, 1|W]` or None.
    """

    x: Tensor
    h0: Tensor
    weight_x: Tensor | None
    weight_h: Tensor
    bias_x: Tensor
    bias_h: Tensor | None
    keep: Tensor | None
    update: Tensor | None
    gate_bias: Tensor | None

    @property
    def hidden(self) -> int:
        """C, channels of the state."""
        return self.h0.shape[1]


class Steps:
    """The forward half: from a projection and a state to gates, candidate and next state."""

    def __init__(self, operands: Operands, form: Form, frames: int) -> None:
        c, h0, x = operands.hidden, operands.h0, operands.x
        rz, n = operands.weight_h.split([2 * c, c])
        self.operands, self.form = operands, form
        self.bias_rz, self.bias_n = operands.bias_x.split([2 * c, c])
        self.recurrent_bias: Tensor | None = None
        if operands.bias_h is not None:
            self.bias_rz = self.bias_rz + operands.bias_h[: 2 * c]
            self.recurrent_bias = operands.bias_h[2 * c :]
        self.h_rz = SameConv(rz, form.dilation_h, h0.shape)
        self.h_n = SameConv(n, form.dilation_h, h0.shape)
        self.x_rz = self.x_n = None
        if operands.weight_x is not None:
            pictures = (frames * x.shape[1], *x.shape[2:])
            rz, n = operands.weight_x.split([2 * c, c])
            self.x_rz = SameConv(rz, form.dilation_x, pictures)
            self.x_n = SameConv(n, form.dilation_x, pictures)

    def project(self, x: Tensor, gate_bias: Tensor | None, rz: Tensor, n: Tensor) -> None:
        """Fill `rz [k, B, 2C, H, W]` and `n [k, B, C, H, W]` with the input's share of the pre-activations.

        Args:
            x: The chunk's frames `[k·B, X, H, W]`, channels last.
            gate_bias: The chunk's `[1|k, B, 3C, 1|H, 1|W]`.
            rz: To be filled.
            n: To be filled.
        """
        rz.copy_(self.bias_rz.view(-1, 1, 1))
        n.copy_(self.bias_n.view(-1, 1, 1))
        if self.x_rz is not None and self.x_n is not None:
            self.x_rz.add_to(rz.flatten(0, 1), x)
            self.x_n.add_to(n.flatten(0, 1), x)
        if gate_bias is not None:
            rz.add_(gate_bias[:, :, : rz.shape[2]])
            n.add_(gate_bias[:, :, rz.shape[2] :])

    def complete(self, rz: Tensor, n: Tensor, h: Tensor, side: Tensor) -> None:
        """Turn projections into gates and candidate, in place.

        Args:
            rz: `[n, 2C, H, W]`, projection in, activated gates out.
            n: `[n, C, H, W]`, projection in, candidate out.
            h: The state before, `[n, C, H, W]`.
            side: Filled with what the backward pass needs beside them, `[n, C, H, W]`: r ⊙ h, or under
                reset after the candidate's recurrent share.
        """
        self.h_rz.add_to(rz, h)
        rz.sigmoid_()
        r = rz[:, : h.shape[1]]
        if self.recurrent_bias is None:
            torch.mul(r, h, out=side)
            self.h_n.add_to(n, side)
        else:
            side.copy_(self.recurrent_bias.view(-1, 1, 1))
            self.h_n.add_to(side, h)
            n.addcmul_(r, side)
        _activate(n, self.form.activation)

    def advance(self, rz: Tensor, n: Tensor, h: Tensor, update: Tensor | None, out: Tensor) -> None:
        """Write the next state `h + update ⊙ z ⊙ (n − h)` to `out [B, C, H, W]`."""
        z = rz[:, h.shape[1] :]
        torch.lerp(h, n, z if update is None else z * update, out=out)


class StepsBack:
    """The backward half: from the gradient of a step's state to those of its gates and of the state before.

    Args:
        operands: The call's tensors.
        form: The cell's form.
    """

    def __init__(self, operands: Operands, form: Form) -> None:
        c, h0 = operands.hidden, operands.h0
        rz, n = operands.weight_h.split([2 * c, c])
        self.form = form
        self.to_rz = SameConv(transposed(rz), form.dilation_h, (h0.shape[0], 2 * c, *h0.shape[2:]))
        self.to_n = SameConv(transposed(n), form.dilation_h, h0.shape)
        self._change, self._share = torch.empty_like(h0), torch.empty_like(h0)

    def step(
        self,
        dh: Tensor,
        rz: Tensor,
        n: Tensor,
        h: Tensor,
        side: Tensor,
        update: Tensor | None,
        d_rz: Tensor,
        d_n: Tensor,
        d_side: Tensor | None,
    ) -> None:
        """Go back one step.

        Args:
            dh: `[B, C, H, W]`, the gradient of the state after the step in, of the state before it out.
            rz: The activated gates.
            n: The candidate.
            h: The state before the step.
            side: What `complete` left.
            update: Share of the change that happened.
            d_rz: Filled with the gradient of the gates' pre-activations.
            d_n: Filled with the gradient of the candidate's pre-activation.
            d_side: Reset after: filled with that of the candidate's recurrent share.
        """
        c, change, share = h.shape[1], self._change, self._share
        r, z = rz[:, :c], rz[:, c:]
        torch.mul(dh, z, out=share)
        torch.sub(n, h, out=change)
        change.mul_(dh)
        if update is not None:
            share.mul_(update)
            change.mul_(update)
        _activation_gradient(share, n, self.form.activation, d_n)
        torch.ops.aten.sigmoid_backward.grad_input(change, z, grad_input=d_rz[:, c:])
        dh.sub_(share)
        if d_side is None:
            of_reset = self.to_n(d_n)
            torch.mul(of_reset, h, out=change)
            dh.addcmul_(of_reset, r)
        else:
            torch.mul(d_n, side, out=change)
            torch.mul(d_n, r, out=d_side)
            self.to_n.add_to(dh, d_side)
        torch.ops.aten.sigmoid_backward.grad_input(change, r, grad_input=d_rz[:, :c])
        self.to_rz.add_to(dh, d_rz)


def _activate(values: Tensor, activation: str) -> None:
    if activation == "tanh":
        values.tanh_()
    elif activation == "relu":
        values.relu_()
    else:
        torch.nn.functional.leaky_relu_(values, _LEAKY_SLOPE)


def _activation_gradient(gradient: Tensor, result: Tensor, activation: str, out: Tensor) -> None:
    """Write to `out` the gradient before the activation that gave `result`."""
    if activation == "tanh":
        torch.ops.aten.tanh_backward.grad_input(gradient, result, grad_input=out)
    elif activation == "relu":
        torch.ops.aten.threshold_backward.grad_input(gradient, result, 0, grad_input=out)
    else:
        torch.ops.aten.leaky_relu_backward.grad_input(gradient, result, _LEAKY_SLOPE, True, grad_input=out)
