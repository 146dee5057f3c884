"""What a family of cells tells the walk through time: which launches make one frame, and which go back."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqimg.cells.gating import LEAKY_SLOPE
from seqimg.kernels.fused.recurrence import Convolved, Form, Operands

__all__ = ["Family", "Frame", "Piece"]


@dataclass(frozen=True)
class Frame:
    """What the launches of one frame read and write; or of all frames of a chunk, one below the other.

    Attributes:
        gates: The projected input `[N, P]`, replaced by the gates.
        before: The output before the frame `[N, C]`, data type.
        held: The state before the frame `[N, S]`, fp32 or, where gates are computed again, its copy.
        out: Receives the new state `[N, S]`, fp32; may be `held`.
        y: Receives the output `[N, C]`, data type, where `out` is not it.
        side: Receives what is kept beside the gates.
        keep: `[B]`.
        update: `[B]` or `[N, S]`.
    """

    gates: Tensor
    before: Tensor
    held: Tensor
    out: Tensor
    y: Tensor | None
    side: Tensor | None
    keep: Tensor | None
    update: Tensor | None


@dataclass(frozen=True)
class Piece:
    """Consecutive frames, k of them.

    Attributes:
        gates: `[k, N, P]`.
        before: The outputs before each frame, k times `[N, C]`, data type; one tensor on the way back.
        held: Where states in fp32 go, k + 1 times `[N, S]`: each frame turns one into the next. On the way
            back one tensor of the first k, or nothing where only copies were kept.
        states: Outputs `[k, N, C]`, data type.
        side: What is kept beside the gates, `[k, N, side]`, or None.
        keep: `[k, B]`, fp32.
        update: `[k, B]` or `[k, N, S]`.
    """

    gates: Tensor
    before: list[Tensor] | Tensor
    held: list[Tensor] | Tensor
    states: Tensor
    side: Tensor | None
    keep: Tensor | None
    update: Tensor | None

    def at(self, time: int) -> Frame:
        """Return one frame."""
        out, y = self.held[time + 1], self.states[time]
        return Frame(
            self.gates[time],
            self.before[time],
            self.held[time],
            out,
            None if out.data_ptr() == y.data_ptr() else y,
            None if self.side is None else self.side[time],
            None if self.keep is None else self.keep[time],
            None if self.update is None else self.update[time],
        )


class Family(ABC):
    """The launches of one family, over rows of pixels `[N, channels]`.

    Args:
        op: The call's tensors.
        form: The cell's form.

    Attributes:
        parts: How often C is in S.
        scratch_parts: Channels, in units of C, that a chunk of frames needs on the way back beside its gates.
    """

    parts: ClassVar[int] = 1
    scratch_parts: ClassVar[int]

    def __init__(self, op: Operands, form: Form) -> None:
        self.op, self.form = op, form
        self.c = op.h0.shape[1] // self.parts
        self.widths, self.biases = (op.bias_x.shape[0],), [op.bias_x]
        self.scratch = self.scratch_parts * self.c
        self.samples, _, self.height, self.width = op.h0.shape
        self.squash: dict[str, Any] = {"activation": form.activation, "slope": LEAKY_SLOPE}

    @classmethod
    def empty_side(cls, op: Operands, keeps: str) -> Tensor:
        """Return uninitialised frames for what is kept beside the gates."""
        return op.h0.new_empty(0)

    def held_in(self, states: Tensor, side: Tensor) -> Tensor | None:
        """Return the frames `[T, …, S, …]` that states in fp32 go to; None if one place is enough."""
        return states if states.dtype == torch.float32 else None

    @abstractmethod
    def forward(self, piece: Piece) -> None:
        """Compute all frames of a piece."""

    @abstractmethod
    def recompute(self, piece: Piece) -> None:
        """Turn projected input into what `forward` had left of it."""

    @abstractmethod
    def prepare_back(self, chunk: int) -> None:
        """Pack transposed weights, and make the buffers of a chunk of `chunk` frames."""

    @abstractmethod
    def back(self, piece: Piece, d_state: Tensor, dy: Tensor | None, d_gates: Tensor) -> None:
        """Go back through a piece; pieces come in order, the last one first.

        Args:
            piece: The frames.
            d_state: Gradient of the state after the piece in, of that before it out, `[N, S]`, fp32.
            dy: Gradient of the outputs `[k, N, C]`.
            d_gates: Receives the gradient of the projected input `[k, N, P]`.
        """

    def first_share(self) -> Tensor | None:
        """Return what is to be added to the gradient of the first state's C channels, `[N, C]`, fp32."""
        return None

    def convolved(self, piece: Piece, d_gates: Tensor) -> Iterable[Convolved]:
        """Return the recurrent convolutions of a piece."""
        return ()

    def extra_gradient(self, piece: Piece, d_gates: Tensor) -> Tensor | None:
        """Return a piece's share of the gradient of `op.extra`."""
        return None

    def as_kept(self, rows: Tensor, piece: Piece) -> Tensor:
        """Return rows `[k·N, …]` times their sample's `keep`."""
        if piece.keep is None:
            return rows
        each = piece.keep.flatten().repeat_interleave(self.height * self.width)
        return rows * each[:, None].to(rows.dtype)

    def pictures(self, rows: Tensor) -> Tensor:
        """Return dense rows `[…, channels]` as channels-last pictures `[n, channels, H, W]`."""
        return rows.view(-1, self.height, self.width, rows.shape[-1]).permute(0, 3, 1, 2)

    def rows(self, frames: int, channels: int) -> Tensor:
        """Return a buffer `[frames, N, channels]` of the data type."""
        return self.op.h0.new_empty(frames, self.samples * self.height * self.width, channels)
