"""Several processes with a model each, on this machine."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from seqimg.batch.recipe import MOST_ATTEMPTS, Job, Outcome, Recipe
from seqimg.errors import SeqimgError, UnavailableError

__all__ = ["run_in_processes"]

_FALSE_STARTS = 3


def run_in_processes(recipe: Recipe, jobs: Iterable[Job], workers: int) -> Generator[Outcome, None, None]:
    """Do jobs in so many processes, and yield what came of each, in the order they end.

    A job whose process dies is given to another, at most twice. However this ends, no process is left.

    Raises:
        SeqimgError: No worker can start.
    """
    crew = _Crew(recipe, workers)
    try:
        yield from crew.work(iter(jobs))
    finally:
        crew.end()


class _Process:
    """A worker, seen from here."""

    def __init__(self, recipe: Recipe, place: int, inbox: "SimpleQueue[tuple[_Process, bytes]]") -> None:
        self.place, self.ready, self.task = place, False, Outcome(Job("", "", ""), 0)
        debug = os.environ.get("SEQIMG_DEBUG", "") not in ("", "0")
        try:
            self.process = subprocess.Popen(
                # -P: a file in the current folder is data, never a module.
                [sys.executable, "-P", "-m", "seqimg.batch.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if debug else subprocess.DEVNULL,
                env=_environment(recipe.threads),
                # Ctrl-C in a terminal reaches this process only.
                process_group=0 if os.name == "posix" else None,
            )
        except OSError as error:
            raise UnavailableError("cannot start a worker", why=error.strerror, hint="--workers 1") from error
        self.send(asdict(recipe))
        threading.Thread(target=self._listen, args=(inbox,), daemon=True).start()

    def send(self, words: dict[str, Any]) -> None:
        """Send a line; that the worker is gone shows when it is listened to."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(json.dumps(words).encode("ascii") + b"\n")
            self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()

    def last_words(self) -> str:
        """Return how a process ended whose output has."""
        try:
            code = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "it hung up"
        if code >= 0:
            return f"it ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        memory = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
        return f"it was ended by {name}{memory}"

    def _listen(self, inbox: "SimpleQueue[tuple[_Process, bytes]]") -> None:
        assert self.process.stdout is not None
        with self.process.stdout as answers:
            for line in answers:
                inbox.put((self, line))
        inbox.put((self, b""))


class _Crew:
    """The workers, and who does what."""

    def __init__(self, recipe: Recipe, workers: int) -> None:
        self._recipe, self._workers, self._gpus = recipe, workers, _gpus(recipe)
        self._inbox: SimpleQueue[tuple[_Process, bytes]] = SimpleQueue()
        self._busy: set[_Process] = set()
        self._idle: list[_Process] = []
        self._again: deque[Outcome] = deque()
        self._false_starts = 0

    def work(self, jobs: Iterator[Job]) -> Iterator[Outcome]:
        fresh = (Outcome(job, 0) for job in jobs)
        while True:
            while len(self._busy) < self._workers:
                task = self._again.popleft() if self._again else next(fresh, None)
                if task is None:
                    break
                self._give(task)
            if not self._busy:
                return
            process, line = self._inbox.get()
            if process not in self._busy:
                self._idle = [other for other in self._idle if other is not process]
            elif (outcome := self._heard(process, line)) is not None:
                yield outcome

    def end(self) -> None:
        for process in [*self._busy, *self._idle]:
            process.process.kill()  # all at once, then each is waited for
        for process in [*self._busy, *self._idle]:
            process.end()

    def _give(self, task: Outcome) -> None:
        process = self._idle.pop() if self._idle else self._start()
        process.task = replace(task, attempts=task.attempts + 1)
        self._busy.add(process)
        process.send(asdict(task.job))

    def _start(self) -> _Process:
        taken = {process.place for process in self._busy}
        place = min(set(range(self._workers)) - taken)
        device = f"cuda:{place % self._gpus}" if self._gpus > 1 else self._recipe.device
        return _Process(replace(self._recipe, device=device), place, self._inbox)

    def _heard(self, process: _Process, line: bytes) -> Outcome | None:
        """Return what came of a job, if a worker's line says so."""
        if not line:
            return self._lost(process)
        words = json.loads(line)
        if "cannot_start" in words:
            raise SeqimgError(**words["cannot_start"])
        if "ready" in words:
            process.ready, self._false_starts = True, 0
            return None
        self._busy.remove(process)
        self._idle.append(process)
        return replace(process.task, **words)

    def _lost(self, process: _Process) -> Outcome | None:
        self._busy.remove(process)
        why, task = process.last_words(), process.task
        process.end()
        if not process.ready:
            self._false_starts += 1
            if self._false_starts >= _FALSE_STARTS:
                raise SeqimgError("workers die as they start", why=f"of the last {why}", hint="seqimg doctor")
        if task.attempts < MOST_ATTEMPTS:
            self._again.append(task)
            return None
        message = f"the worker for {task.job.source} died {task.attempts} times"
        return replace(task, error={"message": message, "why": why, "hint": "fewer --workers"})


def _gpus(recipe: Recipe) -> int:
    """Return over how many GPUs workers are spread."""
    if recipe.device != "cuda":
        return 0
    import torch

    return torch.cuda.device_count()


def _environment(threads: int) -> dict[str, str]:
    paths = [str(Path(entry).absolute()) for entry in sys.path]
    counted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    return {**os.environ, **counted, "PYTHONPATH": os.pathsep.join(paths)}
