"""One stage of a pipeline in a thread of its own, so that it works while the others do."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from time import perf_counter
from typing import Generic, Literal, TypeVar

__all__ = ["Mode", "Overlapped", "overlapped"]

T = TypeVar("T")

Mode = Literal["offline", "live"]
"""Whether every item is handed on, or only the newest ones, as they come."""

_PATIENCE = 0.5
"""Seconds that a stage gets to end by itself before `interrupt` is called."""

_LIMIT = 4.0
"""Seconds that it gets to end after that."""


class _StoppedError(BaseException):
    """Ends whoever waits for an item of a stage that was stopped: it must not take that for the end of the items."""


class Overlapped(Generic[T]):
    """Items of an iterable that is run in another thread; see `overlapped`.

    Attributes:
        taken: Items that came from the iterable.
        given: Items that were handed on.
        dropped: Items that were left out because newer ones had come: never any offline.

    Args:
        items: What to run.
        ahead: How many items may wait.
        mode: `"offline"` waits for room; `"live"` leaves out the oldest one that waits.
        note: Told the seconds that each item took to come, in that thread.

    Example:
        >>> running = Overlapped(range(3), ahead=2, mode="offline", note=None)
        >>> list(running), running.taken, running.dropped
        ([0, 1, 2], 3, 0)
        >>> running.close()
    """

    def __init__(
        self, items: Iterable[T], ahead: int, mode: Mode, note: Callable[[float], object] | None
    ) -> None:
        if ahead < 1:
            raise ValueError(f"ahead is {ahead}: at least 1 item has to wait")
        self.taken = self.given = self.dropped = 0
        self._items, self._ahead, self._mode, self._note = items, ahead, mode, note
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = self._closing = False
        self._error: BaseException | None = None
        # A daemon: one that cannot be woken must not keep the process from ending.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name="seqimg-overlapped", daemon=True
        )
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Items that have come and were not handed on yet."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            while not (self._waiting or self._ended or self._closing):
                self._changed.wait()
            if self._closing:
                raise _StoppedError
            if self._waiting:
                self.given += 1
                item = self._waiting.popleft()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def finish(self) -> None:
        """Let the items end with those that have come; whoever takes them sees an end like any other."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Hand over no more items, and end whoever waits for one in another thread."""
        with self._changed:
            self._closing = True
            self._waiting.clear()
            self._changed.notify_all()

    def close(self, interrupt: Callable[[], object] | None = None, limit: float | None = None) -> None:
        """Take no more items, and wait for the thread to end.

        Args:
            interrupt: What makes an item that is waited for long come or fail at once.
            limit: Seconds to wait for the thread after that; None for ever.
        """
        self.stop()
        self._thread.join(None if interrupt is None else _PATIENCE)
        if interrupt is not None and self._thread.is_alive():
            interrupt()
            self._thread.join(limit)
        self._error = None  # its traceback may hold frames

    @property
    def _over(self) -> bool:
        """Whether no more items are wanted."""
        return self._closing or self._ended

    def _work(self) -> None:
        try:
            iterator = iter(self._items)
            try:
                self._pass(iterator)
            finally:
                # A generator ends in the thread that ran it.
                close = getattr(iterator, "close", None)
                if close is not None:
                    close()
        except BaseException as error:  # noqa: BLE001 -- handed over, to be raised once by whoever takes items
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _pass(self, iterator: Iterator[T]) -> None:
        begun = perf_counter()
        for item in iterator:
            if self._note is not None:
                self._note(perf_counter() - begun)
            with self._changed:
                self.taken += 1
                while self._mode == "offline" and len(self._waiting) >= self._ahead and not self._over:
                    self._changed.wait()
                if self._over:
                    return
                if len(self._waiting) >= self._ahead:
                    self._waiting.popleft()
                    self.dropped += 1
                self._waiting.append(item)
                self._changed.notify_all()
            del item
            begun = perf_counter()


@contextmanager
def overlapped(
    items: Iterable[T],
    *,
    ahead: int,
    mode: Mode = "offline",
    note: Callable[[float], object] | None = None,
    interrupt: Callable[[], object] | None = None,
    limit: float | None = _LIMIT,
) -> Iterator[Overlapped[T]]:
    """Run an iterable in a thread of its own while the block runs, and hand its items over in their order.

    An exception that the iterable raises comes out of the loop over the items, once, after the items before it.
    When the block is left, however it is, the iterable takes no more items, and its thread has ended.

    Args:
        items: What to run; a generator is begun, continued and closed in that thread alone.
        ahead: How many items may wait.
        mode: `"offline"` waits for room, so that nothing is lost; `"live"` leaves out the oldest one that waits.
        note: Told the seconds that each item took to come, in that thread.
        interrupt: Called if the block is left and the thread does not end by itself, to wake it.
        limit: Seconds that the thread then has to end; None for as long as it takes.

    Raises:
        ValueError: `ahead` is less than 1.

    Example:
        >>> with overlapped(range(5), ahead=2) as items:
        ...     list(items)
        [0, 1, 2, 3, 4]
    """
    running = Overlapped(items, ahead, mode, note)
    try:
        yield running
    finally:
        running.close(interrupt, limit)
