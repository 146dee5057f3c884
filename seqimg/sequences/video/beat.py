"""How many frames are missing where some are, by the times of those that are there."""

import av.container
import av.video.stream

__all__ = ["Beat"]

_MOST = 2**24  # frames; times that leave out more are nonsense


class Beat:
    """Follows the times of frames in the order they are shown.

    Args:
        container: The file.
        stream: Its video stream.

    Attributes:
        is_known: Whether there are times to tell by.
        even: Whether all frames so far are one step apart, those around damage aside.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> None:
        # In AVI times are counted, not stated.
        rate = None if container.format.name == "avi" else stream.average_rate
        self._step = float(1 / (rate * stream.time_base)) if rate and stream.time_base else None
        self._last: int | None = None
        self._gaps = 0
        self.is_known = self.even = self._step is not None

    def begin(self, pts: int) -> None:
        """Say when the first frame is shown, which may be lost."""
        if self._step is not None:
            self._last, self._gaps = round(pts - self._step), -1

    def missing(self, pts: int | None, lost: int, *, torn: bool) -> int:
        """Return how many frames are lost before one, all in all.

        Args:
            pts: When it is shown; None if that is not stated.
            lost: How many are known to be, by packets whose times may be wrong as well.
            torn: Whether there was something that could not be read, so that more may be.
        """
        last, self._last = self._last, pts if pts is not None else self._last
        if pts is None or last is None or self._step is None:
            return lost
        steps = (pts - last) / self._step
        if not lost and not torn:
            self._gaps += 1
            if self._gaps == 1 and 1.5 < steps < 2.5:
                self._step, steps = 2 * self._step, steps / 2  # what is stated is the rate of fields
            self.even &= 0.5 < steps < 1.5
        elif (self.even and 0.5 < steps < _MOST) or (torn and lost + 1.5 < steps < _MOST):
            return round(steps) - 1
        return lost
