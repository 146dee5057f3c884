"""One step of ConvLSTM and its gradient."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from seqimg.kernels.arithmetic import sigmoid_gradient, tanh_gradient
from seqimg.kernels.convolution import SameConv, channels_last, transposed
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands, Recurrence

__all__ = ["ConvLSTM"]


class ConvLSTM(Recurrence):
    """Gates i, f, g, o in one buffer; the state is `[h | c]`. Nothing is kept beside them."""

    def __init__(self, operands: Operands, form: Form) -> None:
        super().__init__(operands, form)
        assert operands.weight_h is not None
        self.c = operands.h0.shape[1] // 2
        self.widths = (4 * self.c,)
        self.scratch = self.c
        self.weight = operands.weight_h
        batch, _, *size = operands.h0.shape
        self.to_gates = SameConv(self.weight, form.dilation_h, (batch, self.c, *size))
        self.peepholes = None if operands.extra is None else operands.extra[:, :, None, None].unbind()

    def complete(self, gates: Sequence[Tensor], state: Tensor, side: Tensor) -> None:
        """Fill in the state's share."""
        (all_gates,), c = gates, state[:, self.c :]
        self.to_gates.add_to(all_gates, channels_last(state[:, : self.c]))
        i, f, g, o = all_gates.chunk(4, dim=1)
        if self.peepholes is not None:
            i.addcmul_(self.peepholes[0], c)
            f.addcmul_(self.peepholes[1], c)
        all_gates[:, : 2 * self.c].sigmoid_()
        g.tanh_()
        if self.peepholes is not None:
            o.addcmul_(self.peepholes[2], self._memory(all_gates, c))
        o.sigmoid_()

    def advance(self, gates: Sequence[Tensor], state: Tensor, update: Tensor | None, out: Tensor) -> None:
        """Write `[o ⊙ tanh(c') | c']`, or the share of the change to it that `update` says."""
        (all_gates,), c = gates, self.c
        target = out if update is None else torch.empty_like(out)
        i, f, g, o = all_gates.chunk(4, dim=1)
        h_new, c_new = target[:, :c], target[:, c:]
        torch.mul(f, state[:, c:], out=c_new)
        c_new.addcmul_(i, g)
        torch.tanh(c_new, out=h_new)
        h_new.mul_(o)
        if update is not None:
            torch.lerp(state, target, update.expand_as(state), out=out)

    def prepare_back(self) -> None:
        """Pack the transposed weights."""
        batch, _, *size = self.operands.h0.shape
        self.from_gates = SameConv(transposed(self.weight), self.form.dilation_h, (batch, 4 * self.c, *size))

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
        """Go back one step; `scratch` is left holding h."""
        (all_gates,), (d_all,), width = gates, d_gates, self.c
        i, f, g, o = all_gates.chunk(4, dim=1)
        d_i, d_f, d_g, d_o = d_all.chunk(4, dim=1)
        c = state[:, width:]
        asked = d_state if update is None else d_state * update
        squashed = self._memory(all_gates, c).tanh_()
        d_o.copy_(asked[:, :width] * squashed)
        sigmoid_gradient(d_o, o, d_o)
        d_memory = torch.empty_like(squashed)
        tanh_gradient(asked[:, :width] * o, squashed, d_memory)
        d_memory.add_(asked[:, width:])
        if self.peepholes is not None:
            d_memory.addcmul_(self.peepholes[2], d_o)
        sigmoid_gradient(d_memory * c, f, d_f)
        sigmoid_gradient(d_memory * g, i, d_i)
        tanh_gradient(d_memory * i, g, d_g)
        d_memory.mul_(f)
        if self.peepholes is not None:
            d_memory.addcmul_(self.peepholes[0], d_i).addcmul_(self.peepholes[1], d_f)
        scratch.copy_(state[:, :width])
        d_h = self.from_gates(d_all)
        if update is None:
            d_state[:, :width].copy_(d_h)
            d_state[:, width:].copy_(d_memory)
        else:
            d_state.sub_(asked)
            d_state[:, :width].add_(d_h)
            d_state[:, width:].add_(d_memory)

    def convolved(self, d_gates: Sequence[Tensor], states: Tensor, scratch: Tensor) -> Iterable[Convolved]:
        """Return the one convolution of h."""
        yield Convolved(d_gates[0], scratch, slice(0, 4 * self.c))

    def extra_gradient(
        self, d_gates: Sequence[Tensor], gates: Sequence[Tensor], states: Tensor, scratch: Tensor
    ) -> Tensor | None:
        """Return the gradient of the peepholes `[3, C]`."""
        if self.peepholes is None:
            return None
        c = states[:, self.c :]
        d_i, d_f, _, d_o = d_gates[0].chunk(4, dim=1)
        seen = ((d_i, c), (d_f, c), (d_o, self._memory(gates[0], c)))
        return torch.stack([(gradient * memory).sum((0, 2, 3)) for gradient, memory in seen])

    def _memory(self, gates: Tensor, c: Tensor) -> Tensor:
        """Return c' from activated gates."""
        i, f, g, _ = gates.chunk(4, dim=1)
        return (f * c).addcmul_(i, g)
