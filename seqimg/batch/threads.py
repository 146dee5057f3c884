"""How many threads a model is best computed with, while others read and write beside it."""

import os
import statistics
from collections.abc import Callable

import torch

__all__ = ["BestThreads"]

_FRAMES = 6  # that a number of threads is tried with
_SETTLING = 2  # that do not count after a change


class BestThreads:
    """Try fewer threads during the first frames, and keep the number that frames took least time with.

    All threads of one operation wait for the slowest. Where the cores are few, or the frames small, threads that read
    and write beside the model delay it by more than a second thread saves: with half as many it may be twice as fast.

    Args:
        most: Threads to begin with.
        chosen: Told each number of threads to compute with from then on; in the thread that computes.
        free: Whether other numbers may be tried.

    Attributes:
        most: Threads that it began with.
        now: Threads that are computed with.

    Example:
        >>> threads = BestThreads(4, lambda number: None)
        >>> for _ in range(99):
        ...     threads.note({4: 0.03, 2: 0.01, 1: 0.02}[threads.now])
        >>> threads.now
        2
    """

    def __init__(
        self, most: int, chosen: Callable[[int], object] = torch.set_num_threads, *, free: bool = True
    ) -> None:
        self.most = self.now = most
        self._chosen, self._best, self._least = chosen, most, float("inf")
        self._seen: list[float] | None = [] if free and most > 1 else None

    @classmethod
    def of_this_thread(cls, device: torch.device) -> "BestThreads":
        """Begin with the threads that torch computes with; they stay as they are if somebody has chosen them."""
        free = device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ
        return cls(torch.get_num_threads(), free=free)

    def note(self, seconds: float) -> None:
        """Take in how long the model's work on a frame took.

        Args:
            seconds: How long.
        """
        if self._seen is None:
            return
        self._seen.append(seconds)
        if len(self._seen) < _SETTLING + _FRAMES:
            return
        typical = statistics.median(self._seen[_SETTLING:])
        if typical < self._least:
            self._best, self._least, self._seen = self.now, typical, []
            if self.now > 1:
                self._change(self.now // 2)
                return
        else:
            self._change(self._best)
        self._seen = None

    def restore(self) -> None:
        """Compute with as many threads as in the beginning; what was found is kept in `now`."""
        if self.now != self.most:
            self._chosen(self.most)

    def _change(self, threads: int) -> None:
        self.now = threads
        self._chosen(threads)
