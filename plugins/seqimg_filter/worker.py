"""A process that works on frames: `python -m seqimg_filter.worker`, started by [seqimg_filter.pool][].

It reads the stages, then frames, and answers each in turn. It ends when its standard input does: no worker
outlives the command.
"""

import os
import signal
import sys
from typing import Any

from seqimg.errors import SeqimgError
from seqimg_filter.stage import Stage
from seqimg_filter.wire import receive, send

__all__ = ["main"]


def main() -> None:
    """Serve the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    # What libraries print must not get among the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        begun = receive(sys.stdin.buffer)
        if begun is None:
            return
        stages = [Stage.described(words) for words in begun[0]["stages"]]
        while (job := receive(sys.stdin.buffer)) is not None:
            words, frame = job
            assert frame is not None, "a job is a frame"
            try:
                done = stages[words["stage"]](frame)
            except Exception as error:  # noqa: BLE001 -- told to the parent
                send(answers, {"error": _words_of(error)})
            else:
                send(answers, {}, done)
    except BrokenPipeError:
        os._exit(1)  # nobody is there any more


def _words_of(error: Exception) -> dict[str, Any]:
    if isinstance(error, SeqimgError):
        return {"message": error.message, "why": error.why, "hint": error.hint}
    if isinstance(error, MemoryError):
        return {"message": "a worker is out of memory", "why": str(error) or None, "hint": "fewer --workers"}
    return {"message": "an operation failed", "why": f"{type(error).__name__}: {error}", "hint": None}


if __name__ == "__main__":
    main()
