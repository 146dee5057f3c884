"""Everything that computes one and the same ConvGRU, from the same weights: the columns of the bench."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.kernels.bench.naive import NaiveWeights, naive_clip, naive_step, naive_weights
from seqimg.kernels.bench.shapes import Shape
from seqimg.kernels.select import CallSignature, explain
from seqimg.kernels.signature import signature_of
from seqimg.plugins import resolve
from seqimg.plugins.manager import plugin_host

__all__ = [
    "EAGER",
    "Case",
    "Program",
    "automatic",
    "layer_program",
    "naive_program",
    "programs",
]

EAGER = ("naive", "naive channels-last", "reference")
"""Columns without hand-written kernels and without a compiler."""

Step: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From a frame `[B, X, H, W]` and the state before it to the state after it."""


@dataclass(frozen=True)
class Case:
    """What one row of the bench computes.

    Attributes:
        shape: Of the frames, and the width.
        dtype: Of everything.
        device: Where.
        layer: `"module:class"` of the layer that runs kernels. Layers are built upon kernels, so the
            bench, which is part of the kernels, is told of theirs.
    """

    shape: Shape
    dtype: torch.dtype
    device: torch.device
    layer: str

    def cell(self, name: str = "conv_gru") -> Cell:
        """Return a cell of this row's width."""
        made: Cell = plugin_host().cells.load(name)(
            input_channels=self.shape.channels, hidden_channels=self.shape.hidden
        )
        return made

    def weights(self, cell: Cell) -> Weights:
        """Return the parameters, the same in every column."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return {name: self._placed(cell.initial(name)) for name in cell.shapes()}

    def frames(self, *, channels_last: bool) -> Tensor:
        """Return frames `[B, T, X, H, W]`: contiguous, or channels last with time outermost."""
        return self._clip(self.shape.channels, channels_last)

    def gradient(self, *, channels_last: bool) -> Tensor:
        """Return a gradient for the states `[B, T, C, H, W]`, laid out like the frames."""
        return self._clip(self.shape.hidden, channels_last)

    def state(self, *, channels_last: bool) -> Tensor:
        """Return a state `[B, C, H, W]`."""
        s = self.shape
        state = torch.rand(s.batch, s.hidden, s.height, s.width, generator=_seed()) - 0.5
        layout = torch.channels_last if channels_last else torch.contiguous_format
        return self._placed(state.contiguous(memory_format=layout))

    def _clip(self, channels: int, channels_last: bool) -> Tensor:
        s = self.shape
        clip = torch.randn(s.frames, s.batch, channels, s.height, s.width, generator=_seed())
        if channels_last:
            return self._placed(clip.movedim(-3, -1).contiguous()).movedim(-1, -3).transpose(0, 1)
        return self._placed(clip.transpose(0, 1).contiguous())

    def _placed(self, tensor: Tensor) -> Tensor:
        return tensor.to(device=self.device, dtype=self.dtype)


@dataclass(frozen=True)
class Program:
    """One way to compute the ConvGRU of a case.

    Attributes:
        clip: From frames `[B, T, X, H, W]` and a state to the states `[B, T, C, H, W]`.
        step: The same for one frame.
        parameters: What is trained.
        channels_last: Whether it is given channels-last tensors; both answers where only a measurement
            can tell which it likes better.
    """

    clip: Callable[[Tensor, Tensor], Tensor]
    step: Step
    parameters: tuple[Tensor, ...]
    channels_last: tuple[bool, ...]


def naive_program(case: Case, *, channels_last: bool, compiled: bool = False) -> Program:
    """Return the naive formulation, on request through `torch.compile`.

    Compiled is the step: at a fraction of the compiler's time it runs as fast as the clip unrolled.
    """
    layout = torch.channels_last if channels_last else torch.contiguous_format
    weights = NaiveWeights(
        *(
            _trained(w.contiguous(memory_format=layout) if w.ndim == 4 else w)
            for w in naive_weights(case.weights(case.cell()))
        )
    )
    step = torch.compile(naive_step, dynamic=False, fullgraph=True) if compiled else naive_step
    return Program(
        lambda x, h: naive_clip(x, h, weights, step)[0],
        lambda frame, h: step(frame, h, weights),
        tuple(weights),
        (channels_last,),
    )


def layer_program(
    case: Case, kernel: str | None = None, *, cell: str = "conv_gru", recompute: bool = False
) -> Program:
    """Return the layer, with the kernel asked for."""
    what = case.cell(cell)
    layer: Any = resolve(case.layer).from_cells([(what, case.weights(what))], kernel=kernel)
    layer.recompute = recompute
    return Program(
        lambda x, h: layer(x, (h,))[0],
        lambda frame, h: layer(frame.unsqueeze(1), (h,))[1][0],
        tuple(layer.parameters()),
        (True, False),
    )


def programs(case: Case, ops: tuple[str, ...], *, compiled: bool) -> dict[str, Callable[[], Program]]:
    """Return how to make the program of each column: by hand first, then every kernel registered for `ops`."""
    columns: dict[str, Callable[[], Program]] = {
        "naive": partial(naive_program, case, channels_last=False),
        "naive channels-last": partial(naive_program, case, channels_last=True),
    }
    if compiled:
        columns["naive compiled"] = partial(naive_program, case, channels_last=True, compiled=True)
    for op in ops:
        for candidate in reversed(explain(_signature(case, op, "conv_gru"))):
            if not candidate.reasons:
                columns[candidate.spec.name] = partial(layer_program, case, candidate.spec.name)
    return columns


def automatic(case: Case, op: str, cell: str = "conv_gru") -> str | None:
    """Return the name of the kernel that is taken unless told otherwise."""
    for candidate in explain(_signature(case, op, cell)):
        if candidate.spec.status == "stable" and not candidate.reasons:
            return candidate.spec.name
    return None


def _signature(case: Case, op: str, cell: str) -> CallSignature:
    dtype = str(case.dtype).removeprefix("torch.")
    return signature_of(case.cell(cell), case.device.type, dtype, op=op)


def _trained(weight: Tensor) -> Tensor:
    return weight.detach().clone(memory_format=torch.preserve_format).requires_grad_()


def _seed() -> torch.Generator:
    return torch.Generator().manual_seed(1)
