"""Frames worked on by several processes, in their order."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Self, TypeAlias

from seqimg.errors import SeqimgError, UnavailableError
from seqimg.sequences import TimedFrame
from seqimg.sequences.pixeltypes import Pixels
from seqimg_filter.stage import Stage
from seqimg_filter.wire import receive, send

__all__ = ["Pool", "placed"]

_Job: TypeAlias = "tuple[int, TimedFrame, Future[Pixels]]"


class Pool:
    """Processes that each know all stages.

    Args:
        stages: What is done to frames.
        workers: How many processes.

    Raises:
        UnavailableError: None can be started.
    """

    def __init__(self, stages: Sequence[Stage], workers: int) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._workers = workers
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        recipe = {"stages": [stage.describe() for stage in stages]}
        try:
            for _ in range(workers):
                self._processes.append(_start())
        except OSError as error:
            self.close()
            raise UnavailableError(
                "cannot start a worker", why=error.strerror, hint="without --workers"
            ) from error
        self._threads = [
            threading.Thread(target=self._serve, args=(process, recipe), daemon=True)
            for process in self._processes
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        for process in self._processes:
            process.kill()
            self._jobs.put(None)
        for process in self._processes:
            process.wait()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            for pipe in _pipes(process):
                with suppress(OSError):  # what could not be sent any more
                    pipe.close()

    def map(self, stage: int, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Yield what a stage makes of each frame, in their order; twice as many as workers are under way.

        Raises:
            SeqimgError: A frame cannot be worked on, or a worker died.
        """
        underway: deque[tuple[TimedFrame, Future[Pixels]]] = deque()
        for frame in frames:
            future: Future[Pixels] = Future()
            self._jobs.put((stage, frame, future))
            underway.append((replace(frame, pixels=frame.pixels[:0]), future))
            if len(underway) >= 2 * self._workers:
                yield _ended(*underway.popleft())
        while underway:
            yield _ended(*underway.popleft())

    def _serve(self, process: "subprocess.Popen[bytes]", recipe: dict[str, Any]) -> None:
        """Hand frames to a process, one at a time, as long as it lives."""
        inwards, outwards = _pipes(process)
        alive = _sent(inwards, recipe)
        while (job := self._jobs.get()) is not None:
            stage, frame, future = job
            answer = None
            if alive and _sent(inwards, {"stage": stage}, frame.pixels):
                try:
                    answer = receive(outwards)
                except (OSError, ValueError):
                    pass  # what comes from a dying process may be cut off anywhere
                except Exception as error:  # noqa: BLE001 -- whoever waits for the frame must hear of it
                    alive = False
                    future.set_exception(error)
                    continue
            if answer is None:
                alive = False
                future.set_exception(
                    SeqimgError("a worker died", why=_last_words(process), hint="fewer --workers")
                )
            elif answer[1] is None:
                future.set_exception(SeqimgError(**answer[0]["error"]))
            else:
                future.set_result(answer[1])


def _ended(frame: TimedFrame, future: "Future[Pixels]") -> TimedFrame:
    with placed(frame):
        return replace(frame, pixels=future.result())


@contextmanager
def placed(frame: TimedFrame) -> Iterator[None]:
    """Have an error say which frame it is about."""
    try:
        yield
    except SeqimgError as error:
        raise type(error)(f"{error.message} (frame {frame.index})", why=error.why, hint=error.hint) from error


def _sent(pipe: IO[bytes], words: dict[str, Any], frame: Pixels | None = None) -> bool:
    """Send words and a frame; return whether they could be."""
    try:
        send(pipe, words, frame)
    except (OSError, ValueError):
        return False
    return True


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    return process.stdin, process.stdout


def _start() -> "subprocess.Popen[bytes]":
    paths = [str(Path(entry).absolute()) for entry in sys.path]
    debug = os.environ.get("SEQIMG_DEBUG", "") not in ("", "0")
    # One thread each: the processes are what works in parallel.
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        # -P: a file in the current folder is data, never a module.
        [sys.executable, "-P", "-m", "seqimg_filter.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if debug else subprocess.DEVNULL,
        env={**os.environ, **alone, "PYTHONPATH": os.pathsep.join(paths)},
        # Ctrl-C in a terminal reaches the command only.
        process_group=0 if os.name == "posix" else None,
    )


def _last_words(process: "subprocess.Popen[bytes]") -> str:
    try:
        code = process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        return "it hung up"
    if code >= 0:
        return f"it ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    memory = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
    return f"it was ended by {name}{memory}"
