"""The limit: the convolutions of a ConvGRU and nothing else, each in the fastest way there is here.

| convolution | forward | training adds |
|---|---|---|
| `input`, X → 3C | once over all frames | its gradients for frames and weight, once over all frames |
| `gates`, C → 2C | once a frame | its gradient for the state a frame, for the weight once over all frames |
| `candidate`, C → C | once a frame | likewise |

That is the cut *apart*. The cut *joined* does the same work in two convolutions of frame and state together,
X + C → 2C and X + C → C, once a frame. Forward, data and weight gradients are each taken in the faster cut.

No gate is computed, no frame waits for the one before, every result has its place beforehand or is thrown
away, everything is channels last, weights are packed. What a ConvGRU adds to this is the part that a kernel
can do well or badly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.kernels.bench.shapes import Shape
from seqimg.kernels.bench.timing import Clock, Work, fastest
from seqimg.kernels.convolution import SameConv, transposed, weight_gradient

__all__ = ["Arrangements", "Job", "Limit", "limit_arrangements"]

_DENSE = (1, 1)  # dilation
_CHUNKS = (1, 5)  # frames at once, beside all of them

Pair: TypeAlias = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Job:
    """One of the convolutions, or one of its gradients, over all frames.

    Attributes:
        name: What it computes.
        ways: How, by name; all do the same work.
    """

    name: str
    ways: Mapping[str, Work]


Arrangements: TypeAlias = Mapping[str, Sequence[Job]]
"""Jobs that do the same work in different cuts, by name."""


class Limit:
    """The fastest arrangement of jobs, each done in the fastest way, as a short measurement finds them.

    Args:
        parts: What to do: each part in one of its arrangements.
        clock: Measures ways and arrangements against each other.

    Attributes:
        how: The way taken for each job.
    """

    def __init__(self, parts: Sequence[Arrangements], clock: Clock) -> None:
        self.how: dict[str, str] = {}
        self._work: list[Work] = []
        for arrangements in parts:
            ways = {
                name: {job.name: fastest(job.ways, clock) for job in jobs}
                for name, jobs in arrangements.items()
            }
            works = {
                name: [job.ways[ways[name][job.name]] for job in jobs] for name, jobs in arrangements.items()
            }
            best = fastest({name: partial(_all, work) for name, work in works.items()}, clock)
            self.how |= ways[best]
            self._work += works[best]

    def __call__(self) -> None:
        """Do all jobs once."""
        _all(self._work)


def limit_arrangements(
    shape: Shape, dtype: torch.dtype, device: torch.device, *, training: bool, kernel_size: int = 3
) -> list[Arrangements]:
    """Return the convolutions of a ConvGRU over clips of `shape`: forward, then data and weight gradients.

    Example:
        >>> forward, data, weights = limit_arrangements(
        ...     Shape(1, 2, 3, 8, 8, 4), torch.float32, torch.device("cpu"), training=True
        ... )
        >>> [job.name for job in forward["apart"]], [job.name for job in forward["joined"]]
        (['input', 'gates', 'candidate'], ['gates of both', 'candidate of both'])
        >>> len(data["apart"]), len(weights["joined"])
        (3, 2)
    """
    make, c, x = _Maker(shape, dtype, device), shape.hidden, shape.channels
    cuts = {
        "apart": (("input", x, 3 * c), ("gates", c, 2 * c), ("candidate", c, c)),
        "joined": (("gates of both", x + c, 2 * c), ("candidate of both", x + c, c)),
    }
    forward: dict[str, list[Job]] = {}
    data: dict[str, list[Job]] = {}
    weights: dict[str, list[Job]] = {}
    for cut, convolutions in cuts.items():
        forward[cut], data[cut], weights[cut] = [], [], []
        for name, inputs, outputs in convolutions:
            weight, (pictures, results) = (
                make.weight(outputs, inputs, kernel_size),
                make.pair(inputs, outputs),
            )
            hoisted = name == "input"
            forward[cut].append(Job(name, _convolutions(weight, pictures, results, hoisted=hoisted)))
            if training:
                back = _convolutions(transposed(weight), results, pictures, hoisted=hoisted)
                data[cut].append(Job(f"{name}, data gradient", back))
                ways = _weight_gradients(weight, pictures, results)
                weights[cut].append(Job(f"{name}, weight gradient", ways))
    return [forward, data, weights] if training else [forward]


class _Maker:
    """Random tensors, channels last."""

    def __init__(self, shape: Shape, dtype: torch.dtype, device: torch.device) -> None:
        self._shape, self._like = shape, torch.empty(0, dtype=dtype, device=device)
        self._generator = torch.Generator(device).manual_seed(0)

    def pair(self, inputs: int, outputs: int) -> Pair:
        """Return what is convolved `[T, B, I, H, W]` and a place for the results `[T, B, O, H, W]`."""
        return self._frames(inputs), self._frames(outputs)

    def weight(self, outputs: int, inputs: int, size: int) -> Tensor:
        weight = self._like.new_empty(outputs, inputs, size, size)
        return weight.normal_(std=(inputs * size * size) ** -0.5, generator=self._generator)

    def _frames(self, channels: int) -> Tensor:
        shape = self._shape
        frames = self._like.new_empty(shape.frames, shape.batch, shape.height, shape.width, channels)
        return frames.normal_(generator=self._generator).movedim(-1, -3)


def _convolutions(
    weight: Tensor, pictures: Tensor, results: Tensor, *, hoisted: bool = False
) -> dict[str, Work]:
    """Return ways to convolve frames `[T, B, I, H, W]`: frame by frame, or `hoisted` in larger chunks too."""
    frames = pictures.shape[0]
    sizes = sorted({min(size, frames) for size in _CHUNKS} | {frames}) if hoisted else [1]
    ways: dict[str, Work] = {}
    for size in sizes:
        convolution = SameConv(weight, _DENSE, (size * pictures.shape[1], *pictures.shape[2:]))
        pairs = _pairs(pictures, results, size)
        ways |= {
            f"{name}, {size} frames at once": partial(_each, work, pairs)
            for name, work in _three_ways(convolution).items()
        }
    return ways


def _three_ways(convolution: SameConv) -> dict[str, Callable[[Tensor, Tensor], object]]:
    return {
        "added in place": lambda pictures, results: convolution.add_to(results, pictures),
        "fresh": lambda pictures, _: convolution(pictures),
        "conv2d": lambda pictures, _: conv2d(pictures, convolution.weight, padding=convolution.padding),
    }


def _weight_gradients(weight: Tensor, pictures: Tensor, results: Tensor) -> dict[str, Work]:
    frames = pictures.shape[0]

    def work(pictures: Tensor, gradient: Tensor) -> Tensor:
        return weight_gradient(gradient, pictures, weight, _DENSE)

    return {
        f"{size} frames at once": partial(_each, work, _pairs(pictures, results, size))
        for size in sorted({min(size, frames) for size in _CHUNKS} | {frames})
    }


def _pairs(pictures: Tensor, results: Tensor, size: int) -> list[Pair]:
    def chunks(frames: Tensor) -> list[Tensor]:
        return [chunk.flatten(0, 1) for chunk in frames.split(size)]

    return list(zip(chunks(pictures), chunks(results), strict=True))


def _each(work: Callable[[Tensor, Tensor], object], pairs: Sequence[Pair]) -> None:
    for pictures, results in pairs:
        work(pictures, results)


def _all(works: Sequence[Work]) -> None:
    for work in works:
        work()
