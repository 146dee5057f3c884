"""The last minute: how fast frames came and answers went, and what happened."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

__all__ = ["SECONDS", "Happening", "Timeline"]

SECONDS = 60
"""How far back it goes."""

_STEP = 0.5  # seconds of one bar
_MOST = 200  # happenings, however many there were
_WINDOW = 3.0  # seconds that rates are measured over


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened at one moment.

    Attributes:
        at: When, in seconds of `time.monotonic`.
        kind: What it was.
        words: What it was, for people.
    """

    at: float
    kind: Literal["cut", "reset", "change", "pause"]
    words: str


class Timeline:
    """What was seen in the last minute, in constant memory."""

    def __init__(self) -> None:
        self._bars: deque[list[float]] = deque(maxlen=int(SECONDS / _STEP) + 1)
        self._happenings: deque[Happening] = deque(maxlen=_MOST)
        self._begun = time.monotonic()

    def note(self, *, came: int, milliseconds: float, age: int) -> None:
        """Take in one answered frame.

        Args:
            came: How many frames have come since the one before, this one included.
            milliseconds: How long the answer took.
            age: How much the model remembers.
        """
        bar = self._bar(time.monotonic())
        bar[1] += came
        bar[2] += 1
        bar[3] = max(bar[3], milliseconds)
        bar[4] = age

    def happened(self, kind: Literal["cut", "reset", "change", "pause"], words: str) -> None:
        """Take in that something happened, now."""
        self._happenings.append(Happening(time.monotonic(), kind, words))

    def rates(self) -> tuple[float, float]:
        """Return the frames a second that came and that were answered, over the last few whole bars."""
        now = time.monotonic()
        until = now - now % _STEP
        since = max(until - _WINDOW, self._begun - self._begun % _STEP)
        if until <= since:
            return 0.0, 0.0
        bars = [bar for bar in tuple(self._bars) if since <= bar[0] < until]
        return sum(bar[1] for bar in bars) / (until - since), sum(bar[2] for bar in bars) / (until - since)

    def bars(self) -> list[tuple[float, int, int, float, int]]:
        """Return seconds ago, frames come, frames answered, longest milliseconds and memory's age, oldest first."""
        now = time.monotonic()
        return [
            (round(now - bar[0], 2), int(bar[1]), int(bar[2]), round(bar[3], 1), int(bar[4]))
            for bar in tuple(self._bars)
            if now - bar[0] <= SECONDS
        ]

    def happenings(self) -> list[tuple[float, str, str]]:
        """Return seconds ago, kind and words of what happened, oldest first."""
        now = time.monotonic()
        return [
            (round(now - each.at, 2), each.kind, each.words)
            for each in tuple(self._happenings)
            if now - each.at <= SECONDS
        ]

    def _bar(self, now: float) -> list[float]:
        begins = now - now % _STEP
        if not self._bars or self._bars[-1][0] != begins:
            self._bars.append([begins, 0, 0, 0.0, 0])
        return self._bars[-1]
