"""From an exception to at most three lines on stderr and an exit code."""

import os
import re
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import typer

from seqimg.cli.output import output, printable
from seqimg.errors import SeqimgError, did_you_mean
from seqimg.plugins.reports import one_line

__all__ = ["report"]

# Typer names none of its error bases in every version it may have; they are reachable from the one it does.
_TYPER_ERRORS: Final = tuple(c for c in typer.BadParameter.__mro__ if hasattr(c, "format_message"))
_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
_CHOICE = re.compile(r"'(?P<value>[^']*)' is not one of (?P<choices>'.*')")
_INTERRUPTED = 130
_BROKEN_PIPE = 141  # what a shell reports for a process that SIGPIPE ended


@dataclass(frozen=True)
class _Answer:
    message: str
    why: str | None = None
    hint: str | None = None
    code: int = 1


def report(error: BaseException, global_options: tuple[str, ...] = ()) -> int:
    """Say on stderr what an exception means and return the exit code.

    With `--json` stdout gets `{"error": {...}}` too; with `--debug` the traceback comes first.

    Args:
        error: What ended the command.
        global_options: Options valid anywhere, for near matches.
    """
    if isinstance(error, BrokenPipeError):
        _close_stdout()
        return _BROKEN_PIPE
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return error.code or 0
    if type(error).__name__ == "NoArgsIsHelpError":
        # A group called without a command: Typer printed its help, or put it into the message.
        if str(error):
            print(error)
        return 0
    answer = _answer(error, global_options)
    if output().debug and not isinstance(error, KeyboardInterrupt):
        traceback.print_exception(error, file=sys.stderr)
    for line in (answer.message, answer.why, f"Try: {answer.hint}" if answer.hint else None):
        if line:
            print(printable(one_line(line)), file=sys.stderr)
    if output().json:
        _print_json(error, answer)
    return answer.code


def _answer(error: BaseException, global_options: tuple[str, ...]) -> _Answer:
    if isinstance(error, SeqimgError):
        return _Answer(error.message, error.why, error.hint, error.exit_code)
    if isinstance(error, _TYPER_ERRORS):
        return _usage(error, global_options)
    if isinstance(error, KeyboardInterrupt):
        return _Answer("Interrupted.", code=_INTERRUPTED)
    if isinstance(error, typer.Abort):
        return _Answer("Aborted.")
    if isinstance(error, SystemExit):
        return _Answer(str(error.code))
    if _is_out_of_memory(error):
        return _Answer(
            "out of memory", str(error), "smaller frames, a smaller batch or a smaller model, or --device cpu"
        )
    if isinstance(error, OSError) and error.strerror:
        what = f"cannot use {error.filename}" if error.filename else "the system refused"
        return _Answer(what, error.strerror)
    return _Answer(
        f"Internal error: {type(error).__name__}: {error}",
        _where(error),
        "the same command with --debug, and report what it prints",
    )


def _usage(error: Any, global_options: tuple[str, ...]) -> _Answer:
    """Translate Typer's usage errors: what, a near match, and the help to read."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "seqimg"
    message: str = error.format_message().replace(": Value error, ", ": ")
    near: str | None = None
    if hasattr(error, "possibilities"):
        message = f"No such option {error.option_name} of {command}"
        near = did_you_mean(error.option_name, [*_options(context), *global_options])
    elif choice := _CHOICE.search(message):
        near = did_you_mean(choice["value"], re.findall(r"'([^']*)'", choice["choices"]))
    else:
        message, _, suggestion = message.partition(" Did you mean ")
        near = suggestion.strip("'?") or None
    return _Answer(message, f"Did you mean {near}?" if near else None, f"{command} --help", error.exit_code)


def _options(context: Any) -> list[str]:
    if context is None:
        return []
    return [
        name
        for param in context.command.get_params(context)
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")  # the names of arguments stand among them
    ]


def _is_out_of_memory(error: BaseException) -> bool:
    # Torch raises a RuntimeError on the CPU and a class of its own on a GPU; neither is worth importing it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)) is not None


def _where(error: BaseException) -> str:
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return "at an unknown place"
    frame, line = frames[-1]
    return f"in {frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}, line {line}"


def _print_json(error: BaseException, answer: _Answer) -> None:
    described = {
        "type": type(error).__name__,
        "message": answer.message,
        "why": answer.why,
        "hint": answer.hint,
        "exit_code": answer.code,
    }
    try:
        output().data({"error": described}, human="")
    except BrokenPipeError:
        _close_stdout()


def _close_stdout() -> None:
    """Point stdout to nowhere, or the interpreter complains when it flushes at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
