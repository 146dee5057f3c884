"""ConvGRU with the reset before the convolution."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqimg.kernels.convolution import SameConv, transposed
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands
from seqimg.kernels.triton_clip.family import Frame, Piece
from seqimg.kernels.triton_clip.stepwise import Stepwise
from seqimg.kernels.triton_gates import blend, blend_backward, reset, reset_backward

__all__ = ["GRUBefore"]


class GRUBefore(Stepwise):
    """Two convolutions and two launches a frame, in both directions."""

    scratch_parts: ClassVar[int] = 7  # gradients of the gates, again in two dense parts, and r ⊙ h

    def __init__(self, op: Operands, form: Form) -> None:
        super().__init__(op, form)
        assert op.weight_h is not None
        self.weight_rz, self.weight_n = op.weight_h.split([2 * self.c, self.c])
        self._rh: Tensor | None = None
        self.prepare()

    def prepare(self) -> None:
        """Pack the weights."""
        self.to_rz = SameConv(self.weight_rz, self.form.dilation_h, self.op.h0.shape)
        self.to_n = SameConv(self.weight_n, self.form.dilation_h, self.op.h0.shape)

    def frame(self, frame: Frame) -> None:
        """Compute r and z, then n and the new state."""
        rh = self.reset_state(frame)
        recurrent = self.convolve(self.to_rz, frame.before)
        reset(frame.gates, frame.held, rh, recurrent=recurrent, keep=frame.keep)
        blend(
            frame.gates,
            frame.held,
            frame.out,
            frame.y,
            recurrent=self.convolve(self.to_n, rh),
            update=frame.update,
            keep=frame.keep,
            **self.squash,
        )

    def reset_state(self, frame: Frame) -> Tensor:
        """Return the buffer for r ⊙ h, the same for every frame."""
        if self._rh is None or self._rh.shape != frame.before.shape:
            self._rh = torch.empty_like(frame.before)
        return self._rh

    def prepare_back(self, chunk: int) -> None:
        """Pack the transposed weights and make room for a chunk."""
        batch, c, *size = self.op.h0.shape
        dilation = self.form.dilation_h
        self.from_rz = SameConv(transposed(self.weight_rz), dilation, (batch, 2 * c, *size))
        self.from_n = SameConv(transposed(self.weight_n), dilation, (batch, c, *size))
        self.d_rz, self.d_n = self.rows(chunk, 2 * c), self.rows(chunk, c)

    def frame_back(
        self, piece: Piece, time: int, d_state: Tensor, d_gates: Tensor, incoming: dict[str, Any]
    ) -> Tensor:
        """Go back through one frame; convolutions read dense pictures, so parts of `d_gates` are copied."""
        c, gates, before = self.c, piece.gates[time], piece.before[time]
        d_rz, d_n = self.d_rz[time], self.d_n[time]
        blend_backward(d_state, gates, before, d_gates, d_state, **incoming, **self.squash)
        d_n.copy_(d_gates[:, 2 * c :])
        d_rh = self.convolve(self.from_n, d_n)
        reset_backward(d_rh, gates, before, d_gates, d_state, keep=incoming["keep"])
        d_rz.copy_(d_gates[:, : 2 * c])
        return self.convolve(self.from_rz, d_rz)

    def convolved(self, piece: Piece, d_gates: Tensor) -> Iterable[Convolved]:
        """Return the convolution for r and z and that for n."""
        c, frames, states = self.c, len(piece.gates), self.kept_before(piece)
        yield Convolved(self.pictures(self.d_rz[:frames]), self.pictures(states), slice(0, 2 * c))
        reset_states = piece.gates.flatten(0, 1)[:, :c] * states
        yield Convolved(self.pictures(self.d_n[:frames]), self.pictures(reset_states), slice(2 * c, 3 * c))
