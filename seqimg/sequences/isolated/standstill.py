"""Decoders whose threads wait for each other for ever: noticed early, and avoided when a sequence is read again.

Damaged video can do that to FFmpeg where several frames are decoded at once. Nothing moves then: a thread of
its own sees that this process is inside a decoder, is given its share of the machine, and uses none of it.
A decoder that is merely slow is at work, and a computer that slept or is overloaded does not let the thread
count.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["be_careful", "is_careful", "watch", "watched"]

_TICK = 0.25  # seconds
_TICKS = 14  # without any work: less than 5 s, all in all
_NO_WORK = 0.002  # seconds of the processor's time in one tick: the watching takes less

_Given = TypeVar("_Given")
_Taken = TypeVar("_Taken")


class _State:
    calls = 0
    is_inside = False
    is_careful = False


def watched(decode: Callable[[_Given], _Taken]) -> Callable[[_Given], _Taken]:
    """Return a decoder's function with its calls made known to the watch, if there is one."""

    def call(given: _Given) -> _Taken:
        _State.calls += 1
        _State.is_inside = True
        try:
            return decode(given)
        finally:
            _State.is_inside = False

    return call


def is_careful() -> bool:
    """Tell whether decoders must not work on several frames at once."""
    return _State.is_careful


def be_careful(careful: bool) -> None:
    """Say whether decoders that are opened from now on must not work on several frames at once."""
    _State.is_careful = careful


def watch(alarm: Callable[[], object]) -> None:
    """Call `alarm`, once and in a thread of its own, when a watched call stands still."""
    threading.Thread(target=_watch, args=(alarm,), daemon=True, name="standstill").start()


def _watch(alarm: Callable[[], object]) -> None:
    still, call, spent = 0, 0, 0.0
    while still < _TICKS:
        time.sleep(_TICK)
        before, spent = spent, time.process_time()
        stands = _State.is_inside and _State.calls == call and spent - before < _NO_WORK
        still, call = still + 1 if stands else 0, _State.calls
    alarm()
