"""Being asked to stop, by Ctrl-C or SIGTERM, without a step being cut in the middle."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seqimg.interrupts import heed_interrupt

__all__ = ["TERMINATED", "StopRequest", "asked_to_stop"]

TERMINATED = 143
"""Exit code of a command that SIGTERM ended."""


class StopRequest:
    """Whether somebody asked to stop.

    Attributes:
        number: The signal that asked, None while nobody has.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None


@contextmanager
def asked_to_stop() -> Iterator[StopRequest]:
    """Turn the first signal in the block into a request; after it all signals do what they did before."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    heed_interrupt()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number: int, frame: FrameType | None) -> None:
        request.number = number
        restore()

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield request
    finally:
        restore()
