"""The minimal ConvGRU: a scan."""

from typing import ClassVar

import torch
from torch import Tensor

from seqimg.kernels.triton_clip.family import Family, Piece
from seqimg.kernels.triton_gates import linear_scan, linear_scan_backward

__all__ = ["MinGRU"]


class MinGRU(Family):
    """One launch a chunk of frames, in both directions. Gates stay pre-activations."""

    scratch_parts: ClassVar[int] = 2  # gradients of the gates

    def held_in(self, states: Tensor, side: Tensor) -> Tensor | None:
        """The scan holds its state in registers."""
        return None

    def forward(self, piece: Piece) -> None:
        """Compute all states of a piece."""
        carry = piece.held[0]
        linear_scan(
            piece.gates,
            carry,
            piece.states,
            carry,
            update=piece.update,
            keep=piece.keep,
            **self.squash,
        )

    def recompute(self, piece: Piece) -> None:
        """The projected input is all there is."""

    def prepare_back(self, chunk: int) -> None:
        """Make nothing: the scan needs gates and states only."""

    def back(self, piece: Piece, d_state: Tensor, dy: Tensor | None, d_gates: Tensor) -> None:
        """Go back through all frames of a piece."""
        linear_scan_backward(
            torch.zeros_like(piece.states) if dy is None else dy,
            piece.gates,
            piece.states,
            piece.before[0],
            d_gates,
            d_state,
            dh_last=d_state,
            update=piece.update,
            keep=piece.keep,
            **self.squash,
        )
