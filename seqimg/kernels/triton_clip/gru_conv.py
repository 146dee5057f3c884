"""ConvGRU with the reset before the convolution, where the convolutions do the gate arithmetic."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqimg.kernels.fused.recurrence import Convolved, Form, Operands
from seqimg.kernels.triton_clip.family import Frame, Piece
from seqimg.kernels.triton_clip.stepwise import Stepwise
from seqimg.kernels.triton_conv import (
    Picture,
    conv_blend,
    conv_gates_backward,
    conv_reset,
    conv_reset_backward,
    pack,
    pack_transposed,
)
from seqimg.kernels.triton_gates import blend_backward

__all__ = ["GRUConv"]


class GRUConv(Stepwise):
    """Two launches a frame forward and three backward, and nothing else."""

    scratch_parts: ClassVar[int] = 4  # gradients of the gates, and r ⊙ h

    def __init__(self, op: Operands, form: Form) -> None:
        super().__init__(op, form)
        assert op.weight_h is not None
        self.weight_rz, self.weight_n = op.weight_h.split([2 * self.c, self.c])
        self.to_rz, self.to_n = pack(self.weight_rz), pack(self.weight_n)
        kernel, dilation = (op.weight_h.shape[2], op.weight_h.shape[3]), tuple(form.dilation_h)
        # As precise as the convolutions of torch itself.
        tf32 = torch.backends.cudnn.allow_tf32
        self.picture = Picture(self.height, self.width, kernel, (dilation[0], dilation[1]), tf32)
        self._rh: Tensor | None = None

    def frame(self, frame: Frame) -> None:
        """Compute r and z, then n and the new state."""
        if self._rh is None or self._rh.shape != frame.before.shape:
            self._rh = torch.empty_like(frame.before)
        gates, held, keep = frame.gates, frame.held, frame.keep
        conv_reset(frame.before, self.to_rz, gates, held, self._rh, self.picture, keep=keep)
        conv_blend(
            self._rh,
            self.to_n,
            gates,
            held,
            frame.out,
            frame.y,
            self.picture,
            update=frame.update,
            keep=keep,
            **self.squash,
        )

    def prepare_back(self, chunk: int) -> None:
        """Pack the transposed weights."""
        self.from_rz, self.from_n = pack_transposed(self.weight_rz), pack_transposed(self.weight_n)

    def frame_back(
        self, piece: Piece, time: int, d_state: Tensor, d_gates: Tensor, incoming: dict[str, Any]
    ) -> None:
        """Go back through one frame; the state's gradient is complete at once."""
        gates, before, keep = piece.gates[time], piece.before[time], incoming["keep"]
        blend_backward(d_state, gates, before, d_gates, d_state, **incoming, **self.squash)
        conv_reset_backward(d_gates, self.from_n, gates, before, d_state, self.picture, keep=keep)
        conv_gates_backward(d_gates, self.from_rz, d_state, self.picture, keep=keep)

    def convolved(self, piece: Piece, d_gates: Tensor) -> Iterable[Convolved]:
        """Return the convolution for r and z and that for n."""
        c, states = self.c, self.kept_before(piece)
        gradient = self.pictures(d_gates)
        yield Convolved(gradient[:, : 2 * c], self.pictures(states), slice(0, 2 * c))
        reset_states = piece.gates.flatten(0, 1)[:, :c] * states
        yield Convolved(gradient[:, 2 * c :], self.pictures(reset_states), slice(2 * c, 3 * c))
