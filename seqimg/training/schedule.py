"""The learning rate over a run, and how many steps fit into the time."""

import math
from dataclasses import dataclass

__all__ = ["Plan", "learning_rate_factor"]

_FIRST_LOOK = 0.1  # share of the time limit after which the speed is believed


def learning_rate_factor(progress: float, warmup: float) -> float:
    """Return the learning rate over its peak at `progress` in [0, 1): linear rise, then half a cosine to 0.

    Example:
        >>> [round(learning_rate_factor(p, warmup=0.1), 2) for p in (0.05, 0.1, 0.55, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


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
