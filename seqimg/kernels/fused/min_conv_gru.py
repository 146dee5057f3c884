"""One step of the minimal ConvGRU and its gradient: no weight touches the state."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqimg.kernels.arithmetic import activate, activation_gradient, sigmoid_gradient
from seqimg.kernels.convolution import SameConv
from seqimg.kernels.fused.recurrence import Form, Operands, Recurrence, joins

__all__ = ["MinConvGRU"]


class MinConvGRU(Recurrence):
    """Gate z in one buffer, the candidate n in another."""

    def __init__(self, operands: Operands, form: Form) -> None:
        super().__init__(operands, form)
        self.c = operands.h0.shape[1]
        self.widths = (self.c, self.c)
        self.joins = joins(operands, form)
        if self.joins and operands.weight_x is not None:
            pictures = operands.x.shape[1:]
            z, n = operands.weight_x.split(self.c)
            self.to_z, self.to_n = (SameConv(part, form.dilation_x, pictures) for part in (z, n))
            self.bias_z, self.bias_n = (bias.clone() for bias in self.biases)

    def complete(self, gates: Sequence[Tensor], state: Tensor, side: Tensor) -> None:
        """Activate z and n."""
        gates[0].sigmoid_()
        activate(gates[1], self.form.activation)

    def join(self, x: Tensor, state: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Convolve the frame, activations included; the state plays no part."""
        return [self.to_z(x, self.bias_z, "sigmoid"), self.to_n(x, self.bias_n, self.form.activation)], None

    def advance(self, gates: Sequence[Tensor], state: Tensor, update: Tensor | None, out: Tensor) -> None:
        """Write `h + update ⊙ z ⊙ (n − h)`."""
        z, n = gates
        torch.lerp(state, n, z if update is None else z * update, out=out)

    def prepare_back(self) -> None:
        """Make the temporaries."""
        h0 = self.operands.h0
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
        """Go back one step."""
        change, share = self._change, self._share
        z, n = gates
        d_z, d_n = d_gates
        torch.mul(d_state, z, out=share)
        torch.sub(n, state, out=change)
        change.mul_(d_state)
        if update is not None:
            share.mul_(update)
            change.mul_(update)
        activation_gradient(share, n, self.form.activation, d_n)
        sigmoid_gradient(change, z, d_z)
        d_state.sub_(share)
