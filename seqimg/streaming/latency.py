"""How long the stages of a pipeline take: percentiles in constant memory, however long it runs."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

__all__ = ["Latencies", "Latency"]

_LEAST = 1e-6  # seconds; what is quicker counts as this
_STEP = math.log(1.02)  # each bin is 2 % wider than the one before, so a percentile is right to 1 %
_BINS = 1 + math.ceil(math.log(1e9) / _STEP)  # the last one begins at 1,000 seconds


class Latency:
    """Durations of one stage, counted in bins of 2 %.

    Attributes:
        count: How many there were.
        total: Their sum in seconds.
        most: The longest.

    Example:
        >>> latency = Latency()
        >>> for milliseconds in (20, 30, 10):
        ...     latency.note(milliseconds / 1000)
        >>> latency.count, latency.most
        (3, 0.03)
    """

    def __init__(self) -> None:
        self.count, self.total, self.most = 0, 0.0, 0.0
        self._bins: dict[int, int] = {}

    def note(self, seconds: float) -> None:
        """Take in one duration.

        Args:
            seconds: How long it was.
        """
        place = round(math.log(max(seconds, _LEAST) / _LEAST) / _STEP)
        place = min(place, _BINS)
        self._bins[place] = self._bins.get(place, 0) + 1
        self.count += 1
        self.total += seconds
        self.most = max(self.most, seconds)

    def percentile(self, share: float) -> float:
        """Return the seconds that so many per cent of the durations do not exceed, to 1 %; 0 if there were none.

        Args:
            share: From 0 to 100 per cent.

        Example:
            >>> latency = Latency()
            >>> for milliseconds in range(1, 101):
            ...     latency.note(milliseconds / 1000)
            >>> round(latency.percentile(50), 2), round(latency.percentile(100), 2)
            (0.05, 0.1)
        """
        wanted, seen = share / 100 * self.count, 0
        for place, count in sorted(self._bins.items()):
            seen += count
            if seen >= wanted:
                return min(_LEAST * math.exp(place * _STEP), self.most)
        return 0.0


class Latencies:
    """How long each stage of a pipeline takes for a frame; stages may be noted from several threads.

    The first durations of a stage are its warm-up: memory is touched, kernels are chosen and compiled. They are
    kept apart.

    Args:
        warm_up: How many durations of each stage that is.

    Example:
        >>> latencies = Latencies(warm_up=1)
        >>> for seconds in (0.9, 0.02, 0.02):
        ...     latencies.note("model", seconds)
        >>> figures = latencies.figures()["model"]
        >>> round(figures["p95"], 3), figures["warm_up"]
        (0.02, 0.9)
    """

    def __init__(self, *, warm_up: int = 3) -> None:
        self._warm_up = warm_up
        self._first: dict[str, Latency] = {}
        self._stages: dict[str, Latency] = {}
        self._lock = threading.Lock()

    def note(self, stage: str, seconds: float) -> None:
        """Take in how long a stage took for a frame.

        Args:
            stage: Name of the stage.
            seconds: How long it took.
        """
        with self._lock:
            first = self._first.setdefault(stage, Latency())
            warm = first.count >= self._warm_up
            (self._stages.setdefault(stage, Latency()) if warm else first).note(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long the block took, if it ended well.

        Args:
            stage: Name of the stage.

        Example:
            >>> latencies = Latencies(warm_up=0)
            >>> with latencies.timed("encode"):
            ...     pass
            >>> latencies.figures()["encode"]["frames"]
            1
        """
        begun = perf_counter()
        yield
        self.note(stage, perf_counter() - begun)

    def figures(self) -> dict[str, dict[str, float]]:
        """Return for each stage, in the order they were first noted, seconds a frame.

        Returns:
            `frames` counted, `mean`, `p50`, `p95`, `p99` and `most` of them, and `warm_up`, the sum of those before.
            A stage that never got beyond its warm-up has no others.
        """
        with self._lock:
            return {name: self._figures(name) for name in self._first}

    def _figures(self, name: str) -> dict[str, float]:
        stage = self._stages.get(name)
        found = {"frames": 0 if stage is None else stage.count, "warm_up": round(self._first[name].total, 6)}
        if stage is None:
            return found
        percentiles = {f"p{share}": round(stage.percentile(share), 6) for share in (50, 95, 99)}
        return {
            **found,
            "mean": round(stage.total / stage.count, 6),
            **percentiles,
            "most": round(stage.most, 6),
        }
