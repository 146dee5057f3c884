"""One step of a stream: one sample, one frame, no gradient, the state carried on."""

from functools import partial
from statistics import median

from seqimg.kernels.bench.clips import columns_of, no_slower
from seqimg.kernels.bench.limit import Limit, limit_arrangements
from seqimg.kernels.bench.plan import Plan
from seqimg.kernels.bench.programs import EAGER, automatic, programs
from seqimg.kernels.bench.result import Check, Column, Row, at_least, at_most
from seqimg.kernels.bench.shapes import Shape
from seqimg.kernels.bench.timing import clock_of, interleaved, quantile, ratio
from seqimg.kernels.bench.works import Prepared, step_work

__all__ = ["step_row"]

_BURST, _DROP = (
    30,
    5,
)  # a stream calls one step after another; the first after another column's are not typical
_ROUNDS_A_REPEAT = 3  # quantiles take many samples
_ASKED_OF_LIMIT, _ASKED_OF_P99 = 0.85, 1.5


def step_row(plan: Plan, shape: Shape, dtype: str) -> Row:
    """Time every way to compute a step, and the limit."""
    case, clock, ready, how = plan.case(shape, dtype), clock_of(plan.device), Prepared(), {}
    for name, make in programs(case, ("sequence", "step"), compiled=plan.compiled).items():
        ready.add(name, partial(step_work, case, make))

    def limit() -> Limit:
        made = Limit(limit_arrangements(shape, case.dtype, case.device, training=False), clock)
        how["limit"] = "; ".join(f"{job}: {way}" for job, way in made.how.items())
        return made

    ready.add("limit", limit)
    rounds = _ROUNDS_A_REPEAT * plan.repeats
    seconds = interleaved(ready.works, rounds, clock, burst=_BURST, drop=_DROP)
    columns = [
        Column(c.name, {**c.figures, "p99_s": _p99(seconds.get(c.name))}, c.note)
        for c in columns_of(ready, seconds, how)
    ]
    taken = automatic(case, "step") or automatic(case, "sequence")
    return Row("step", dtype, str(shape), columns, _checks(taken, seconds))


def _checks(name: str | None, seconds: dict[str, list[float]]) -> list[Check]:
    if name is None or name not in seconds:
        return []
    taken, limit = seconds[name], seconds.get("limit")
    share = None if limit is None else ratio(limit, taken)
    return [
        at_least(f"{name}, share of the limit", share, _ASKED_OF_LIMIT),
        no_slower(name, seconds, EAGER),
        at_most(f"{name}, p99 over p50", quantile(taken, 0.99) / median(taken), _ASKED_OF_P99),
    ]


def _p99(seconds: list[float] | None) -> float | None:
    return None if seconds is None else quantile(seconds, 0.99)
