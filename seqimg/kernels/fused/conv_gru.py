"""One step of ConvGRU and its gradient."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from seqimg.kernels.arithmetic import activate, activation_gradient, sigmoid_gradient
from seqimg.kernels.convolution import SameConv, new_frames, transposed
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands, Recurrence, joins

__all__ = ["ConvGRU"]


class ConvGRU(Recurrence):
    """Gates r, z in one buffer, the candidate n in another.

    Kept beside them: nothing under reset before, where r ⊙ h is a product away; under reset after the
    candidate's recurrent share `W_hn * h + b_hn`.
    """

    def __init__(self, operands: Operands, form: Form) -> None:
        super().__init__(operands, form)
        assert operands.weight_h is not None
        c, h0 = operands.h0.shape[1], operands.h0
        self.c, self.after = c, operands.extra is not None
        self.widths = (2 * c, c)
        self.side, self.scratch = (c if self.after else 0), c
        self.weight_rz, self.weight_n = operands.weight_h.split([2 * c, c])
        self.joins = joins(operands, form)
        if self.joins:
            self._prepare_join()
        else:
            self.to_rz = SameConv(self.weight_rz, form.dilation_h, h0.shape)
            self.to_n = SameConv(self.weight_n, form.dilation_h, h0.shape)

    def _prepare_join(self) -> None:
        op, c, dilation = self.operands, self.c, self.form.dilation_h
        assert op.weight_x is not None
        assert op.weight_h is not None
        pictures = (op.h0.shape[0], op.x.shape[2] + c, *op.h0.shape[2:])
        both = torch.cat([op.weight_x, op.weight_h], dim=1)
        self.both_to_rz = SameConv(both[: 2 * c], dilation, pictures)
        if self.after:
            self.x_to_n = SameConv(op.weight_x[2 * c :], dilation, op.x.shape[1:])
            self.to_n = SameConv(self.weight_n, dilation, op.h0.shape)
        else:
            self.both_to_n = SameConv(both[2 * c :], dilation, pictures)
        self.bias_rz, self.bias_n = (bias.clone() for bias in self.biases)
        self._both: Tensor | None = None

    @property
    def biases(self) -> list[Tensor]:
        """What each gate buffer starts from; the recurrent biases of r and z need no pass of their own."""
        rz, n = super().biases
        return [rz if self.operands.extra is None else rz + self.operands.extra[: 2 * self.c], n]

    def complete(self, gates: Sequence[Tensor], state: Tensor, side: Tensor) -> None:
        """Fill in the state's share; `side` is left holding r ⊙ h, or the candidate's recurrent share."""
        rz, n = gates
        self.to_rz.add_to(rz, state)
        rz.sigmoid_()
        r = rz[:, : self.c]
        if self.operands.extra is None:
            torch.mul(r, state, out=side)
            self.to_n.add_to(n, side)
        else:
            side.copy_(self.operands.extra[2 * self.c :].view(-1, 1, 1))
            self.to_n.add_to(side, state)
            n.addcmul_(r, side)
        activate(n, self.form.activation)

    def join(self, x: Tensor, state: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Convolve frame and state as one; reset after keeps their convolutions for n apart."""
        both = self._side_by_side(x, state)
        rz = self.both_to_rz(both, self.bias_rz, "sigmoid")
        r = rz[:, : self.c]
        if self.operands.extra is None:
            torch.mul(r, state, out=both[:, x.shape[1] :])
            return [rz, self.both_to_n(both, self.bias_n, self.form.activation)], None
        side = self.to_n(state, self.operands.extra[2 * self.c :])
        n = self.x_to_n(x, self.bias_n)
        n.addcmul_(r, side)
        activate(n, self.form.activation)
        return [rz, n], side

    def _side_by_side(self, x: Tensor, state: Tensor) -> Tensor:
        """Return `[x | state]` in a buffer that the next call will use again."""
        if self._both is None or self._both.shape[0] != x.shape[0]:
            self._both = new_frames(1, x, x.shape[1] + self.c)[0]
        self._both[:, : x.shape[1]].copy_(x)
        self._both[:, x.shape[1] :].copy_(state)
        return self._both

    def advance(self, gates: Sequence[Tensor], state: Tensor, update: Tensor | None, out: Tensor) -> None:
        """Write `h + update ⊙ z ⊙ (n − h)`."""
        z = gates[0][:, self.c :]
        torch.lerp(state, gates[1], z if update is None else z * update, out=out)

    def prepare_back(self) -> None:
        """Pack the transposed weights."""
        c, h0, dilation = self.c, self.operands.h0, self.form.dilation_h
        self.from_rz = SameConv(transposed(self.weight_rz), dilation, (h0.shape[0], 2 * c, *h0.shape[2:]))
        self.from_n = SameConv(transposed(self.weight_n), dilation, h0.shape)
        self._change, self._share = (
            torch.empty_like(h0, memory_format=torch.channels_last) for _ in range(2)
        )

    def back(
        self,
        d_state: Tensor,
        gates: Sequence[Tensor],
        state: Tensor,
        side: Tensor,
        update: Tensor | None,
        d_gates: Sequence[Tensor],
        scratch: Tensor,
    ) -> None:
        """Go back one step; `scratch` is left holding r ⊙ h, or the gradient of the recurrent share."""
        (rz, n), (d_rz, d_n) = gates, d_gates
        c, change, share = self.c, self._change, self._share
        r, z = rz[:, :c], rz[:, c:]
        torch.mul(d_state, z, out=share)
        torch.sub(n, state, out=change)
        change.mul_(d_state)
        if update is not None:
            share.mul_(update)
            change.mul_(update)
        activation_gradient(share, n, self.form.activation, d_n)
        sigmoid_gradient(change, z, d_rz[:, c:])
        d_state.sub_(share)
        if self.after:
            torch.mul(d_n, side, out=change)
            torch.mul(d_n, r, out=scratch)
            self.from_n.add_to(d_state, scratch)
        else:
            of_reset = self.from_n(d_n)
            torch.mul(of_reset, state, out=change)
            d_state.addcmul_(of_reset, r)
            torch.mul(r, state, out=scratch)
        sigmoid_gradient(change, r, d_rz[:, :c])
        self.from_rz.add_to(d_state, d_rz)

    def convolved(self, d_gates: Sequence[Tensor], states: Tensor, scratch: Tensor) -> Iterable[Convolved]:
        """Return the convolution for r and z and that for n."""
        (d_rz, d_n), c = d_gates, self.c
        yield Convolved(d_rz, states, slice(0, 2 * c))
        yield Convolved(*((scratch, states) if self.after else (d_n, scratch)), slice(2 * c, 3 * c))

    def extra_gradient(
        self, d_gates: Sequence[Tensor], gates: Sequence[Tensor], states: Tensor, scratch: Tensor
    ) -> Tensor | None:
        """Return the gradient of `bias_h [3C]`."""
        if not self.after:
            return None
        return torch.cat([d_gates[0].sum((0, 2, 3)), scratch.sum((0, 2, 3))])
