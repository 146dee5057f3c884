"""From what a task says to the moments that are shown."""

import time

import torch
from torch import Tensor

from seqimg.live.pictures import Moment
from seqimg.live.source import Captured
from seqimg.task import Shown

__all__ = ["Telling"]

_MOST_ROWS = 12


class Telling:
    """Makes one moment after another: where a task says nothing new, what it said before still stands."""

    def __init__(self) -> None:
        self._numbers = 0
        self._last = Moment(0, 0, 0.0, 0.0, torch.zeros(1, 1, 1))

    def answered(
        self, captured: Captured, shown: list[Shown], age: int, others: list[Shown] | None = None
    ) -> Moment:
        """Return the moment of a frame.

        Args:
            captured: The frame.
            shown: What the task said of it.
            age: Frames that the model remembers.
            others: What it said without memory; None if nothing works beside it.
        """
        seen, last = captured.seen, self._last
        moment = Moment(0, seen.index, seen.time, captured.at, seen.frame)
        if others is not None:
            moment.bare, moment.bare_line = _said(others, last.bare, last.bare_line)
        return self._told(moment, shown, age)

    def late(self, shown: list[Shown], age: int) -> Moment:
        """Return the moment of what is said after the last frame."""
        last = self._last
        return self._told(Moment(0, last.place, last.time, time.monotonic(), last.frame), shown, age)

    def _told(self, moment: Moment, shown: list[Shown], age: int) -> Moment:
        self._numbers += 1
        last, self._last = self._last, moment
        moment.number, moment.age = self._numbers, age
        moment.answer, moment.line = _said(shown, last.answer, last.line)
        rows = tuple(row for each in shown for row in each.rows)
        moment.rows = rows[-_MOST_ROWS:] or last.rows
        moment.fresh = any(each.picture is not None for each in shown)
        return moment


def _said(shown: list[Shown], picture: Tensor | None, line: str | None) -> tuple[Tensor | None, str | None]:
    """Return the newest picture and line, those before where nothing new was said."""
    for each in shown:
        picture = picture if each.picture is None else each.picture
        line = line if each.line is None else each.line
    return picture, line
