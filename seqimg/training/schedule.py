"""The learning rate over a run, and how many steps fit into the time."""

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Plan", "Schedule", "learning_rate_factor", "momentum"]

Schedule = Literal["cosine", "onecycle", "constant"]

_FIRST_LOOK = 0.1  # share of the time limit after which the speed is believed
_ONECYCLE_START, _ONECYCLE_END = 1 / 25, 1 / 25e4  # of the peak, as in torch's OneCycleLR
_MOMENTUM, _ONECYCLE_MOMENTUM = (
    0.9,
    (0.95, 0.85),
)  # AdamW's first beta; at the ends, and at the peak, as there


def learning_rate_factor(progress: float, warmup: float, schedule: Schedule = "cosine") -> float:
    """Return the learning rate over its peak.

    Args:
        progress: Share of the run that is done, 0 to 1.
        warmup: Share of the run over which the rate rises.
        schedule: `cosine` rises linearly, then falls to 0 as half a cosine; `onecycle` rises and falls as half
            cosines, from 1/25 and to 1/250,000; `constant` rises linearly and stays.

    Example:
        >>> [round(learning_rate_factor(p, warmup=0.1), 2) for p in (0.05, 0.1, 0.55, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
        >>> [round(learning_rate_factor(p, 0.3, "onecycle"), 6) for p in (0.0, 0.3, 1.0)]
        [0.04, 1.0, 4e-06]
    """
    rising = progress < warmup
    if schedule == "onecycle":
        if rising:
            return _half_cosine(progress / warmup, _ONECYCLE_START, 1.0)
        return _half_cosine((progress - warmup) / (1 - warmup), 1.0, _ONECYCLE_END)
    if rising:
        return progress / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def momentum(progress: float, warmup: float, schedule: Schedule = "cosine") -> float:
    """Return the first beta of AdamW: 0.9, or under `onecycle` the lower the higher the learning rate is.

    Args:
        progress: Share of the run that is done, 0 to 1.
        warmup: Share of the run over which the rate rises.
        schedule: As of `learning_rate_factor`.

    Example:
        >>> [round(momentum(p, 0.3, "onecycle"), 3) for p in (0.0, 0.3, 1.0)], momentum(0.5, 0.3)
        ([0.95, 0.85, 0.95], 0.9)
    """
    if schedule != "onecycle":
        return _MOMENTUM
    ends, peak = _ONECYCLE_MOMENTUM
    if progress < warmup:
        return _half_cosine(progress / warmup, ends, peak)
    return _half_cosine((progress - warmup) / (1 - warmup), peak, ends)


def _half_cosine(progress: float, begin: float, end: float) -> float:
    return end + (begin - end) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass
class Plan:
    """How many steps a run makes, shortened once the time limit turns out too tight.

    A run that fits its limit is exactly as if there were none, whatever the machine's mood.

    Args:
        steps: Steps asked for.
        seconds: Time limit, 0 for none.
    """

    steps: int
    seconds: float = 0.0

    def review(self, done: int, elapsed: float) -> None:
        """Shorten the plan if, at the speed of `done` steps in `elapsed` seconds, it would end too late."""
        if self.seconds and elapsed >= _FIRST_LOOK * self.seconds:
            self.steps = min(self.steps, max(done, int(done * self.seconds / elapsed)))
