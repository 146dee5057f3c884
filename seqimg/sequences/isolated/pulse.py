"""A sign of life from readers that work long without giving a frame.

A sequence that is read in a process of its own is given up when nothing is heard of it for a while
([seqimg.sequences.isolated.reader][]). A reader that counts, seeks or scans for long calls
[pulse][seqimg.sequences.isolated.pulse.pulse] once for each piece of work; anywhere else that does nothing.
"""

from collections.abc import Callable

__all__ = ["listen", "pulse"]

_listener: Callable[[], None] | None = None


def pulse() -> None:
    """Say that work goes on.

    Example:
        >>> from seqimg.sequences.isolated.pulse import pulse
        >>> for packet in range(3):
        ...     pulse()
    """
    if _listener is not None:
        _listener()


def listen(listener: Callable[[], None] | None) -> None:
    """Have every pulse of this process call `listener`."""
    global _listener
    _listener = listener
