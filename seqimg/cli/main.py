"""The `seqimg` command: global options, the root, and one place where every error ends."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Annotated, Any, Final

import typer
from typer.main import get_command

from seqimg import __version__
from seqimg.cli.errors import report
from seqimg.cli.output import configure, output
from seqimg.cli.root import RootGroup
from seqimg.interrupts import PRESSED
from seqimg.plugins.discovery import ALLOW_VARIABLE
from seqimg.plugins.manager import reset_plugin_host

__all__ = ["main"]

GLOBAL_OPTIONS: Final = ("--version", "--json", "--quiet", "--debug", "--no-plugins")
_COMPLETION = "_SEQIMG_COMPLETE"
_TERMINATED = 143  # what a shell reports for a process that SIGTERM ended

app = typer.Typer(
    name="seqimg",
    cls=RootGroup,
    # Plain help: quicker by half than rich panels, and a summary in brackets is no markup.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="New here? Try: seqimg demo",
)


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print data as JSON, one line an object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but warnings and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    no_plugins: Annotated[bool, typer.Option("--no-plugins", help="Load no installed plugin.")] = False,
) -> None:
    """Recurrent convolutional networks for image sequences.

    The options here may stand anywhere on the command line.
    """
    # Declared for help and completion only: `main` takes these options off the line before Typer reads it,
    # so that they work after a command's name, and when the rest of the line is wrong.


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The arguments without the program's name; None for those of the process.

    Example:
        >>> main(["--version"])
        seqimg 0.1.0
        0
    """
    _limit_spinning()
    # It remarks on a cache of fonts that it cannot keep, which concerns nobody here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    chosen, args = take_global_options(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in chosen or os.environ.get("SEQIMG_DEBUG", "") not in ("", "0")
    configure(json="--json" in chosen, quiet="--quiet" in chosen, debug=debug)
    with _ended_by_sigterm(), _watching_for_interrupts() as interrupted:
        try:
            with _plugins_off() if "--no-plugins" in chosen else nullcontext():
                code = _run(args, version="--version" in chosen)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BaseException as error:  # noqa: BLE001 -- the one place where every error ends
            return report(KeyboardInterrupt() if interrupted.is_set() else error, GLOBAL_OPTIONS)
    return code


def _limit_spinning() -> None:
    """Have threads that wait for each other sleep soon, unless the user has set how they wait.

    Waking a sleeper after every small operation costs a sixth of the speed of training on small frames; to
    spin for as long as OpenMP does by default makes it ten times slower where anything else runs.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # GNU's OpenMP: some ten microseconds
        os.environ.setdefault("KMP_BLOCKTIME", "0")  # LLVM's and Intel's, which count in milliseconds


def take_global_options(argv: Sequence[str]) -> tuple[set[str], list[str]]:
    """Split the global options off a command line; what follows a bare `--` is left alone.

    Example:
        >>> take_global_options(["plugins", "list", "--json", "--", "--quiet"])
        ({'--json'}, ['plugins', 'list', '--', '--quiet'])
    """
    end = argv.index("--") if "--" in argv else len(argv)
    chosen = {word for word in argv[:end] if word in GLOBAL_OPTIONS}
    return chosen, [word for word in argv[:end] if word not in chosen] + list(argv[end:])


def _run(args: list[str], *, version: bool) -> int:
    if version:
        output().data({"seqimg": __version__}, f"seqimg {__version__}")
        return 0
    command: Any = get_command(app)
    if _COMPLETION in os.environ:
        command.main(args, prog_name="seqimg")  # answers the shell and exits
    with command.make_context("seqimg", args or ["--help"]) as context:
        command.invoke(context)
    return 0


@contextmanager
def _watching_for_interrupts() -> Iterator[threading.Event]:
    """Raise KeyboardInterrupt on Ctrl-C as ever, and remember that it was.

    In the middle of an import the exception may be lost, and something else fails in consequence, or nothing does.
    """
    PRESSED.clear()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or not _in_main_thread():
        yield PRESSED
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        PRESSED.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield PRESSED
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end a command as an error would, so that what it has begun is cleared away."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL or not _in_main_thread():
        yield
        return
    owner = os.getpid()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a forked process has nothing of its own to clear away
            os._exit(_TERMINATED)
        raise SystemExit(_TERMINATED)

    signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _plugins_off() -> Iterator[None]:
    # Through the environment, so that processes this one starts load none either.
    before = os.environ.get(ALLOW_VARIABLE)
    os.environ[ALLOW_VARIABLE] = ""
    reset_plugin_host()
    try:
        yield
    finally:
        reset_plugin_host()
        if before is None:
            del os.environ[ALLOW_VARIABLE]
        else:
            os.environ[ALLOW_VARIABLE] = before
