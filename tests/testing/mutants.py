"""Things that break a contract, each in one way, for the tests of the contracts."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqimg.cells import Cell, Weights
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.data.layouts import Found, Item, Layout
from seqimg.errors import UsageError
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


def careless_step(
    cell: Cell, weights: Weights, x: Tensor, state: Tensor
) -> Callable[[Tensor, Tensor], Tensor]:
    """A step that is off by a thousandth."""
    return lambda frame, before: 1.001 * cell.step(cell.project(frame, weights), before, weights)


def one_buffer(cell: Cell, weights: Weights, x: Tensor, state: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """A step that returns one buffer again and again."""
    buffer = torch.empty_like(state)
    return lambda frame, before: buffer.copy_(cell.step(cell.project(frame, weights), before, weights))


class Careless:
    """An operation on frames that remembers, scribbles, and takes any words."""

    def __init__(self, arguments: Mapping[str, str], info: SequenceInfo) -> None:
        self.info, self._before = info, 0.0

    def __call__(self, values: Any) -> Any:
        values *= 0.5
        answer = values + self._before
        self._before = float(np.nan_to_num(values).mean())
        return answer


class Grows:
    """An operation that turns frames, and so changes their size."""

    def __init__(self, arguments: Mapping[str, str], info: SequenceInfo) -> None:
        if arguments:
            raise UsageError("there are no arguments")
        self.info = info

    def __call__(self, values: Any) -> Any:
        return values.swapaxes(0, 1)


def _look(path: Path) -> str | None:
    return "tiles" if (path / "tiles.json").is_file() else None


def _take(path: Path, found: Found) -> None:
    names = json.loads((path / "tiles.json").read_text())
    found.items += [Item(str(path / name), name=str(path / name), label=7) for name in names]
    found.classes = ("rain",)


TILES = Layout("tiles", "Tiles.", _look, _take)


class Quiet(PredictTask):
    """A task that says nothing before the last frame, and names what cannot be turned."""

    name = "quiet"

    @classmethod
    def while_live(cls, options: PredictRun) -> PredictRun:
        return options

    @classmethod
    def controls(cls) -> tuple[str, ...]:
        return ("horizon", "speed")
