"""A constant rate that stays true to time where frames are left out."""

from fractions import Fraction

from seqimg.batch.feeding import Moment

__all__ = ["Held"]

_NEWS = 0.1  # share of what is known of a writer's speed that is what was seen last
_MOST = 10  # seconds that a pause lasts in what is written, at most


class Held:
    """How often each picture is written so that, at a constant rate, all are shown at their times.

    A picture stands in for those that were left out before it. A pause of more than ten seconds lasts ten. Where
    several pictures are about one moment, each is written once.

    A writer that is too slow for that rate does not get more of them than it can write until the next one comes, or
    ever more would be left out meanwhile. What it owes it writes when it can; beyond ten seconds never.

    Args:
        rate: Frames a second of what is written.

    Example:
        >>> held = Held(Fraction(10))
        >>> [held.times(Moment(number, time, 0.0)) for number, time in enumerate((5.0, 5.1, 5.4, 5.41, 5.5))]
        [1, 1, 3, 0, 1]
    """

    def __init__(self, rate: Fraction) -> None:
        self._rate = float(rate)
        self._start: float | None = None
        self._written = 0
        self._number, self._time = -1, 0.0
        self._begun = False
        self._cost = 0.0  # seconds that a picture takes to be written

    def took(self, seconds: float, times: int) -> None:
        """Take note of how long it took to write a picture so many times; the first time the file is opened too."""
        if self._begun and times:
            self._cost += (seconds / times - self._cost) * (_NEWS if self._cost else 1)
        self._begun = True

    def times(self, moment: Moment) -> int:
        """Return how often a picture about a moment is written."""
        same, self._number = moment.number == self._number, moment.number
        since, self._time = moment.time - self._time, moment.time
        if self._start is None:
            self._start = moment.time
        place = round((moment.time - self._start) * self._rate)
        behind = place + 1 - self._written
        if behind > _MOST * self._rate:
            excess = behind - round(_MOST * self._rate)
            self._start += excess / self._rate
            behind -= excess
        count = 1 if same else max(behind, 0)
        if count > 1 and count * self._cost > since:
            count = max(1, int(since / self._cost))
        self._written += count
        return count
