"""A constant rate that stays true to time where frames are left out."""

from fractions import Fraction

from seqimg.batch.feeding import Moment

__all__ = ["Held"]

_MOST = 10  # seconds that a pause lasts in what is written, at most


class Held:
    """How often each picture is written so that, at a constant rate, all are shown at their times.

    A picture stands in for those that were left out before it. A pause of more than ten seconds lasts ten. Where
    several pictures are about one moment, each is written once.

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
        self._number = -1

    def times(self, moment: Moment) -> int:
        """Return how often a picture about a moment is written."""
        same, self._number = moment.number == self._number, moment.number
        if self._start is None:
            self._start = moment.time
        place = round((moment.time - self._start) * self._rate)
        behind = place + 1 - self._written
        if behind > _MOST * self._rate:
            excess = behind - round(_MOST * self._rate)
            self._start += excess / self._rate
            behind -= excess
        count = 1 if same else max(behind, 0)
        self._written += count
        return count
