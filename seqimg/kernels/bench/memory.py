"""Memory of a training step, measured in fresh processes, and what recomputing costs in time.

Two figures: `saved_bytes`, all that autograd keeps for the backward pass beyond inputs and parameters, each
storage once; and `peak_bytes`, how far the memory of the whole process rises above what it was before the
step (on CUDA: of the device's allocator), temporaries and gradients included.
"""

import json
import subprocess
import sys
from functools import partial
from typing import Any

from seqimg.errors import SeqimgError
from seqimg.kernels.bench.clips import columns_of, ratio_of
from seqimg.kernels.bench.plan import Plan
from seqimg.kernels.bench.programs import automatic, layer_program
from seqimg.kernels.bench.result import Column, Row, at_most
from seqimg.kernels.bench.shapes import Shape
from seqimg.kernels.bench.timing import clock_of, interleaved
from seqimg.kernels.bench.works import Prepared, clip_work
from seqimg.plugins.reports import reason_of

__all__ = ["long_row", "memory_row", "recompute_row"]

_ASKED, _ASKED_RECOMPUTED, _ASKED_TIME = 0.55, 0.25, 1.4
_LONG, _PIECE = (200, 1000), 20  # frames of the clips, and between the cuts; memory settles within ten pieces
_ASKED_LONG = 1.25  # times the memory at five times the length: how allocations fall moves it by a tenth
_RECOMPUTED = " recomputed"
_PATIENCE = 1800  # seconds


def memory_row(plan: Plan, shape: Shape, dtype: str) -> Row:
    """Measure the memory of a training step: naive, with the kernel taken, with gates recomputed."""
    kernel = automatic(plan.case(shape, dtype), "sequence") or "reference"
    settings: dict[str, dict[str, object]] = {
        "naive": {"kernel": None},
        kernel: {"kernel": kernel},
        kernel + _RECOMPUTED: {"kernel": kernel, "recompute": True},
    }
    columns = [_measured(plan, shape, dtype, name, work="step", **given) for name, given in settings.items()]
    naive, plain, recomputed = columns
    checks = [
        at_most(f"{column.name}, {words}, share of naive", _ratio(column, naive, figure), bound)
        for column, bound in ((plain, _ASKED), (recomputed, _ASKED_RECOMPUTED))
        for figure, words in (("saved_bytes", "saved for backward"), ("peak_bytes", "peak"))
    ]
    return Row("memory", dtype, str(shape), columns, checks)


def recompute_row(plan: Plan, shape: Shape, dtype: str) -> Row:
    """Time training with gates kept and with gates recomputed."""
    case, clock, ready = plan.case(shape, dtype), clock_of(plan.device), Prepared()
    kernel = automatic(case, "sequence") or "reference"
    for name, recompute in ((kernel, False), (kernel + _RECOMPUTED, True)):
        make = partial(layer_program, case, kernel, recompute=recompute)
        ready.add(name, partial(clip_work, case, make, "training", clock))
    seconds = interleaved(ready.works, plan.repeats, clock)
    slower = ratio_of(seconds, kernel + _RECOMPUTED, kernel)
    check = at_most(f"{kernel}{_RECOMPUTED}, times the time of {kernel}", slower, _ASKED_TIME)
    return Row("recompute", dtype, str(shape), columns_of(ready, seconds), [check])


def long_row(plan: Plan, shape: Shape, dtype: str) -> Row:
    """Measure the memory of training on a clip and on one five times as long, backpropagation truncated."""
    columns = [
        _measured(plan, shape, dtype, f"{frames} frames", work="truncated", frames=frames, every=_PIECE)
        for frames in _LONG
    ]
    growth = _ratio(columns[1], columns[0], "peak_bytes")
    check = at_most("peak memory of 1000 frames, times that of 200", growth, _ASKED_LONG)
    return Row("long", dtype, str(shape), columns, [check])


def _measured(plan: Plan, shape: Shape, dtype: str, name: str, **settings: object) -> Column:
    """Measure in a process of its own: this one has used memory already."""
    asked = {"shape": str(shape), "dtype": dtype, "device": plan.device.type, "layer": plan.layer, **settings}
    try:
        return Column(name, _in_child(asked))
    except Exception as error:  # noqa: BLE001 -- as in works.py: the other columns are still measured
        return Column(name, {"saved_bytes": None, "peak_bytes": None}, reason_of(error))


def _in_child(asked: dict[str, Any]) -> dict[str, float | None]:
    command = [sys.executable, "-m", "seqimg.kernels.bench.child", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        raise SeqimgError("the measuring process failed", why=(done.stderr.splitlines() or ["no word"])[-1])
    figures: dict[str, float | None] = json.loads(done.stdout)
    return figures


def _ratio(numerator: Column, denominator: Column, figure: str) -> float | None:
    over, under = numerator.figures.get(figure), denominator.figures.get(figure)
    return over / under if over is not None and under else None
