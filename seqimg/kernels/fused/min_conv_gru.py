"""One step of the minimal ConvGRU and its gradient: no weight touches the state."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqimg.kernels.arithmetic import activate, activation_gradient, sigmoid_gradient
from seqimg.kernels.fused.recurrence import Form, Operands, Recurrence

__all__ = ["MinConvGRU"]


class MinConvGRU(Recurrence):
    """Gates z, n in one buffer."""

    def __init__(self, operands: Operands, form: Form) -> None:
        super().__init__(operands, form)
        self.c = operands.h0.shape[1]
        self.widths = (2 * self.c,)

    def complete(self, gates: Sequence[Tensor], state: Tensor, side: Tensor) -> None:
        """Activate z and n."""
        gates[0][:, : self.c].sigmoid_()
        activate(gates[0][:, self.c :], self.form.activation)

    def advance(
        self, gates: Sequence[Tensor], state: Tensor, side: Tensor, update: Tensor | None, out: Tensor
    ) -> None:
        """Write `h + update ⊙ z ⊙ (n − h)`."""
        z, n = gates[0].chunk(2, dim=1)
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
        z, n = gates[0].chunk(2, dim=1)
        d_z, d_n = d_gates[0].chunk(2, dim=1)
        torch.mul(d_state, z, out=share)
        torch.sub(n, state, out=change)
        change.mul_(d_state)
        if update is not None:
            share.mul_(update)
            change.mul_(update)
        activation_gradient(share, n, self.form.activation, d_n)
        sigmoid_gradient(change, z, d_z)
        d_state.sub_(share)
