"""A task at work on a stream, given one frame at a time and asked what it says about it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from seqimg.config import Config
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown, Task

__all__ = ["Branch"]

_PATIENCE = 5.0  # seconds that a task has to come to an end


class _End:
    """There are no more frames."""


class _Close:
    """Nobody listens any more."""


class _ClosedError(BaseException):
    """Raised inside a task that asks for a frame after nobody listens any more; it must not be caught there."""


@dataclass(frozen=True)
class _Reply:
    said: list[Shown]
    error: BaseException | None = None


class Branch:
    """One call of `Task.show`, turned about: frames are handed to it, and what it says of each comes back.

    A task draws frames from an iterable, so it has a thread of its own, which waits between frames. While a
    frame is worked on the caller waits: one of both works at a time.

    Args:
        task: The task.
        stream: What it feeds its frames to.
        options: The options of a run.
    """

    def __init__(self, task: Task[Any, Any, Any], stream: Stream, options: Config) -> None:
        self._asked: SimpleQueue[Seen | type[_End] | type[_Close]] = SimpleQueue()
        self._replies: SimpleQueue[_Reply] = SimpleQueue()
        self._said: list[Shown] = []
        self._open = False
        self._thread = threading.Thread(
            target=self._work, args=(task, stream, options), name="seqimg-live-show", daemon=True
        )
        self._thread.start()

    def feed(self, seen: Seen) -> list[Shown]:
        """Hand over a frame and return what the task said before it asked for the next; raises what it raised."""
        return self._ask(seen)

    def finish(self) -> list[Shown]:
        """Say that there are no more frames and return what the task still had to say; raises what it raised."""
        return self._ask(_End)

    def close(self) -> None:
        """End the task, wherever it is."""
        self._asked.put(_Close)
        self._thread.join(_PATIENCE)

    def _ask(self, what: Seen | type[_End]) -> list[Shown]:
        self._asked.put(what)
        reply = self._replies.get()
        if reply.error is not None:
            raise reply.error
        return reply.said

    def _work(self, task: Task[Any, Any, Any], stream: Stream, options: Config) -> None:
        error: BaseException | None = None
        try:
            for shown in task.show(stream, self._frames(), options):
                self._said.append(shown)
        except _ClosedError:
            return
        except BaseException as raised:  # noqa: BLE001 -- it is raised where the answer is asked for
            error = raised
        if self._open:
            self._reply(error)
            error = None
        # It has said all: whatever comes now, there is nothing more to say of it.
        while self._asked.get() is not _Close:
            self._reply(error)
            error = None

    def _frames(self) -> Iterator[Seen]:
        while True:
            asked = self._asked.get()
            if asked is _Close:
                raise _ClosedError
            self._open = True
            if isinstance(asked, Seen):
                yield asked
                # It asks for the next one, so it has said all about this one.
                self._reply(None)
            else:
                return

    def _reply(self, error: BaseException | None) -> None:
        said, self._said, self._open = self._said, [], False
        self._replies.put(_Reply(said, error))
