"""How time grows with each size: frames, samples, pixels and channels, one at a time."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from seqimg.kernels.bench.clips import columns_of
from seqimg.kernels.bench.plan import Plan
from seqimg.kernels.bench.programs import automatic, layer_program, naive_program
from seqimg.kernels.bench.result import Row
from seqimg.kernels.bench.shapes import Shape
from seqimg.kernels.bench.timing import clock_of, interleaved
from seqimg.kernels.bench.works import Prepared, clip_work

__all__ = ["AXES", "scaling_points", "scaling_row"]

AXES = ("T", "B", "H·W", "C")
_FACTORS = (1 / 4, 1 / 2, 1, 2, 4)
_FACTORS_OF_SIDES = (1 / 4, 1 / 2, 1, 2)  # pixels grow with their square


def scaling_points(middle: Shape) -> list[tuple[str, int, Shape]]:
    """Return axis, value and shape of each point.

    Example:
        >>> scaling_points(Shape(1, 2, 3, 8, 8, 4))[0]
        ('T', 1, Shape(batch=1, frames=1, channels=3, height=8, width=8, hidden=4))
    """
    vary: dict[str, Callable[[float], tuple[int, Shape]]] = {
        "T": lambda f: _one(middle, "frames", f),
        "B": lambda f: _one(middle, "batch", f),
        "H·W": lambda f: _pixels(middle, f),
        "C": lambda f: _channels(middle, f),
    }
    points: dict[tuple[str, int], Shape] = {}
    for axis, shape_of in vary.items():
        for factor in _FACTORS_OF_SIDES if axis == "H·W" else _FACTORS:
            value, shape = shape_of(factor)
            points[axis, value] = shape
    return [(axis, value, shape) for (axis, value), shape in points.items()]


def scaling_row(plan: Plan, axis: str, value: int, shape: Shape, dtype: str) -> Row:
    """Time training at one point: naive, and with the kernel taken automatically."""
    case, clock, ready = plan.case(shape, dtype), clock_of(plan.device), Prepared()
    kernel = automatic(case, "sequence") or "reference"
    makers = {
        "naive": partial(naive_program, case, channels_last=False),
        kernel: partial(layer_program, case, kernel),
    }
    for name, make in makers.items():
        ready.add(name, partial(clip_work, case, make, "training", clock))
    seconds = interleaved(ready.works, plan.repeats, clock)
    return Row("scaling", dtype, str(shape), columns_of(ready, seconds), axis=axis, value=value)


def _times(size: int, factor: float) -> int:
    return max(1, round(size * factor))


def _one(shape: Shape, size: str, factor: float) -> tuple[int, Shape]:
    value = _times(getattr(shape, size), factor)
    return value, replace(shape, **{size: value})


def _pixels(shape: Shape, factor: float) -> tuple[int, Shape]:
    height, width = _times(shape.height, factor), _times(shape.width, factor)
    return height * width, replace(shape, height=height, width=width)


def _channels(shape: Shape, factor: float) -> tuple[int, Shape]:
    hidden = _times(shape.hidden, factor)
    return hidden, replace(shape, channels=_times(shape.channels, factor), hidden=hidden)
