"""ConvLSTM."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqimg.kernels.convolution import SameConv, new_frames, transposed
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands
from seqimg.kernels.triton_clip.family import Frame, Piece
from seqimg.kernels.triton_clip.stepwise import Stepwise
from seqimg.kernels.triton_gates import lstm, lstm_backward

__all__ = ["LSTM"]


class LSTM(Stepwise):
    """One convolution and one launch a frame, in both directions; the state is `[h | c]`.

    The states of all frames are kept in fp32 beside the gates.
    """

    parts: ClassVar[int] = 2
    scratch_parts: ClassVar[int] = 4  # gradients of the gates

    def __init__(self, op: Operands, form: Form) -> None:
        super().__init__(op, form)
        assert op.weight_h is not None
        self.weight = op.weight_h
        self.peephole = None if op.extra is None else op.extra.float().flatten().contiguous()
        self.to_gates = SameConv(self.weight, form.dilation_h, self._shape(self.c))

    @classmethod
    def empty_side(cls, op: Operands, keeps: str) -> Tensor:
        """Return room for the states of every frame."""
        if keeps == "nothing":
            return super().empty_side(op, keeps)
        return new_frames(op.x.shape[0], op.h0, op.h0.shape[1], torch.float32)

    def held_in(self, states: Tensor, side: Tensor) -> Tensor | None:
        """Keep every state, where one is wanted again."""
        return side if side.numel() else None

    def frame(self, frame: Frame) -> None:
        """Compute the gates and the new state."""
        lstm(
            frame.gates,
            frame.held,
            frame.out,
            frame.y,
            recurrent=self.convolve(self.to_gates, frame.before),
            peephole=self.peephole,
            update=frame.update,
            keep=frame.keep,
        )

    def prepare_back(self, chunk: int) -> None:
        """Pack the transposed weights."""
        self.from_gates = SameConv(transposed(self.weight), self.form.dilation_h, self._shape(4 * self.c))

    def frame_back(
        self, piece: Piece, time: int, d_state: Tensor, d_gates: Tensor, incoming: dict[str, Any]
    ) -> Tensor:
        """Go back through one frame."""
        lstm_backward(
            d_state,
            piece.gates[time],
            piece.held[time],
            d_gates,
            d_state,
            peephole=self.peephole,
            **incoming,
        )
        return self.convolve(self.from_gates, d_gates)

    def convolved(self, piece: Piece, d_gates: Tensor) -> Iterable[Convolved]:
        """Return the one convolution of h."""
        yield Convolved(self.pictures(d_gates), self.pictures(self.kept_before(piece)), slice(0, 4 * self.c))

    def extra_gradient(self, piece: Piece, d_gates: Tensor) -> Tensor | None:
        """Return the gradient of the peepholes `[3, C]`."""
        if self.peephole is None:
            return None
        assert isinstance(piece.held, Tensor)
        c = self.as_kept(piece.held.flatten(0, 1)[:, self.c :], piece)
        i, f, g, _ = piece.gates.flatten(0, 1).float().chunk(4, dim=1)
        d_i, d_f, _, d_o = d_gates.flatten(0, 1).float().chunk(4, dim=1)
        seen = ((d_i, c), (d_f, c), (d_o, f * c + i * g))
        return torch.stack([(gradient * memory).sum(0) for gradient, memory in seen])

    def _shape(self, channels: int) -> tuple[int, ...]:
        return (self.samples, channels, self.height, self.width)
