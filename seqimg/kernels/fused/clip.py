"""What both walks through time share: the families, chunks of frames, the input's share of the gates."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from seqimg.kernels.convolution import SameConv, channels_last, new_frames
from seqimg.kernels.fused.conv_gru import ConvGRU
from seqimg.kernels.fused.conv_lstm import ConvLSTM
from seqimg.kernels.fused.min_conv_gru import MinConvGRU
from seqimg.kernels.fused.recurrence import Form, Operands, Recurrence

__all__ = ["FAMILIES", "Inputs", "Kept", "chunk_frames", "chunks", "states_before"]

FAMILIES: dict[str, type[Recurrence]] = {
    "conv_gru": ConvGRU,
    "conv_lstm": ConvLSTM,
    "min_conv_gru": MinConvGRU,
}

_CHUNKS = 4  # of a clip, where that leaves enough in each
_CHUNKS_OF_LEAST_MEMORY = 10
_LEAST_BYTES = 4 * 2**20  # of gates held at a time: below it calls take longer than sums
_CHUNK_BYTES = 48 * 2**20  # of gates held at a time, at most: few enough to stay near the cores


class Kept(NamedTuple):
    """What a forward pass returns.

    Attributes:
        states: `[T, B, S, H, W]`, channels last.
        gates: `[T, B, width, H, W]` for each buffer of the family; none, if they are not kept.
        side: What the family keeps beside them, `[T, B, side, H, W]`, or empty.
    """

    states: Tensor
    gates: list[Tensor]
    side: Tensor


class Sized(Protocol):
    """What of a family decides how a chunk is laid out, as in [seqimg.kernels.fused.recurrence.Recurrence][]."""

    @property
    def widths(self) -> Sequence[int]:
        """Channels of each gate buffer."""
        ...

    @property
    def scratch(self) -> int:
        """Channels of what a chunk needs beside."""
        ...

    @property
    def biases(self) -> list[Tensor]:
        """What each gate buffer starts from."""
        ...


class Inputs:
    """The share of the input in the gates, a chunk of frames at once."""

    def __init__(self, op: Operands, form: Form, family: Sized, chunk: int) -> None:
        self.op, self.widths = op, list(family.widths)
        self.biases = [bias.view(-1, 1, 1) for bias in family.biases]
        self.convs: list[SameConv] = []
        if op.weight_x is not None:
            pictures = (chunk * op.x.shape[1], *op.x.shape[2:])
            parts = op.weight_x.split(self.widths)
            self.convs = [SameConv(part, form.dilation_x, pictures) for part in parts]

    def frames(self, span: range) -> Tensor:
        """Return a chunk's frames `[k·B, X, H, W]`, channels last."""
        return channels_last(self.op.x[span.start : span.stop].flatten(0, 1))

    def project(self, span: range, gates: Sequence[Tensor]) -> None:
        """Fill the gate buffers `[k, B, width, H, W]`."""
        for buffer, bias in zip(gates, self.biases, strict=True):
            buffer.copy_(bias)
        if self.convs:
            x = self.frames(span)
            for conv, buffer in zip(self.convs, gates, strict=True):
                conv.add_to(buffer.flatten(0, 1), x)
        if self.op.gate_bias is not None:
            given = self.op.gate_bias
            part = given if given.shape[0] == 1 else given[span.start : span.stop]
            for buffer, bias in zip(gates, part.split(self.widths, dim=2), strict=True):
                buffer.add_(bias)


def chunks(frames: int, chunk: int) -> Iterator[range]:
    """Yield the chunks of a clip, in order of time."""
    for first in range(0, frames, chunk):
        yield range(first, min(first + chunk, frames))


def chunk_frames(op: Operands, family: Sized, *, least_memory: bool = False) -> int:
    """Return how many frames are worked on at once: enough to keep the cores busy, few beside the clip."""
    parts = _CHUNKS_OF_LEAST_MEMORY if least_memory else _CHUNKS
    batch, _, height, width = op.h0.shape
    frame = batch * height * width * (sum(family.widths) + family.scratch) * op.h0.element_size()
    few = max(-(-op.x.shape[0] // parts), _LEAST_BYTES // max(1, frame))
    return max(1, min(op.x.shape[0], few, _CHUNK_BYTES // max(1, frame)))


def states_before(first: Tensor, states: Tensor, span: range) -> Tensor:
    """Return the states that the frames of `span` started from, `[k, B, S, H, W]`, channels last.

    Args:
        first: That before the clip, `[B, S, H, W]`.
        states: Those after its frames, `[T, B, S, H, W]`.
        span: The frames.
    """
    if span.start:
        return states[span.start - 1 : span.stop - 1]
    before = new_frames(len(span), first, first.shape[1])
    before[0] = first
    before[1:] = states[: span.stop - 1]
    return before
