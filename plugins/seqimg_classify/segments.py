"""What `run` says of a sequence: an answer for each of its segments, as soon as it is over."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqimg.rows import Row
from seqimg_classify.answers import Scoring

__all__ = ["COLUMNS", "Segment", "Segments", "clock", "likeliest"]

COLUMNS = ("segment", "start", "end", "frame", "frames", "rank", "label", "score")

_DIGITS = 6  # of a score in a row
_ROUNDING = 1e-6  # of a segment
_MOST_RECENT = 1000  # frames that a running answer is averaged over


@dataclass
class Segment:
    """A stretch of a sequence that one answer is about.

    Attributes:
        number: Which one, from 1.
        start: Seconds of its first frame.
        end: Seconds of its last frame so far.
        frame: Place of that frame in the source.
        frames: How many it has so far.
        scores: Scores of the classes, `[K]`.
    """

    number: int
    start: float
    end: float
    frame: int
    frames: int
    scores: Tensor

    def rows(self, labels: tuple[str, ...], top: int, threshold: float) -> Iterator[Row]:
        """Yield the likeliest classes, one a row."""
        named = likeliest(self.scores, top, threshold)
        for rank, (number, score) in enumerate(named, start=1):
            yield {
                "segment": self.number,
                "start": round(self.start, _DIGITS),
                "end": round(self.end, _DIGITS),
                "frame": self.frame,
                "frames": self.frames,
                "rank": rank,
                "label": labels[number],
                "score": round(score, _DIGITS),
            }

    def line(self, labels: tuple[str, ...], top: int, threshold: float) -> str:
        """Say it in a line.

        Example:
            >>> Segment(1, 0.0, 4.96, 124, 125, torch.tensor([0.9, 0.1])).line(("run", "walk"), 2, 0.0)
            '0:00:00.000-0:00:04.960  run 0.90, walk 0.10'
        """
        named = [f"{labels[number]} {score:.2f}" for number, score in likeliest(self.scores, top, threshold)]
        return f"{clock(self.start)}-{clock(self.end)}  {', '.join(named) or 'none of the classes'}"


class Segments:
    """Running answers, and the segments they belong to, in constant memory.

    Args:
        scoring: How answers are made of logits.
        seconds: Length of a segment; 0 for one that never ends by itself.
        smooth: Seconds over which the running answer is averaged.
    """

    def __init__(self, scoring: Scoring, *, seconds: float = 0.0, smooth: float = 0.0) -> None:
        self._scoring, self._seconds, self._smooth = scoring, seconds, smooth
        self._recent: deque[tuple[float, Tensor]] = deque(maxlen=_MOST_RECENT)
        self._sum: Tensor | None = None
        self._begin = 0.0  # where the first segment since the last cut begins
        self.now: Segment | None = None

    def over(self, time: float, *, cut: bool = False) -> Segment | None:
        """Return the segment that has ended before a frame at `time`, if one has."""
        now = self.now
        if now is None:
            self._begin = time
            return None
        if self._place(time) == self._place(now.start) and not cut:
            return None
        if cut:
            self._begin = time
            self._recent.clear()
        return now

    def _place(self, time: float) -> int:
        """Return which segment since the last cut a time is in."""
        # Times are rounded: a frame on the border belongs to the segment that begins there.
        return int((time - self._begin) / self._seconds + _ROUNDING) if self._seconds else 0

    def add(self, logits: Tensor, time: float, frame: int, *, new: bool) -> Tensor:
        """Take in a frame's logits `[K]` and return the running scores `[K]`.

        Args:
            logits: What the model says after the frame.
            time: Seconds of the frame.
            frame: Place of the frame.
            new: Whether a segment has ended before it.
        """
        scores = self._scoring.scores(logits.double()).cpu()
        now = self.now
        if now is None or new:
            now = Segment(1 if now is None else now.number + 1, time, time, frame, 0, scores)
            self._sum = torch.zeros_like(scores)
        assert self._sum is not None
        self._sum = self._sum + scores
        now.frames, now.end, now.frame = now.frames + 1, time, frame
        running = self._smoothed(scores, time)
        now.scores = self._sum / now.frames if self._scoring.answer == "mean" else running
        self.now = now
        return now.scores if self._scoring.answer == "mean" and not self._smooth else running

    def _smoothed(self, scores: Tensor, time: float) -> Tensor:
        if not self._smooth:
            return scores
        self._recent.append((time, scores))
        while self._recent[0][0] < time - self._smooth:
            self._recent.popleft()
        return torch.stack([found for _, found in self._recent]).mean(0)


def likeliest(scores: Tensor, top: int, threshold: float) -> list[tuple[int, float]]:
    """Return the classes of the highest scores `[K]` that reach a threshold, and the scores."""
    found = scores.topk(min(top, len(scores)))
    pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return [(number, score) for number, score in pairs if score >= threshold]


def clock(seconds: float) -> str:
    """Write seconds as hours, minutes and seconds.

    Example:
        >>> clock(3723.5)
        '1:02:03.500'
    """
    thousandths = round(abs(seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{'-' if seconds < 0 else ''}{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
