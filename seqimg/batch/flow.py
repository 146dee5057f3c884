"""How frames flow from a source through a model: how fast, which are left out, and how long each stage takes."""

import math
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from seqimg.batch.threads import BestThreads
from seqimg.streaming import Latencies, Latency

__all__ = ["Flow", "Timing"]

_STAGES = ("arrival", "decode", "preprocess", "model", "postprocess", "encode")


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How frames flow.

    Attributes:
        live: Whether frames are left out where the model is too slow for the source.
        max_latency: Seconds that a frame may wait for its turn; None lets only the newest one wait.
        paced: Whether the frames of a file come at their own times, as a camera's do.
        cuts: Whether the stream begins anew at cuts.
        fps: Frames a second that the source is brought to; None for those that the model's configuration asks for.
        overlap: Whether reading, the model and writing work at the same time.
    """

    live: bool = False
    max_latency: float | None = None
    paced: bool = False
    cuts: bool = False
    fps: float | None = None
    overlap: bool = True


class Timing:
    """What became of the frames of a run, and how long each stage took.

    Attributes:
        latencies: Seconds a frame of each stage, the first frames apart.
        came: Frames that the source gave.
        answered: Frames that the task was shown.
        dropped: Frames that were left out because newer ones had come.
        lag: How long frames waited for their turn, in frames of the source.
        delay: Seconds from when a frame came to when what was said of it was written.
        threads: How many threads the model was computed with; None where nobody looked for the best number.
    """

    def __init__(self, fps: float | None) -> None:
        self.latencies = Latencies()
        self.came = self.answered = self.dropped = 0
        self.lag, self.delay = Latency(), Latency()
        self.threads: BestThreads | None = None
        self._fps = fps
        self._begun = self._ended = self._counted = math.nan

    def turn(self, came: float) -> None:
        """Take note that it is a frame's turn, which came at a time of the clock."""
        now = perf_counter()
        self.answered += 1
        if math.isnan(self._begun):
            self._begun = now
        self.lag.note((now - came) * (self._fps or 25.0))

    def done(self) -> None:
        """Take note that the task is done with a frame."""
        self._ended = perf_counter()

    @property
    def fps(self) -> float | None:
        """Frames answered a second, from the first one's turn to when the last one was done; None if too few."""
        seconds = self._ended - self._begun
        return self.answered / seconds if self.answered > 1 and seconds > 0 else None

    def record(self, *, live: bool) -> dict[str, Any]:
        """Return all of it as plain values: seconds, frames, and frames a second."""
        figures = self.latencies.figures()
        fps = self.fps
        found: dict[str, Any] = {
            "stages": {name: figures[name] for name in _STAGES if name in figures},
            "frames_in": self.came,
            "frames_answered": self.answered,
            "frames_dropped": self.dropped,
            "fps": None if fps is None else round(fps, 3),
            "source_fps": None if self._fps is None else round(self._fps, 3),
        }
        if self.threads is not None:
            found["threads"] = {"most": self.threads.most, "chosen": self.threads.now}
        if live:
            found["lag_frames"] = {
                "p50": round(self.lag.percentile(50), 3),
                "p99": round(self.lag.percentile(99), 3),
            }
            found["lag_frames"]["most"] = round(self.lag.most, 3)
            found["delay"] = {f"p{share}": round(self.delay.percentile(share), 6) for share in (50, 95, 99)}
        return found
