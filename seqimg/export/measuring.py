"""What an exported graph is worth: its figures on the task's own data, and its time a frame, beside torch."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqimg.data import Clip
from seqimg.data.datasets import ClipDataset
from seqimg.export.sessions import OnnxStep
from seqimg.export.steps import Step
from seqimg.task import Task
from seqimg.training.evaluation import validate

__all__ = ["Compared", "Measured", "Spread", "apart", "compared", "frames_of", "measured", "milliseconds"]

_WARM_UP, _TIMED, _TIMED_AT_MOST = 3, 30, 1000  # steps


@dataclass(frozen=True)
class Measured:
    """One way to compute a model.

    Attributes:
        way: What it is, such as `ONNX int8`.
        metrics: Its figures, the leading one first; none without data.
        milliseconds: Median time of one frame.
        bytes: Size of its file, None where there is none.
    """

    way: str
    metrics: dict[str, float]
    milliseconds: float
    bytes: int | None = None


class Spread:
    """Some of a data set's clips, evenly spread.

    Args:
        data: The clips.
        most: How many of them.
    """

    def __init__(self, data: ClipDataset, most: int) -> None:
        self._data, count = data, min(most, len(data))
        self._chosen = [number * len(data) // max(count, 1) for number in range(count)]
        self.owners = [data.owners[number] for number in self._chosen]

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> Clip:
        return self._data[self._chosen[index % len(self._chosen)]]


def measured(
    way: str,
    task: Task[Any, Any, Any],
    model: nn.Module,
    time: float,
    data: ClipDataset | None,
    size: int | None = None,
) -> Measured:
    """Measure a model on data.

    Args:
        way: What it is called.
        task: The task.
        model: The model, or a graph that stands for it.
        time: Its milliseconds a frame.
        data: Clips; None for no figures.
        size: Bytes of its file.
    """
    metrics = validate(task, model, data, batch_size=1) if data is not None and len(data) else {}
    return Measured(way, metrics, time, size)


def milliseconds(step: Callable[[int], object]) -> float:
    """Return the median time of a step.

    Args:
        step: Does the work of one frame, given its number.
    """
    times = []
    for number in range(_WARM_UP + _TIMED):
        begun = perf_counter()
        step(number)
        times.append(perf_counter() - begun)
    return median(times[_WARM_UP:]) * 1000


def frames_of(data: ClipDataset, most: int) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the frames of clips one by one, each `[1, 1, C, H, W]`, what is missing being 0.

    Args:
        data: The clips.
        most: Frames at the most, of all together.
    """
    left = most
    for number in range(len(data)):
        frames = data[number].frames[:left].nan_to_num(0.0)
        left -= len(frames)
        yield [np.ascontiguousarray(frame[None, None].numpy(), dtype=np.float32) for frame in frames]
        if left <= 0:
            return


@dataclass(frozen=True)
class Compared:
    """A graph beside torch, over some frames.

    Attributes:
        apart: How far its outputs and states were from torch's after each frame, as `apart` says.
        ours: Median seconds of a frame in torch.
        theirs: Median seconds of a frame in the graph.
    """

    apart: list[float]
    ours: float
    theirs: float


@torch.inference_mode()
def compared(step: Step, graph: OnnxStep, frames: Iterable[NDArray[np.float32]]) -> Compared:
    """Run a step and its graph over frames, each with its own state from frame to frame.

    Args:
        step: The step in torch.
        graph: The graph.
        frames: Each `[B, 1, C, H, W]`.
    """
    found, times = list[float](), (list[float](), list[float]())
    theirs, ours = list[NDArray[Any]](), None
    for number, array in enumerate(frames):
        theirs = theirs if number else graph.start(array)
        begun = perf_counter()
        outputs, ours = step.module(torch.from_numpy(array), ours)
        between = perf_counter()
        result, theirs = graph(array, theirs)
        ended = perf_counter()
        pairs = zip([outputs, *step.layout.flat(ours)], [result, *theirs], strict=True)
        found.append(max(apart(mine, torch.from_numpy(other)) for mine, other in pairs))
        for kept, seconds in zip(times, (between - begun, ended - between), strict=True):
            if len(kept) < _TIMED_AT_MOST:
                kept.append(seconds)
    return Compared(found, *(median(kept[_WARM_UP:] or kept or [0.0]) for kept in times))


def apart(ours: Tensor, theirs: Tensor) -> float:
    """Return how far two tensors are apart at the most, as a share of the largest value where that is above 1.

    Args:
        ours: What is right.
        theirs: What is compared with it.

    Example:
        >>> apart(torch.tensor([0.5]), torch.tensor([0.25])), apart(torch.tensor([50.0]), torch.tensor([49.0]))
        (0.25, 0.02)
    """
    mine, other = ours.double(), theirs.double()
    if mine.shape != other.shape or not bool(other.isfinite().all()):
        return float("inf")
    if not mine.numel():
        return 0.0
    return float((mine - other).abs().max()) / max(1.0, float(mine.abs().max()))
