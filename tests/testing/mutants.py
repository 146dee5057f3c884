"""Things that break a contract, each in one way, for the tests of the contracts."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqimg.cells import Cell, Weights
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.kernels import reference
from seqimg.sequences import Sequence, SequenceInfo, TimedFrame
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg_predict.config import PredictRun
from seqimg_predict.task import PredictTask


@dataclass(frozen=True)
class NotAffine(MinConvGRUCell):
    def project(self, x: Tensor, weights: Weights) -> Tensor:
        return super().project(x, weights).square()


@dataclass(frozen=True)
class WritesIntoTheState(MinConvGRUCell):
    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        return state.mul_(0.5).add(super().step(projected, state, weights))


@dataclass(frozen=True)
class SeesItsNeighbours(MinConvGRUCell):
    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        return super().step(projected, state, weights) + state.mean(0, keepdim=True)


@dataclass(frozen=True)
class HidesAGradient(MinConvGRUCell):
    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        return super().step(projected, state.detach(), weights)


@dataclass(frozen=True)
class SaysAnotherShape(MinConvGRUCell):
    @property
    def projected_channels(self) -> int:
        return 3 * self.hidden_channels


@dataclass(frozen=True)
class BeginsInDouble(MinConvGRUCell):
    def initial(self, name: str) -> Tensor:
        return super().initial(name).double()


@dataclass(frozen=True, eq=False)
class EqualsNothing(MinConvGRUCell):
    name: ClassVar[str] = "min_conv_gru"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


def careless(cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Any) -> tuple[Tensor, Tensor]:
    """A kernel that is off by a thousandth."""
    outputs, last = reference.sequence(cell, x, state, weights, controls)
    return outputs * 1.001, last


def careless_backwards(
    cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Any
) -> tuple[Tensor, Tensor]:
    """A kernel that forgets the gradient of the first state."""
    return reference.sequence(cell, x, state.detach(), weights, controls)


class Forgetful(nn.Module):
    """A model whose answer depends on how a clip is split."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, state: Any = None, **more: Any) -> tuple[Tensor, Any]:
        return self.model(frames, None, **more)


class BadTask(PredictTask):
    name = "bad"

    def build_model(self) -> Any:
        return Forgetful(super().build_model())

    def conventions(self) -> dict[str, str]:
        return {}

    def show(self, stream: Stream, frames: Iterable[Seen], options: PredictRun) -> Iterator[Shown]:
        hoarded = []
        for seen in frames:
            hoarded.append(seen)
            yield Shown(seen.frame)


class SharesItsBuffer(Sequence):
    """A reader of .npy that gives out one buffer again and again, and fails in its own words."""

    def __init__(self, path: Path) -> None:
        self._stack = np.load(path)
        count, height, width, channels = self._stack.shape
        super().__init__(
            SequenceInfo(
                path=str(path),
                format="shared",
                height=height,
                width=width,
                channels=channels,
                dtype="uint8",
                value_range=(0, 255),
                frame_count=count,
            )
        )

    def _read(self) -> Generator[TimedFrame, None, None]:
        buffer = np.empty_like(self._stack[0])
        for place, frame in enumerate(self._stack):
            buffer[...] = frame
            yield TimedFrame(place, None, buffer)


def any_old(index: int, *, length: int, size: tuple[int, int], seed: int, split: str) -> Any:
    """A generator that never makes the same twice, and whose parts overlap."""
    noise = torch.rand(length, *size, 1) * 255
    return noise.numpy().astype(np.uint8)


def blind(index: int, *, length: int, size: tuple[int, int], seed: int, split: str) -> Any:
    """A generator that looks at nothing, not even at what is impossible."""
    return np.zeros((max(length, 1) % 10**6, *size, 1), np.uint8)
