"""The whole bench: which rows a plan means, and where they were measured."""

import gc
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from seqimg.kernels.allocator import keep_freed_memory
from seqimg.kernels.bench.clips import clip_row, min_row
from seqimg.kernels.bench.memory import long_row, memory_row, recompute_row
from seqimg.kernels.bench.plan import Part, Plan
from seqimg.kernels.bench.result import Result, Row
from seqimg.kernels.bench.scaling import scaling_points, scaling_row
from seqimg.kernels.bench.steps import step_row

__all__ = ["Measurement", "machine", "measurements", "run"]


@dataclass(frozen=True)
class Measurement:
    """A row that is still to be measured.

    Attributes:
        title: What it is, in a few words.
        measure: Measures it.
    """

    title: str
    measure: Callable[[], Row]


def measurements(plan: Plan) -> list[Measurement]:
    """Return everything that a plan asks for, in order."""
    return [
        measurement
        for part in plan.parts
        for dtype in plan.dtypes
        for measurement in _of_part(plan, part, dtype)
    ]


def run(plan: Plan, told: Callable[[Measurement, Row], object] = lambda _, row: row) -> Result:
    """Measure everything that a plan asks for.

    Args:
        plan: What to measure.
        told: Called with each row when it is there.
    """
    kept = keep_freed_memory()
    torch.backends.cudnn.benchmark = (
        True  # the fastest convolutions for every column; without effect on a CPU
    )
    settings = {**asdict(plan), "device": str(plan.device), "freed_memory_is_kept": kept}
    result = Result(machine(plan.device), settings)
    for measurement in measurements(plan):
        torch.compiler.reset()  # or its cache of shapes runs full after a few rows
        gc.collect()  # not while times are taken
        row = measurement.measure()
        result.rows.append(row)
        told(measurement, row)
    return result


def machine(device: torch.device) -> dict[str, object]:
    """Return what the figures depend on.

    Example:
        >>> machine(torch.device("cpu"))["torch"] == torch.__version__
        True
    """
    found: dict[str, object] = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = torch.version.cuda or torch.version.hip
        found["tf32"] = torch.backends.cudnn.allow_tf32
    return found


def _of_part(plan: Plan, part: Part, dtype: str) -> Iterator[Measurement]:
    rows: dict[str, Callable[..., Row]] = {
        "training": partial(clip_row, mode="training"),
        "inference": partial(clip_row, mode="inference"),
        "memory": memory_row,
        "recompute": recompute_row,
        "min": min_row,
        "step": step_row,
    }
    for kind in ("memory", "recompute") if part == "memory" else (part,):
        if kind != "scaling":
            for shape in plan.steps if kind == "step" else plan.clips:
                yield Measurement(f"{kind} {dtype} {shape}", partial(rows[kind], plan, shape, dtype))
    if part == "scaling":
        yield from _scaling(plan, dtype)


def _scaling(plan: Plan, dtype: str) -> Iterator[Measurement]:
    for axis, value, shape in scaling_points(plan.scaling):
        measure = partial(scaling_row, plan, axis, value, shape, dtype)
        yield Measurement(f"scaling {dtype} {axis} = {value}", measure)
    one = replace(plan.scaling, batch=1)
    yield Measurement(f"long {dtype} {one}", partial(long_row, plan, one, dtype))


def _processor() -> str:
    try:
        lines: Any = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
