"""ConvGRU with the reset after the convolution."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqimg.kernels.convolution import SameConv, new_frames, transposed
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands
from seqimg.kernels.triton_clip.family import Frame, Piece
from seqimg.kernels.triton_clip.stepwise import Stepwise
from seqimg.kernels.triton_gates import after, after_backward

__all__ = ["GRUAfter"]


class GRUAfter(Stepwise):
    """One convolution and one launch a frame, in both directions.

    The candidate's recurrent share is kept beside the gates.
    """

    scratch_parts: ClassVar[int] = 6  # gradients on both sides of the gates

    def __init__(self, op: Operands, form: Form) -> None:
        super().__init__(op, form)
        assert op.weight_h is not None
        assert op.extra is not None
        self.weight, self.bias = op.weight_h, op.extra.float().contiguous()
        self.to_gates = SameConv(self.weight, form.dilation_h, op.h0.shape)

    @classmethod
    def empty_side(cls, op: Operands, keeps: str) -> Tensor:
        """Return room for the candidate's recurrent share of every frame."""
        if keeps != "gates":
            return super().empty_side(op, keeps)
        return new_frames(op.x.shape[0], op.h0, op.h0.shape[1])

    def frame(self, frame: Frame) -> None:
        """Compute the gates and the new state."""
        after(
            frame.gates,
            self.convolve(self.to_gates, frame.before),
            frame.held,
            frame.out,
            frame.y,
            frame.side,
            bias=self.bias,
            update=frame.update,
            keep=frame.keep,
            **self.squash,
        )

    def prepare_back(self, chunk: int) -> None:
        """Pack the transposed weights and make room for a chunk."""
        batch, c, *size = self.op.h0.shape
        self.from_gates = SameConv(transposed(self.weight), self.form.dilation_h, (batch, 3 * c, *size))
        self.d_recurrent = self.rows(chunk, 3 * c)

    def recompute(self, piece: Piece) -> None:
        """Compute the candidate's recurrent share again, too."""
        self.candidates = self.rows(len(piece.gates), self.c)
        super().recompute(replace(piece, side=self.candidates))

    def frame_back(
        self, piece: Piece, time: int, d_state: Tensor, d_gates: Tensor, incoming: dict[str, Any]
    ) -> Tensor:
        """Go back through one frame."""
        candidates = self.candidates if piece.side is None else piece.side
        d_recurrent = self.d_recurrent[time]
        after_backward(
            d_state,
            piece.gates[time],
            candidates[time],
            piece.before[time],
            d_gates,
            d_recurrent,
            d_state,
            **incoming,
            **self.squash,
        )
        return self.convolve(self.from_gates, d_recurrent)

    def convolved(self, piece: Piece, d_gates: Tensor) -> Iterable[Convolved]:
        """Return the one convolution of the state."""
        d_recurrent = self.pictures(self.d_recurrent[: len(piece.gates)])
        yield Convolved(d_recurrent, self.pictures(self.kept_before(piece)), slice(0, 3 * self.c))

    def extra_gradient(self, piece: Piece, d_gates: Tensor) -> Tensor:
        """Return the gradient of `bias_h [3C]`."""
        return self.d_recurrent[: len(piece.gates)].sum((0, 1), dtype=torch.float32)
