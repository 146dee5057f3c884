"""Families that compute one frame after another."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from seqimg.kernels.convolution import SameConv, channels_last
from seqimg.kernels.fused.recurrence import Form, Operands
from seqimg.kernels.triton_clip.family import Family, Frame, Piece
from seqimg.kernels.triton_gates import as_rows

__all__ = ["Stepwise"]


class Stepwise(Family):
    """A loop over the frames of a piece, in both directions.

    The gradient of a state through its convolution is added by the launch of the frame before, so that it
    needs no pass of its own.
    """

    def __init__(self, op: Operands, form: Form) -> None:
        super().__init__(op, form)
        self._dconv: Tensor | None = None
        self._keep_next: Tensor | None = None

    @abstractmethod
    def frame(self, frame: Frame) -> None:
        """Compute a frame."""

    @abstractmethod
    def frame_back(
        self, piece: Piece, time: int, d_state: Tensor, d_gates: Tensor, incoming: dict[str, Any]
    ) -> Tensor | None:
        """Go back through one frame.

        Args:
            piece: The frames.
            time: Which of them.
            d_state: Gradient of the state after the frame in, of that before it out, `[N, S]`, fp32.
            d_gates: Receives the gradient of the projected input `[N, P]`.
            incoming: `dy`, `dconv`, `keep_next`, `update` and `keep` as the launches take them.

        Returns:
            The gradient of the output before the frame through its convolution `[N, C]`, for the frame before
            to add; None if `d_state` has it.
        """

    def forward(self, piece: Piece) -> None:
        """Compute all frames of a piece."""
        for time in range(len(piece.gates)):
            self.frame(piece.at(time))

    def recompute(self, piece: Piece) -> None:
        """Turn projected input into gates a second time, all frames at once: every state is known."""
        gates, before = piece.gates.flatten(0, 1), _stacked(piece.before)
        held = _stacked(piece.held) if isinstance(piece.held, Tensor) else before
        spare = torch.empty(held.shape, dtype=torch.float32, device=held.device)
        side = None if piece.side is None else piece.side.flatten(0, 1)
        keep = None if piece.keep is None else piece.keep.flatten()
        self.frame(Frame(gates, before, held, spare, None, side, keep, None))

    def back(self, piece: Piece, d_state: Tensor, dy: Tensor | None, d_gates: Tensor) -> None:
        """Go back through a piece; pieces come in order, the last one first."""
        for time in reversed(range(len(piece.gates))):
            keep = None if piece.keep is None else piece.keep[time]
            incoming = {
                "dy": None if dy is None else dy[time],
                "dconv": self._dconv,
                "keep_next": self._keep_next,
                "update": None if piece.update is None else piece.update[time],
                "keep": keep,
            }
            self._dconv = self.frame_back(piece, time, d_state, d_gates[time], incoming)
            self._keep_next = keep

    def first_share(self) -> Tensor | None:
        """Return what the first frame's convolution says of the state before it."""
        if self._dconv is None or self._keep_next is None:
            return self._dconv
        keep = self._keep_next.repeat_interleave(self.height * self.width)[:, None]
        return torch.where(keep == 0, 0.0, keep * self._dconv)

    def kept_before(self, piece: Piece) -> Tensor:
        """Return the outputs before a piece's frames as far as they were kept, `[k·N, C]`."""
        return self.as_kept(_stacked(piece.before), piece)

    def convolve(self, conv: SameConv, rows: Tensor) -> Tensor:
        """Return the convolution of rows of pixels, as rows."""
        return as_rows(channels_last(conv(self.pictures(rows))))


def _stacked(frames: list[Tensor] | Tensor) -> Tensor:
    assert isinstance(frames, Tensor)
    return frames.flatten(0, 1)
