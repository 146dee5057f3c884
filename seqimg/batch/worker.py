"""A model, loaded once, that does one sequence after another; and the process it runs in.

`python -m seqimg.batch.worker` reads lines of JSON: first the recipe, then one line a job. It answers each
with a line, and ends, whatever it is doing, when its standard input does: no worker outlives the command.
"""

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from seqimg import modelfolder
from seqimg.batch.application import Application
from seqimg.batch.recipe import Recipe, error_words, is_hopeless
from seqimg.batch.writing import write_answers
from seqimg.config import ReadingConfig, check_flags
from seqimg.errors import SeqimgError
from seqimg.masking import masked
from seqimg.sequences import open_configured

__all__ = ["Worker", "main"]


class Worker:
    """A model that does one sequence after another.

    Args:
        recipe: What it does.

    Raises:
        SeqimgError: The model cannot be loaded.
    """

    def __init__(self, recipe: Recipe) -> None:
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        cuda = recipe.device.startswith("cuda") or (recipe.device == "auto" and torch.cuda.is_available())
        self._device = (
            torch.device("cuda" if recipe.device == "auto" else recipe.device)
            if cuda
            else torch.device("cpu")
        )
        self._model = recipe.model
        self._loaded = modelfolder.load(recipe.model, task=recipe.task, device=self._device)
        self._options = check_flags(self._loaded.task.RunOptions, recipe.options)
        self._reading = check_flags(ReadingConfig, recipe.reading)

    def do(self, source: str, target: str) -> dict[str, Any]:
        """Do one sequence; return its `summary`, or the `error` and whether it is `fatal` for all others too."""
        try:
            return {"summary": self._do(source, Path(target))}
        except Exception as error:  # noqa: BLE001 -- isolation: it costs no more than this sequence
            return {"error": error_words(error), "fatal": is_hopeless(error)}

    def _do(self, source: str, target: Path) -> dict[str, Any]:
        with open_configured(source, self._reading) as sequence:
            info = sequence.info
            if info.live:
                raise SeqimgError(f"{masked(source)} has no end", why="a result would never be whole")
            target.parent.mkdir(parents=True, exist_ok=True)
            work = Application(self._loaded, self._model, sequence, self._options, self._device)
            return {"read": info.sentence(), **write_answers(work, target, overwrite=True)}


def main() -> None:
    """Serve the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    # What libraries print must not get among the answers.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lines: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    try:
        recipe = lines.get()
        os.chdir(recipe["folder"])
        worker = Worker(Recipe(**recipe))
    except Exception as error:  # noqa: BLE001 -- told to the parent
        _say(answers, {"cannot_start": error_words(error)})
        return
    _say(answers, {"ready": True})
    while True:
        job = lines.get()
        _say(answers, worker.do(job["source"], job["staged"]))


def _listen(lines: "SimpleQueue[dict[str, Any]]") -> None:
    with suppress(Exception):
        for line in sys.stdin.buffer:
            lines.put(json.loads(line))
    os._exit(0)


def _say(answers: int, words: dict[str, Any]) -> None:
    line = memoryview(json.dumps(words).encode("ascii") + b"\n")
    try:
        while line:
            line = line[os.write(answers, line) :]
    except OSError:
        os._exit(1)  # nobody is there any more


if __name__ == "__main__":
    main()
