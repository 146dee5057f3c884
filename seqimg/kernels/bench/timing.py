"""Taking times: all that is compared runs in turns, so that what disturbs one disturbs all."""

import gc
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import TypeAlias

import torch

__all__ = ["Clock", "Work", "clock_of", "fastest", "interleaved", "quantile", "ratio", "wait"]

Work: TypeAlias = Callable[[], object]
Clock: TypeAlias = Callable[[Work], float]
"""Runs something once and returns how many seconds it took."""

_TRIALS = 3
_HOPELESS = 1.3  # times the best: not worth another trial


def clock_of(device: torch.device) -> Clock:
    """Return the clock of a device: it waits until the device has finished."""

    def measure(work: Work) -> float:
        wait(device)
        started = perf_counter()
        work()
        wait(device)
        return perf_counter() - started

    return measure


def wait(device: torch.device) -> None:
    """Wait until all work given to `device` is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def interleaved(
    works: Mapping[str, Work], rounds: int, clock: Clock, *, burst: int = 1, drop: int = 0
) -> dict[str, list[float]]:
    """Return the seconds that each work took, round after round.

    A round runs every work, in an order drawn anew each time: none always follows the same other.

    Args:
        works: What to compare, warmed up already.
        rounds: How often.
        clock: What takes the times.
        burst: How often each work runs before it is the next one's turn.
        drop: How many of a burst do not count, because the caches are still full of another's data.
    """
    order, draw = list(works), random.Random(0)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    with _no_collection():
        for _ in range(rounds):
            draw.shuffle(order)
            for name in order:
                taken = [clock(works[name]) for _ in range(burst)]
                seconds[name] += taken[drop:]
    return seconds


def fastest(ways: Mapping[str, Work], clock: Clock) -> str:
    """Return the name of the way whose best time is the shortest; runs them to warm them up, too.

    Example:
        >>> from time import sleep
        >>> ways = {"slow": lambda: sleep(0.01), "fast": lambda: None}
        >>> fastest(ways, clock_of(torch.device("cpu")))
        'fast'
    """
    if len(ways) == 1:
        return next(iter(ways))
    for work in ways.values():
        work()
    best = {name: clock(work) for name, work in ways.items()}
    hopeful = {name: work for name, work in ways.items() if best[name] <= _HOPELESS * min(best.values())}
    for name, seconds in interleaved(hopeful, _TRIALS, clock).items():
        best[name] = min(best[name], *seconds)
    return min(best, key=lambda name: best[name])


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median of the ratios within each round: what slows a whole round cancels out.

    Example:
        >>> ratio([1.0, 4.0, 1.0], [2.0, 8.0, 2.0])
        0.5
    """
    return median(a / b for a, b in zip(numerators, denominators, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all values does not exceed.

    Example:
        >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([3.0, 1.0, 2.0], 0.99)
        (2.0, 3.0)
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from running in the middle of a measurement."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
