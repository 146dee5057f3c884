"""The process that reads sequences for another one: `python -m seqimg.sequences.isolated.process SOCKET LIFELINE RING`.

The three arguments are file descriptors. Commands come through the socket as lines of JSON and are
answered there ([seqimg.sequences.isolated.messages][]); frames go into the ring. The process ends with its
parent, whatever it is doing: the lifeline is a pipe that only the parent holds open, and its end is a
signal that the system sends.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

import numpy as np

from seqimg.plugins.manager import plugin_host
from seqimg.sequences.base import Sequence, SequenceError
from seqimg.sequences.info import SequenceInfo, TimedFrame
from seqimg.sequences.isolated.message_info import info_words
from seqimg.sequences.isolated.messages import encode, failure, words_of
from seqimg.sequences.isolated.pulse import listen
from seqimg.sequences.isolated.ring import Ring
from seqimg.sequences.isolated.standstill import be_careful, watch

__all__ = ["main"]

_MOST_OPEN = 8
_PULSE_EVERY = 1.0  # seconds
_FRAMES_OF_MEMORY = 64  # a decoder keeps references, one for each of its threads and a few more


class _Stop(BaseException):
    """The parent wants no more of this pass. No error: readers may catch those."""


class _Channel:
    """Commands in, answers out."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._waiting = connection, b""
        self._spoken = monotonic()

    def say(self, words: Mapping[str, object]) -> None:
        self._connection.sendall(encode(words))
        self._spoken = monotonic()

    def announce(self, frame: TimedFrame, news: list[Any]) -> None:
        if news:
            self.say({"say": "frame", "index": frame.index, "time": frame.time, "damage": news})
            return
        # The same without damage, which is quicker to write by hand.
        self._connection.sendall(b'{"say":"frame","index":%d,"time":%a}\n' % (frame.index, float(frame.time)))
        self._spoken = monotonic()

    def is_ready(self) -> None:
        """Say that from now on the time is the file's."""
        self.say({"say": "alive"})

    def pulse(self) -> None:
        if monotonic() - self._spoken > _PULSE_EVERY:
            self.say({"say": "alive"})

    def hear(self) -> dict[str, Any] | None:
        """Wait for a command; None when the parent has hung up."""
        while b"\n" not in self._waiting:
            piece = self._connection.recv(2**16)
            if not piece:
                return None
            self._waiting += piece
        line, _, self._waiting = self._waiting.partition(b"\n")
        return words_of(line)

    @property
    def has_mail(self) -> bool:
        return b"\n" in self._waiting or bool(select([self._connection], [], [], 0)[0])


@dataclass
class _Opened:
    sequence: Sequence
    damage_said: int = 0


class _Server:
    """Opens sequences and plays passes over them, one at a time."""

    def __init__(self, channel: _Channel, ring: Ring) -> None:
        self._channel, self._ring = channel, ring
        self._open: dict[int, _Opened] = {}
        self._inherited = _address_space()

    def serve(self) -> None:
        while (command := self._channel.hear()) is not None:
            match command["do"]:
                case "open":
                    self._guarded(self._find, command)
                case "pass":
                    self._guarded(self._play, command)
                case "look":
                    self._guarded(self._look, command)
                case "stop":
                    self._channel.say({"say": "stopped"})
                case "forget":
                    self._forget(command["key"])

    def _guarded(self, work: Callable[[dict[str, Any]], object], command: dict[str, Any]) -> None:
        try:
            work(command)
        except _Stop:
            self._channel.say({"say": "stopped"})
        except (Exception, SystemExit) as error:
            # Nobody is there any more to be told that nobody is there.
            if isinstance(error, BrokenPipeError | ConnectionResetError):
                raise
            opened = self._open.get(command["key"])
            self._channel.say(failure(error, self._news(opened) if opened else []))

    def _go_where_asked(self, command: dict[str, Any]) -> None:
        if command["cwd"] is not None:
            os.chdir(command["cwd"])

    def _find(self, command: dict[str, Any]) -> _Opened:
        """Return the sequence a command is about; open it, and say so, if it is not."""
        key = command["key"]
        be_careful(command["careful"])
        self._go_where_asked(command)
        if key not in self._open:
            reader: Callable[..., Sequence] = plugin_host().formats.load(command["format"], "reader")
            options = {name: tuple(v) if isinstance(v, list) else v for name, v in command["options"].items()}
            self._channel.is_ready()
            self._limit_memory(command)
            source = command["source"]
            found = _Opened(reader(Path(source) if command["is_path"] else source, **options))
            while len(self._open) >= _MOST_OPEN:
                self._forget(next(iter(self._open)))
            self._open[key] = found
            self._channel.say({"say": "opened", "info": info_words(found.sequence.info)})
        # The one used last is forgotten last.
        opened = self._open[key] = self._open.pop(key)
        self._limit_memory(command, opened.sequence.info)
        return opened

    def _look(self, command: dict[str, Any]) -> None:
        from seqimg.sequences.isolated.looking import look

        self._channel.is_ready()
        self._go_where_asked(command)
        self._limit_memory(command)
        self._channel.say(look(command["format"], Path(command["source"]), self._ring))

    def _forget(self, key: int) -> None:
        opened = self._open.pop(key, None)
        if opened is not None:
            with suppress(Exception):
                opened.sequence.close()

    def _play(self, command: dict[str, Any]) -> None:
        opened = self._find(command)
        slots, info = command["slots"], opened.sequence.info
        self._ring.divide(command["slot_bytes"], slots)
        free, opened.damage_said = slots, 0
        frames = _begun(opened.sequence, command["wanted"])
        try:
            for number, frame in enumerate(frames):
                if 2 * free <= slots:  # looking for mail costs time; a stop may wait for a few frames
                    free = self._wait_for_room(free)
                _copy(frame, self._ring.slot(number), info)
                free -= 1
                self._channel.announce(frame, self._news(opened))
        finally:
            with suppress(AttributeError):
                frames.close()  # type: ignore[attr-defined]
        self._channel.say({"say": "end", "damage": self._news(opened)})

    def _wait_for_room(self, free: int) -> int:
        while free < 1 or self._channel.has_mail:
            command = self._channel.hear()
            if command is None:
                raise BrokenPipeError
            match command["do"]:
                case "free":
                    free += command["count"]
                case "stop":
                    raise _Stop
                case "forget":
                    self._forget(command["key"])
        return free

    def _news(self, opened: _Opened) -> list[Any]:
        """Return the damage not said yet."""
        if len(opened.sequence.damage) == opened.damage_said:
            return []
        news = opened.sequence.damage[opened.damage_said :]
        opened.damage_said += len(news)
        return news

    def _limit_memory(self, command: dict[str, Any], info: SequenceInfo | None = None) -> None:
        """Allow addresses above those in use: an allowance, the file, which may be mapped, and some frames."""
        if self._inherited is None:
            return
        import resource

        allowed = _pages_in_use() + command["memory"] + self._ring.size
        with suppress(OSError, ValueError):
            allowed += 2 * os.stat(command["source"]).st_size
        if info is not None:
            allowed += _FRAMES_OF_MEMORY * _frame_bytes(info)
        soft, hard = self._inherited
        limits = [limit for limit in (allowed, soft, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))


def main(arguments: list[str]) -> int:
    """Serve until the parent hangs up."""
    connection, lifeline, ring = map(int, arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    _die_with_parent(lifeline)
    _leave_no_core()
    channel = _Channel(socket.socket(fileno=connection))
    listen(channel.pulse)
    watch(lambda: _give_up(channel))
    with suppress(BrokenPipeError, ConnectionResetError):
        _Server(channel, Ring(ring)).serve()
    return 0


def _give_up(channel: _Channel) -> None:
    """Say that the decoder stands still, which the thread in it never will, and end all."""
    with suppress(OSError):
        channel.say({"say": "still"})
    os._exit(1)


def _begun(sequence: Sequence, wanted: Any) -> Iterator[TimedFrame]:
    """Begin a pass: from a place on, or over a range or list of places."""
    if isinstance(wanted, int):
        return sequence.timed(wanted) if wanted else sequence.timed()
    sequence.damage = []
    return sequence._pick(range(*wanted["range"]) if isinstance(wanted, dict) else wanted)


def _copy(frame: TimedFrame, slot: np.ndarray[Any, np.dtype[np.uint8]], info: SequenceInfo) -> None:
    wanted = (info.height, info.width, info.channels)
    if frame.pixels.shape != wanted or frame.pixels.dtype != np.dtype(info.dtype):
        raise SequenceError(
            f"cannot read frame {frame.index} of {info.path}",
            why=f"it is {list(frame.pixels.shape)} {frame.pixels.dtype}, not {list(wanted)} {info.dtype}",
        )
    size = _frame_bytes(info)
    np.copyto(slot[:size].view(info.dtype).reshape(wanted), frame.pixels)


def _frame_bytes(info: SequenceInfo) -> int:
    return info.height * info.width * info.channels * np.dtype(info.dtype).itemsize


def _address_space() -> tuple[int, int] | None:
    """Return the limits this process began with, or None where they cannot be had."""
    if not Path("/proc/self/statm").exists():
        return None
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)


def _pages_in_use() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _die_with_parent(lifeline: int) -> None:
    """Have the system end this process when the parent is gone, even in the middle of a decoder."""
    import fcntl

    # The signal's default is to end the process; no Python needs to run for that. Where pipes send none,
    # the end of the socket is noticed between two frames.
    with suppress(OSError):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | fcntl.FASYNC)


def _leave_no_core() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
