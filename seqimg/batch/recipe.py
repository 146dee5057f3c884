"""What is done to every sequence, and what came of one: plain values that JSON can say."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqimg.errors import SeqimgError

__all__ = ["MOST_ATTEMPTS", "Job", "Outcome", "Recipe", "error_words", "is_hopeless"]

_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

MOST_ATTEMPTS = 3
"""How often a sequence is begun whose worker dies, before it is given up."""


@dataclass(frozen=True)
class Recipe:
    """What a worker needs to know once.

    Attributes:
        task: The task's name.
        model: Path of the model folder.
        options: The task's options of a run.
        reading: How sequences are read.
        device: `"cpu"`, `"cuda"`, or `"auto"` for what the worker's machine has.
        threads: Threads to compute with; 0 leaves it to torch.
        folder: The folder that relative paths begin in.
    """

    task: str
    model: str
    options: Mapping[str, Any]
    reading: Mapping[str, Any]
    device: str
    threads: int
    folder: str


@dataclass(frozen=True)
class Job:
    """One sequence to do.

    Attributes:
        source: What is read.
        output: Where the result goes, relative to the folder of results.
        staged: Where the worker writes it first: alone in a folder of this job's own.
    """

    source: str
    output: str
    staged: str


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        job: The job.
        attempts: How often it was begun.
        summary: What there is to say of the result; None if there is none.
        error: What failed: `message`, `why` and `hint`; None if nothing did.
        fatal: Whether the same will happen to every other job: the disk is full.
    """

    job: Job
    attempts: int = 1
    summary: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    fatal: bool = False


def error_words(error: BaseException) -> dict[str, str | None]:
    """Return an exception as JSON can say it.

    Example:
        >>> error_words(SeqimgError("cannot read a.mp4", why="it is empty"))
        {'message': 'cannot read a.mp4', 'why': 'it is empty', 'hint': None}
    """
    if isinstance(error, SeqimgError):
        return {"message": error.message, "why": error.why, "hint": error.hint}
    if isinstance(error, OSError) and error.strerror:
        what = f"cannot use {error.filename}" if error.filename else "the system refused"
        return {"message": what, "why": error.strerror, "hint": None}
    return {"message": f"Internal error: {type(error).__name__}: {error}", "why": None, "hint": None}


def is_hopeless(error: BaseException | None) -> bool:
    """Tell whether the reason is that nothing more can be written at all.

    Example:
        >>> is_hopeless(OSError(errno.ENOSPC, "No space left on device")), is_hopeless(ValueError())
        (True, False)
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _HOPELESS:
            return True
        error = error.__cause__
    return False
