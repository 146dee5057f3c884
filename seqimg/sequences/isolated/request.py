"""What a process that reads for this one is asked, and what it is allowed."""

import math
import os
import sys
from collections.abc import Mapping
from collections.abc import Sequence as Several
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from seqimg.errors import UsageError

__all__ = ["Request", "can_isolate", "memory_allowed", "new_key", "said", "seconds_allowed", "words"]

_SECONDS = 30.0
_MEMORY = 4.0
_keys = count()


@dataclass(frozen=True, slots=True)
class Request:
    """What a decoder needs to know to open a sequence.

    Attributes:
        format: The format's name.
        source: A path, or an address as text.
        options: The reader's options.
    """

    format: str
    source: Path | str
    options: Mapping[str, Any]


def can_isolate() -> bool:
    """Tell whether this system has what isolation needs: POSIX descriptors that are handed to children."""
    return os.name == "posix" and bool(sys.executable)


def new_key() -> int:
    """Return a number by which two processes know a sequence."""
    return next(_keys)


def seconds_allowed() -> float:
    """Return how long a decoder may say nothing."""
    return _limit("SECONDS", _SECONDS)


def memory_allowed() -> float:
    """Return how many GiB a decoder may take beyond what it begins with, its file and its frames."""
    return _limit("MEMORY", _MEMORY)


def words(do: str, request: Request, *, key: int, memory: float, careful: bool = False) -> dict[str, object]:
    """Return a command as a message says it.

    Args:
        do: What is to be done.
        request: With what.
        key: The sequence's number.
        memory: GiB that are allowed.
        careful: Whether only one frame may be decoded at a time.
    """
    return {
        "do": do,
        "key": key,
        "cwd": _current_folder(),
        "format": request.format,
        "source": str(request.source),
        "is_path": isinstance(request.source, Path),
        "options": dict(request.options),
        "memory": int(memory * 2**30),
        "careful": careful,
    }


def said(wanted: int | Several[int]) -> object:
    """Return places as a message says them: a range may be as long as the sequence."""
    if isinstance(wanted, range):
        return {"range": [wanted.start, wanted.stop, wanted.step]}
    return wanted if isinstance(wanted, int) else list(wanted)


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _limit(name: str, default: float) -> float:
    variable = f"SEQIMG_DECODE_{name}"
    text = os.environ.get(variable, "")
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{variable} is {text!r}", why="it must be a number above 0")
    return value
