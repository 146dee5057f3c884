"""What a family of cells tells the walk through time: its gates, one step, one step back."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from seqimg.kernels.convolution import packs

__all__ = ["Convolved", "Form", "Operands", "Recurrence", "joins"]


@dataclass(frozen=True)
class Form:
    """What of a cell decides how it is computed, beside its tensors.

    Attributes:
        family: `"conv_gru"`, `"conv_lstm"` or `"min_conv_gru"`.
        activation: Of the candidate, where the family has a choice.
        dilation_x: Dilation of the convolutions of the input.
        dilation_h: Dilation of the convolutions of the state.
    """

    family: str
    activation: str
    dilation_x: Sequence[int]
    dilation_h: Sequence[int]


@dataclass(frozen=True)
class Operands:
    """The tensors of one call.

    Attributes:
        x: Frames `[T, B, X, H, W]`.
        h0: State before the first frame `[B, S, H, W]`.
        weight_x: `[P, X, kh, kw]`, None if X = 0.
        weight_h: `[P, C, kh', kw']`, None if no weight touches the state.
        bias_x: `[P]`.
        extra: What else the family knows: `bias_h [3C]`, or peepholes `[3, C]`; or None.
        keep: `[T, B]` or None.
        update: `[T, B, 1|S, 1|H, 1|W]` or None.
        gate_bias: `[1|T, B, P, 1|H, 1|W]` or None.
    """

    x: Tensor
    h0: Tensor
    weight_x: Tensor | None
    weight_h: Tensor | None
    bias_x: Tensor
    extra: Tensor | None
    keep: Tensor | None
    update: Tensor | None
    gate_bias: Tensor | None


def joins(op: Operands, form: Form) -> bool:
    """Whether frame and state are best convolved as one.

    They are where the CPU's convolutions have activations built in: it spares a pass over every gate.
    """
    if op.weight_x is None or op.gate_bias is not None or not packs(op.h0.device.type, op.h0.dtype):
        return False
    if op.weight_h is None:
        return True
    alike = op.weight_x.shape[2:] == op.weight_h.shape[2:]
    return alike and list(form.dilation_x) == list(form.dilation_h)


class Convolved(NamedTuple):
    """One recurrent convolution of a chunk, for the gradient of its weights.

    Attributes:
        gradient: Of its results `[k·B, O, H, W]`.
        pictures: What was convolved `[k·B, C, H, W]`.
        rows: Which rows of `weight_h` did it.
    """

    gradient: Tensor
    pictures: Tensor
    rows: slice


class Recurrence(ABC):
    """The arithmetic of one family, in place on channels-last buffers.

    Gates lie in one or more buffers, each the result of one convolution. In a comment, `[n]` is one
    frame of a batch, or a whole chunk flattened into one when gates are computed a second time.

    Args:
        operands: The call's tensors.
        form: The cell's form.

    Attributes:
        joins: Whether frame and state go through one convolution together, activation included
            (`join`), instead of apart (`complete`).
        widths: Channels of each gate buffer; they add up to P.
        side: Channels of what is kept beside the gates for the backward pass, 0 for nothing.
        scratch: Channels of what a chunk needs beside the gates' gradients on the way back.
    """

    joins: bool = False
    widths: tuple[int, ...]
    side: int = 0
    scratch: int = 0

    def __init__(self, operands: Operands, form: Form) -> None:
        self.operands, self.form = operands, form

    @property
    def biases(self) -> list[Tensor]:
        """What each gate buffer starts from, `[width]` each."""
        return list(self.operands.bias_x.split(list(self.widths)))

    @abstractmethod
    def complete(self, gates: Sequence[Tensor], state: Tensor, side: Tensor) -> None:
        """Turn the input's share of the pre-activations into gates, in place.

        Args:
            gates: One `[n, width, H, W]` a buffer.
            state: The state before `[n, S, H, W]`.
            side: `[n, max(side, scratch), H, W]`, to be filled as the family pleases.
        """

    def join(self, x: Tensor, state: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Return gates, and what is kept beside them, from frames and the state before them.

        Args:
            x: Frames `[n, X, H, W]`, channels last.
            state: `[n, S, H, W]`, channels last.
        """
        raise AssertionError("only families that join are asked to")

    @abstractmethod
    def advance(self, gates: Sequence[Tensor], state: Tensor, update: Tensor | None, out: Tensor) -> None:
        """Write the next state to `out [B, S, H, W]`, `update` of the change that the gates ask for."""

    @abstractmethod
    def prepare_back(self) -> None:
        """Make what `back` needs: transposed weights, temporaries."""

    @abstractmethod
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
        """Go back one step.

        Args:
            d_state: `[B, S, H, W]`, the gradient of the state after the step in, of the state before it out.
            gates: The gates, as `complete` left them.
            state: The state before the step.
            side: What `complete` left.
            update: Share of the change that happened.
            d_gates: Filled with the gradients of the pre-activations.
            scratch: `[B, scratch, H, W]`, this frame's, kept until the chunk is done.
        """

    def convolved(self, d_gates: Sequence[Tensor], states: Tensor, scratch: Tensor) -> Iterable[Convolved]:
        """Return the recurrent convolutions of a chunk, flattened."""
        return ()

    def extra_gradient(
        self, d_gates: Sequence[Tensor], gates: Sequence[Tensor], states: Tensor, scratch: Tensor
    ) -> Tensor | None:
        """Return a chunk's share of the gradient of `operands.extra`."""
        return None
