"""How far frames' times are from a constant rate."""

from fractions import Fraction

from seqimg.sequences.info import ASSUMED_FPS

__all__ = ["Pace"]

_SAME = 0.02  # seconds: coarser than any container's times, finer than the eye


class Pace:
    """Watches the times of frames that are written at a constant rate instead.

    Args:
        fps: That rate.

    Example:
        >>> pace = Pace(Fraction(10))
        >>> for time in (0, 0.1, 0.5, 0.6):
        ...     pace.note(time)
        >>> pace.notes
        ('times vary, written at 10 fps throughout',)
    """

    def __init__(self, fps: Fraction | None) -> None:
        self._fps = fps or ASSUMED_FPS
        self._count = 0
        self._varies = False

    def note(self, time: float | None) -> None:
        """Take in the time of the next frame, in seconds since the first; None if it has none."""
        if time is not None and abs(time - self._count / self._fps) > _SAME:
            self._varies = True
        self._count += 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say, if anything."""
        return (f"times vary, written at {float(self._fps):.5g} fps throughout",) if self._varies else ()
