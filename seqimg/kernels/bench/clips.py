"""Whole clips: training and inference beside the limit, and the minimal cell beside the full one."""

from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

from seqimg.kernels.bench.limit import Limit, limit_arrangements
from seqimg.kernels.bench.plan import Plan
from seqimg.kernels.bench.programs import EAGER, Program, automatic, layer_program, naive_program, programs
from seqimg.kernels.bench.result import Check, Column, Row, at_least
from seqimg.kernels.bench.shapes import Shape
from seqimg.kernels.bench.timing import clock_of, interleaved, ratio
from seqimg.kernels.bench.works import Mode, Prepared, clip_work

__all__ = ["clip_row", "columns_of", "min_row", "no_slower", "ratio_of"]

_ASKED = {
    ("training", "float32"): 0.88,
    ("training", "bfloat16"): 0.85,
    ("inference", "float32"): 0.90,
    ("inference", "bfloat16"): 0.90,
}
"""The share of the limit."""
_ASKED_OF_BF16 = 2.2  # times as fast as naive fp32
_ASKED_OF_MIN = 2.5  # times as fast as conv_gru
_NAIVE_FP32 = "naive float32"


def clip_row(plan: Plan, shape: Shape, dtype: str, mode: Mode) -> Row:
    """Time every way to compute a clip, and the limit."""
    case, clock = plan.case(shape, dtype), clock_of(plan.device)
    ready, how = Prepared(), {}
    for name, make in programs(case, ("sequence",), compiled=plan.compiled).items():
        ready.add(name, partial(clip_work, case, make, mode, clock))
    if mode == "training" and dtype == "bfloat16":
        full = plan.case(shape, "float32")
        naive = partial(naive_program, full, channels_last=False)
        ready.add(_NAIVE_FP32, partial(clip_work, full, naive, mode, clock))

    def limit() -> Limit:
        made = Limit(limit_arrangements(shape, case.dtype, case.device, training=mode == "training"), clock)
        how["limit"] = "; ".join(f"{job}: {way}" for job, way in made.how.items())
        return made

    ready.add("limit", limit)
    seconds = interleaved(ready.works, plan.repeats, clock)
    checks = _clip_checks(automatic(case, "sequence"), seconds, mode, dtype)
    return Row(mode, dtype, str(shape), columns_of(ready, seconds, how), checks)


def min_row(plan: Plan, shape: Shape, dtype: str) -> Row:
    """Time training of `min_conv_gru` beside `conv_gru`, each with the kernel taken automatically."""
    case, clock = plan.case(shape, dtype), clock_of(plan.device)
    ready = Prepared()
    for cell in ("conv_gru", "min_conv_gru"):
        make: Callable[[], Program] = partial(layer_program, case, cell=cell)
        ready.add(cell, partial(clip_work, case, make, "training", clock))
    seconds = interleaved(ready.works, plan.repeats, clock)
    faster = ratio_of(seconds, "conv_gru", "min_conv_gru")
    how = {cell: f"kernel {automatic(case, 'sequence', cell)}" for cell in seconds}
    check = at_least("min_conv_gru, times as fast as conv_gru", faster, _ASKED_OF_MIN)
    return Row("min", dtype, str(shape), columns_of(ready, seconds, how), [check])


def columns_of(
    ready: Prepared, seconds: Mapping[str, list[float]], how: Mapping[str, str] = {}
) -> list[Column]:
    """Return a column for each work that was wanted: its times, or why there are none."""
    columns = []
    for name in ready.names:
        taken = seconds.get(name)
        if taken is None:
            columns.append(Column(name, {"median_s": None, "min_s": None}, ready.failures[name]))
            continue
        figures: dict[str, float | None] = {"median_s": median(taken), "min_s": min(taken)}
        if "limit" in seconds:
            figures["of_limit"] = ratio(seconds["limit"], taken)
        columns.append(Column(name, figures, how.get(name)))
    return columns


def no_slower(name: str, seconds: Mapping[str, list[float]], others: tuple[str, ...]) -> Check:
    """Ask for `name` to be as fast as the fastest of the others, at least."""
    there = [other for other in others if other in seconds]
    best = min(there, key=lambda other: median(seconds[other]), default="none")
    figure = ratio_of(seconds, best, name)
    return at_least(f"{name}, times as fast as {best}, the best eager column", figure, 1)


def _clip_checks(
    kernel: str | None, seconds: Mapping[str, list[float]], mode: Mode, dtype: str
) -> list[Check]:
    checks: list[Check] = []
    if kernel is None:
        return checks
    if (mode, dtype) in _ASKED:
        share = ratio_of(seconds, "limit", kernel)
        checks.append(at_least(f"{kernel}, share of the limit", share, _ASKED[mode, dtype]))
    if mode == "training":
        checks.append(no_slower(kernel, seconds, EAGER))
    if _NAIVE_FP32 in seconds:
        faster = ratio_of(seconds, _NAIVE_FP32, kernel)
        checks.append(at_least(f"{kernel}, times as fast as {_NAIVE_FP32}", faster, _ASKED_OF_BF16))
    return checks


def ratio_of(seconds: Mapping[str, list[float]], numerator: str, denominator: str) -> float | None:
    """Return how many times as long as `denominator` the column `numerator` took, None if one is missing."""
    if numerator not in seconds or denominator not in seconds:
        return None
    return ratio(seconds[numerator], seconds[denominator])
