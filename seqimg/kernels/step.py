"""Kernels of a single step, for streams: what can be prepared is prepared once, before the first frame.

A step kernel is a function `(cell, weights, x, state) -> Step` that looks at one frame and returns the
function to call for it and all that follow.
"""

from collections.abc import Callable, Sequence
from threading import Lock, local
from typing import cast

import torch
from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.kernels.arithmetic import activate
from seqimg.kernels.convolution import SameConv, channels_last
from seqimg.kernels.select import CallSignature

__all__ = ["Step", "graph", "packed", "reference", "refuse_graph", "refuse_packed"]

Step = Callable[[Tensor, Tensor], Tensor]
"""From a frame `[B, X, H, W]` and the state before it `[B, S, H, W]` to the state after it."""


def reference(cell: Cell, weights: Weights, x: Tensor, state: Tensor) -> Step:
    """Return the cell's own equations."""
    return lambda frame, before: cell.step(cell.project(frame, weights), before, weights)


def refuse_packed(signature: CallSignature) -> list[str]:
    """Return every reason why [seqimg.kernels.step.packed][] cannot serve a call."""
    return [] if dict(signature.options).get("groups", 1) == 1 else ["it knows no groups"]


def packed(cell: ConvGRUCell, weights: Weights, x: Tensor, state: Tensor) -> Step:
    """Return a step of ConvGRU with its weights in the form that the CPU's convolutions want.

    Where frames and state are convolved alike, both are convolved as one: two convolutions a step, with
    the activations as part of them.
    """
    alike = cell.convolution_x == cell.convolution_h and cell.input_channels > 0
    return _Joined(cell, weights, x, state) if alike else _Apart(cell, weights, x, state)


class _Joined:
    """Frame and state side by side through the same convolution."""

    def __init__(self, cell: ConvGRUCell, weights: Weights, x: Tensor, state: Tensor) -> None:
        c, dilation = cell.hidden_channels, cell.convolution_h.dilation
        self.c, self.activation = c, cell.activation
        bias = weights["bias_x"].clone()
        both = torch.cat([weights["weight_x"], weights["weight_h"]], dim=1)
        pictures = (x.shape[0], x.shape[1] + c, *x.shape[2:])
        self.after = cell.reset == "after"
        if self.after:
            bias[: 2 * c] += weights["bias_h"][: 2 * c]
            self.x_n = SameConv(weights["weight_x"][2 * c :], dilation, x.shape)
            self.h_n = SameConv(weights["weight_h"][2 * c :], dilation, state.shape)
            self.recurrent_bias = weights["bias_h"][2 * c :].clone()
        else:
            self.n = SameConv(both[2 * c :], dilation, pictures)
        self.rz = SameConv(both[: 2 * c], dilation, pictures)
        self._shape, self._buffers = pictures, local()
        self.bias_rz, self.bias_n = bias[: 2 * c].clone(), bias[2 * c :].clone()

    def __call__(self, frame: Tensor, before: Tensor) -> Tensor:
        frame, before = channels_last(frame), channels_last(before)
        both, beside = self._side_by_side(frame, before)
        rz = self.rz(both, self.bias_rz, activation="sigmoid")
        r, z = rz.chunk(2, 1)
        if self.after:
            n = self.x_n(frame, self.bias_n)
            n.addcmul_(r, self.h_n(before, self.recurrent_bias))
            activate(n, self.activation)
        else:
            torch.mul(r, before, out=beside)
            n = self.n(both, self.bias_n, activation=self.activation)
        return torch.lerp(before, n, z)

    def _side_by_side(self, frame: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Return `[frame | before]` in a buffer of this thread's, and the part of it that held `before`.

        A fresh one would cost more in page faults than in copying.
        """
        if not hasattr(self._buffers, "parts"):
            batch, channels, height, width = self._shape
            with torch.inference_mode(False):  # else nobody else could write into it
                both = frame.new_empty(batch, height, width, channels).permute(0, 3, 1, 2)
            self._buffers.parts = both, both[:, : frame.shape[1]], both[:, frame.shape[1] :]
        both, first, second = self._buffers.parts
        first.copy_(frame)
        second.copy_(before)
        return both, second


class _Apart:
    """Frame and state through convolutions of different sizes."""

    def __init__(self, cell: ConvGRUCell, weights: Weights, x: Tensor, state: Tensor) -> None:
        c = cell.hidden_channels
        self.c, self.activation, self.after = c, cell.activation, cell.reset == "after"
        self.bias = weights["bias_x"].clone()
        self.x_all: SameConv | None = None
        if cell.input_channels:
            self.x_all = SameConv(weights["weight_x"], cell.convolution_x.dilation, x.shape)
        rz, n = weights["weight_h"].split([2 * c, c])
        self.h_rz, self.h_n = (SameConv(w, cell.convolution_h.dilation, state.shape) for w in (rz, n))
        self.bias_rz, self.bias_n = (
            cast("Sequence[Tensor | None]", weights["bias_h"].split([2 * c, c]))
            if self.after
            else (None, None)
        )

    def __call__(self, frame: Tensor, before: Tensor) -> Tensor:
        before = channels_last(before)
        projected = self.bias.view(1, -1, 1, 1)
        if self.x_all is not None:
            projected = self.x_all(channels_last(frame), self.bias)
        rz = self.h_rz(before, self.bias_rz).add_(projected[:, : 2 * self.c]).sigmoid_()
        r, z = rz[:, : self.c], rz[:, self.c :]
        n = self.h_n(before, self.bias_n).mul_(r) if self.after else self.h_n(r * before)
        n.add_(projected[:, 2 * self.c :])
        activate(n, self.activation)
        return torch.lerp(before, n, z)


def refuse_graph(signature: CallSignature) -> list[str]:
    """Return every reason why [seqimg.kernels.step.graph][] cannot serve a call."""
    return [] if torch.cuda.is_available() else ["there is no CUDA device"]


def graph(cell: Cell, weights: Weights, x: Tensor, state: Tensor) -> Step:
    """Return a step recorded as a CUDA graph: one launch instead of a dozen.

    The recording has addresses of its own: a frame and a state are copied in, the new state out.
    """
    step = reference(cell, weights, x, state)
    frame, before = x.clone(), state.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # kernels are chosen and memory is found before recording starts
        for _ in range(3):
            step(frame, before)
    torch.cuda.current_stream().wait_stream(side)
    recording = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recording):
        after = step(frame, before)

    turn = Lock()  # streams of one model may run in several threads

    def replay(new_frame: Tensor, new_state: Tensor) -> Tensor:
        with turn:
            frame.copy_(new_frame)
            before.copy_(new_state)
            recording.replay()
            return after.clone()

    return replay
