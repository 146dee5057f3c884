"""What seqimg raises when something a user can cause goes wrong.

Every error says what failed, why, and one thing to try. The command line prints
exactly these three lines and exits with `exit_code`:

| code | meaning |
|---|---|
| 1 | the work failed |
| 2 | the command line, an option or a configuration value is wrong |
| 3 | a plugin, kernel or optional package that was asked for is missing |
| 4 | a check found a fault |
| 130 | interrupted with Ctrl-C |
| 143 | ended by SIGTERM |
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

__all__ = ["CheckFailedError", "SeqimgError", "UnavailableError", "UsageError", "did_you_mean"]


class SeqimgError(Exception):
    """The work failed (exit code 1).

    Args:
        message: What failed, naming the file, option or value.
        why: The reason, in one line.
        hint: One command or change to try next.

    Example:
        >>> from seqimg.errors import SeqimgError
        >>> print(SeqimgError("cannot read a.mp4", why="the file is empty", hint="seqimg doctor"))
        cannot read a.mp4
        the file is empty
        Try: seqimg doctor
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message, self.why, f"Try: {self.hint}" if self.hint else None]
        return "\n".join(line for line in lines if line)


class UsageError(SeqimgError):
    """The command line, an option or a configuration value is wrong (exit code 2).

    Example:
        >>> UsageError("--steps cannot be 0", why="it is a whole number from 1 up").why
        'it is a whole number from 1 up'
    """

    exit_code = 2


class UnavailableError(SeqimgError):
    """A plugin, kernel or optional package that was asked for is missing or cannot run (exit code 3).

    Example:
        >>> print(UnavailableError("there is no plugin 'radr'", hint="seqimg plugins list"))
        there is no plugin 'radr'
        Try: seqimg plugins list
    """

    exit_code = 3


class CheckFailedError(SeqimgError):
    """A check ran and found a fault (exit code 4).

    Example:
        >>> CheckFailedError("2 of 9 checks failed").exit_code
        4
    """

    exit_code = 4


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to `word`, or None when nothing is near.

    Args:
        word: What somebody wrote.
        known: What there is.

    Example:
        >>> did_you_mean("conv_gur", ["conv_gru", "conv_lstm"])
        'conv_gru'
    """
    matches = get_close_matches(word, list(known), n=1)
    return matches[0] if matches else None
