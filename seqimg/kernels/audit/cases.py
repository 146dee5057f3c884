"""A call of every wrapper around a Triton program.

A maker supplies the operands: tensors on the `meta` device where launches are recorded for the audit,
guarded buffers in the tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from seqimg.kernels import triton_conv as conv
from seqimg.kernels import triton_gates as gates

__all__ = ["CALLS", "Make", "Operands", "Size", "Variant", "meta"]

Variant = Literal["plain", "full", "each"]
"""No optional operand; all of them, factors `[B]`; all of them, with an update share for each element."""


class Size(NamedTuple):
    """The size of a problem: samples, height, width, channels, frames."""

    samples: int
    height: int
    width: int
    channels: int
    frames: int = 3


class Make(Protocol):
    """Makes the operand called `name`."""

    def __call__(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return a dense tensor."""
        ...


def meta(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return a tensor without memory, whatever its name."""
    return torch.empty(shape, dtype=dtype, device="meta")


@dataclass(frozen=True)
class Operands:
    """The operands of one call.

    Attributes:
        make: What makes them.
        size: Of the problem.
        dtype: The data type.
        variant: Which optional operands there are.
        tf32: Whether convolutions may round fp32 to tf32.
    """

    make: Make
    size: Size
    dtype: torch.dtype
    variant: Variant = "plain"
    tf32: bool = False

    @property
    def rows(self) -> int:
        """Rows of pixels, N."""
        return self.size.samples * self.size.height * self.size.width

    def data(self, name: str, times: int = 1) -> Tensor:
        """Return `[N, times · C]` of the data type."""
        return self.make(name, (self.rows, times * self.size.channels), self.dtype)

    def state(self, name: str, times: int = 1) -> Tensor:
        """Return `[N, times · C]` of fp32."""
        return self.make(name, (self.rows, times * self.size.channels), torch.float32)

    def optional(self, name: str, times: int = 1) -> Tensor | None:
        """Return `[N, times · C]` of the data type, or nothing in the plain variant."""
        return None if self.variant == "plain" else self.data(name, times)

    def vector(self, name: str, times: int) -> Tensor | None:
        """Return `[times · C]` of fp32, or nothing in the plain variant."""
        shape = (times * self.size.channels,)
        return None if self.variant == "plain" else self.make(name, shape, torch.float32)

    def keep(self, name: str = "keep", frames: tuple[int, ...] = ()) -> Tensor | None:
        """Return a factor `[*frames, B]`, or nothing in the plain variant."""
        return (
            None if self.variant == "plain" else self.make(name, (*frames, self.size.samples), torch.float32)
        )

    def update(self, times: int = 1, frames: tuple[int, ...] = ()) -> Tensor | None:
        """Return an update share: nothing, `[*frames, B]`, or bool `[*frames, N, times · C]`."""
        if self.variant == "each":
            return self.make("update", (*frames, self.rows, times * self.size.channels), torch.bool)
        return self.keep("update", frames)

    def film(self, name: str, times: int = 1) -> Tensor:
        """Return `[T, N, times · C]` of the data type."""
        shape = (self.size.frames, self.rows, times * self.size.channels)
        return self.make(name, shape, self.dtype)

    def weight(self, name: str, inputs: int, outputs: int) -> Tensor:
        """Return a packed 3×3 weight, `[9 · inputs · C, outputs · C]`."""
        c = self.size.channels
        return self.make(name, (9 * inputs * c, outputs * c), self.dtype)

    @property
    def picture(self) -> conv.Picture:
        """The geometry of a 3×3 convolution."""
        return conv.Picture(self.size.height, self.size.width, tf32=self.tf32)


def _reset(o: Operands) -> None:
    gates.reset(
        o.data("gates", 3), o.state("h"), o.data("rh"), recurrent=o.optional("recurrent", 2), keep=o.keep()
    )


def _blend(o: Operands) -> None:
    gates.blend(
        o.data("gates", 3), o.state("h"), o.state("h_out"), o.optional("y"),
        recurrent=o.optional("recurrent"), update=o.update(), keep=o.keep(),
    )  # fmt: skip


def _blend_backward(o: Operands) -> None:
    gates.blend_backward(
        o.state("dh"), o.data("gates", 3), o.data("h"), o.data("dgates", 3), o.state("dh_prev"),
        dy=o.optional("dy"), dconv=o.optional("dconv"), keep_next=o.keep("keep_next"), update=o.update(),
        keep=o.keep(),
    )  # fmt: skip


def _reset_backward(o: Operands) -> None:
    gates.reset_backward(
        o.data("drh"), o.data("gates", 3), o.data("h"), o.data("dgates", 3), o.state("dh_prev"), keep=o.keep()
    )


def _after(o: Operands) -> None:
    gates.after(
        o.data("gates", 3), o.data("recurrent", 3), o.state("h"), o.state("h_out"), o.optional("y"),
        o.optional("candidate"), bias=o.vector("bias", 3), update=o.update(), keep=o.keep(),
    )  # fmt: skip


def _after_backward(o: Operands) -> None:
    gates.after_backward(
        o.state("dh"), o.data("gates", 3), o.data("candidate"), o.data("h"), o.data("dprojected", 3),
        o.data("drecurrent", 3), o.state("dh_prev"), dy=o.optional("dy"), dconv=o.optional("dconv"),
        keep_next=o.keep("keep_next"), update=o.update(), keep=o.keep(),
    )  # fmt: skip


def _lstm(o: Operands) -> None:
    gates.lstm(
        o.data("gates", 4), o.state("state", 2), o.state("state_out", 2), o.optional("y"),
        recurrent=o.optional("recurrent", 4), peephole=o.vector("peephole", 3), update=o.update(2),
        keep=o.keep(),
    )  # fmt: skip


def _lstm_backward(o: Operands) -> None:
    gates.lstm_backward(
        o.state("dstate", 2), o.data("gates", 4), o.state("state", 2), o.data("dgates", 4),
        o.state("dstate_prev", 2), dy=o.optional("dy"), dconv=o.optional("dconv"),
        keep_next=o.keep("keep_next"), peephole=o.vector("peephole", 3), update=o.update(2), keep=o.keep(),
    )  # fmt: skip


def _linear_scan(o: Operands) -> None:
    frames = (o.size.frames,)
    gates.linear_scan(
        o.film("gates", 2), o.state("h0"), o.film("y"), o.state("h_last"),
        update=o.update(frames=frames), keep=o.keep(frames=frames),
    )  # fmt: skip


def _linear_scan_backward(o: Operands) -> None:
    frames = (o.size.frames,)
    gates.linear_scan_backward(
        o.film("dy"), o.film("gates", 2), o.film("y"), o.state("h0"), o.film("dgates", 2), o.state("dh0"),
        dh_last=None if o.variant == "plain" else o.state("dh_last"),
        update=o.update(frames=frames), keep=o.keep(frames=frames),
    )  # fmt: skip


def _conv_reset(o: Operands) -> None:
    conv.conv_reset(
        o.data("x"), o.weight("weight", 1, 2), o.data("gates", 3), o.state("h"), o.data("rh"), o.picture,
        keep=o.keep(),
    )  # fmt: skip


def _conv_blend(o: Operands) -> None:
    conv.conv_blend(
        o.data("x"), o.weight("weight", 1, 1), o.data("gates", 3), o.state("h"), o.state("h_out"),
        o.optional("y"), o.picture, update=o.update(), keep=o.keep(),
    )  # fmt: skip


def _conv_reset_backward(o: Operands) -> None:
    conv.conv_reset_backward(
        o.data("dgates", 3), o.weight("weight", 1, 1), o.data("gates", 3), o.data("h"), o.state("dh_prev"),
        o.picture, keep=o.keep(),
    )  # fmt: skip


def _conv_gates_backward(o: Operands) -> None:
    conv.conv_gates_backward(
        o.data("dgates", 3), o.weight("weight", 2, 1), o.state("dh_prev"), o.picture, keep=o.keep()
    )


CALLS: dict[str, Callable[[Operands], None]] = {
    "reset": _reset,
    "blend": _blend,
    "blend_backward": _blend_backward,
    "reset_backward": _reset_backward,
    "after": _after,
    "after_backward": _after_backward,
    "lstm": _lstm,
    "lstm_backward": _lstm_backward,
    "linear_scan": _linear_scan,
    "linear_scan_backward": _linear_scan_backward,
    "conv_reset": _conv_reset,
    "conv_blend": _conv_blend,
    "conv_reset_backward": _conv_reset_backward,
    "conv_gates_backward": _conv_gates_backward,
}
"""Every wrapper by name; each makes exactly one launch."""
