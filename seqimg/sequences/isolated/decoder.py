"""Processes that read sequences for this one: started, spoken with, given up, and used again."""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic

from seqimg.errors import UnavailableError
from seqimg.sequences.isolated.messages import (
    MAX_LINE,
    Alive,
    Message,
    NonsenseError,
    Still,
    Stopped,
    encode,
    parse,
)
from seqimg.sequences.isolated.ring import Ring, create_ring_file

__all__ = [
    "Decoder",
    "DecoderGoneError",
    "StandstillError",
    "end_decoders",
    "give_back",
    "take",
    "told_to_forget",
]

_MOST_IDLE = 2
_LARGE_RING = 2**28  # bytes that an idle decoder must not keep
_STOP_SECONDS = 2.0  # an old pass gets so long to end
_START_SECONDS = 60.0  # Python, plugins and readers are loaded meanwhile: no file is to blame for that
_DEBUG = "SEQIMG_DEBUG"


class DecoderGoneError(Exception):
    """A decoder died, fell silent or went mad; the text says which."""


class StandstillError(DecoderGoneError):
    """Its threads wait for each other; decoding one frame at a time may get past that."""


class Decoder:
    """One process with the ring its frames come through.

    Attributes:
        known: Keys of the sequences it may have open.
        ring: The frames.
        stale: Whether it was told to end a pass and has not said yet that it did.
    """

    def __init__(self) -> None:
        self.known: set[int] = set()
        self.stale = False
        self._has_spoken = False
        self._surroundings = _surroundings()
        self._waiting = bytearray()
        ring = create_ring_file()
        self.ring = Ring(ring)
        self._connection, theirs = socket.socketpair()
        self._poll = select.poll()
        self._poll.register(self._connection, select.POLLIN)
        end, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                # -P: a file in the current folder is data, never a module.
                [sys.executable, "-P", "-m", "seqimg.sequences.isolated.process"]
                + [str(descriptor) for descriptor in (theirs.fileno(), end, ring)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if os.environ.get(_DEBUG, "") not in ("", "0") else subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), end, ring),
                env=_environment(),
                # Ctrl-C in a terminal reaches this process only.
                process_group=0,
            )
        except OSError as error:
            self._release()
            raise UnavailableError(
                "cannot start a process that decodes", why=error.strerror, hint="seqimg doctor"
            ) from error
        finally:
            theirs.close()
            os.close(end)
        _alive.add(self)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def send(self, words: Mapping[str, object]) -> None:
        """Send a command; that the decoder is gone shows when it is listened to."""
        with suppress(OSError):
            self._connection.sendall(encode(words))

    def receive(self, seconds: float) -> Message:
        """Return what it says next, signs of life aside.

        Raises:
            DecoderGoneError: It died, stands still, said nonsense, or nothing at all for so many seconds;
                one that is starting has a minute.
        """
        while True:
            try:
                message = parse(self._line(seconds if self._has_spoken else max(seconds, _START_SECONDS)))
            except NonsenseError as error:
                raise DecoderGoneError(f"its decoder answered nonsense ({error})") from error
            self._has_spoken = True
            if isinstance(message, Still):
                raise StandstillError("its decoder stands still")
            if not isinstance(message, Alive):
                return message

    def settle(self) -> bool:
        """After a pass that was given up: tell whether the decoder can be used again."""
        if self.stale and not self._has_spoken:
            return False
        try:
            end = monotonic() + _STOP_SECONDS
            while self.stale and monotonic() < end:
                self.stale = not isinstance(self.receive(_STOP_SECONDS), Stopped)
        except DecoderGoneError:
            return False
        return not self.stale and self._process.poll() is None and self._surroundings == _surroundings()

    def end(self) -> None:
        """End it at once, from any thread: whoever listens to it hears that it is gone."""
        self._process.kill()

    def kill(self) -> int | None:
        """End it at once, wait for it, and return its exit code, negative for a signal."""
        _alive.discard(self)
        self._process.kill()
        code = self._process.wait()
        self._release()
        return code

    def abandon(self) -> None:
        """After a fork: let go of what belongs to the other process."""
        self._process.returncode = 0  # it is not this process's child, and is not waited for
        self._release()

    def _line(self, seconds: float) -> bytes:
        while (end := self._waiting.find(b"\n")) < 0:
            if self._connection.fileno() < 0:
                raise DecoderGoneError("its decoder was ended, or is another process's")
            if len(self._waiting) > MAX_LINE:
                raise NonsenseError("the line is too long")
            if not self._poll.poll(seconds * 1000):
                raise DecoderGoneError(f"nothing came from its decoder for {seconds:g} s")
            try:
                piece = self._connection.recv(2**16)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise DecoderGoneError(self._last_words())
            self._waiting += piece
        line = bytes(self._waiting[:end])
        del self._waiting[: end + 1]
        return line

    def _last_words(self) -> str:
        try:
            code = self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return "its decoder hung up"
        if code >= 0:
            return f"its decoder ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        memory = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
        return f"its decoder was ended by {name}{memory}"

    def _release(self) -> None:
        self._connection.close()
        self._waiting.clear()  # what it has said is about a ring that is gone
        self.ring.close()
        with suppress(OSError):
            os.close(self._lifeline)
        self._lifeline = -1


# A pass that the garbage collector ends gives its decoder back from wherever this thread happens to be.
_alive: set[Decoder] = set()
_idle: list[Decoder] = []
_lock = threading.RLock()


def take(key: int) -> Decoder:
    """Return a decoder that nobody uses, if possible one that has this sequence open.

    Raises:
        UnavailableError: No process can be started.
    """
    while True:
        with _lock:
            if not _idle:
                break
            best = max(_idle, key=lambda decoder: (key in decoder.known, len(decoder.known)))
            _idle.remove(best)
        if best.settle():
            return best
        best.kill()
    return Decoder()


def give_back(decoder: Decoder) -> None:
    """Let others use a decoder."""
    with _lock:
        keep = decoder in _alive and len(_idle) < _MOST_IDLE and decoder.ring.size <= _LARGE_RING
        if keep:
            _idle.append(decoder)
    if not keep and decoder in _alive:
        decoder.kill()


def told_to_forget(key: int) -> None:
    """Have idle decoders close a sequence."""
    with _lock:
        for decoder in _idle:
            if key in decoder.known:
                decoder.known.discard(key)
                decoder.send({"do": "forget", "key": key})


def end_decoders() -> None:
    """End every process that decodes for this one; another is started when it is needed.

    Example:
        >>> from seqimg.sequences.isolated.reader import end_decoders
        >>> end_decoders()
    """
    with _lock:
        _idle.clear()
    for decoder in list(_alive):
        decoder.kill()


def _surroundings() -> tuple[object, ...]:
    """Return what a decoder inherits and readers look at: one that began with something else is of no use."""
    prefixes = ("SEQIMG_", "XDG_", "PYTHON", "TMPDIR", "HOME")
    return (*sys.path, *sorted(item for item in os.environ.items() if item[0].startswith(prefixes)))


def _environment() -> dict[str, str]:
    """Return this process's environment with its own paths of modules, and memory handled as suits frames."""
    paths = [str(Path(entry).absolute()) for entry in sys.path]
    return {
        # Freed frames are kept for the next ones: giving them back costs a third of the speed in page faults.
        "MALLOC_TRIM_THRESHOLD_": str(2**27),
        "MALLOC_MMAP_THRESHOLD_": str(2**25),
        "MALLOC_ARENA_MAX": "4",
        "OPENBLAS_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    _idle.clear()
    for decoder in list(_alive):
        decoder.abandon()
    _alive.clear()


atexit.register(end_decoders)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
