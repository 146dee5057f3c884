"""Where a command's words go: data to stdout, talk to stderr."""

import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar", "Output", "Table", "command", "configure", "on_one_line", "output", "printable"]

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Table:
    """Rows of plain text under headings.

    Attributes:
        columns: The headings.
        rows: One string for each column.

    Example:
        >>> Output().data([], Table(("cell", "kernels"), [["conv_gru", "2"]]))
        cell      kernels
        conv_gru  2
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Bar(Protocol):
    """What [seqimg.cli.output.Output.progress][] hands out.

    Attributes:
        visible: Whether somebody can see it.

    Example:
        >>> with Output().progress("Reading", total=3) as bar:
        ...     bar.advance()
        ...     bar.visible
        False
    """

    visible: bool

    def advance(self, steps: float = 1, **figures: float | str) -> None:
        """Count `steps` more as done and show figures beside the bar: numbers with their names, text as it is.

        Args:
            steps: How many more are done.
            figures: What to show beside the bar.

        Example:
            >>> with Output().progress("Training", total=2) as bar:
            ...     bar.advance(loss=0.5, speed="90 frames/s")
        """

    def set_total(self, total: float) -> None:
        """Say anew how many steps make it whole.

        Args:
            total: How many there are in all.
        """


class Output:
    """The one way a command talks.

    Attributes:
        json: Data is printed as JSON, one line an object.
        quiet: Nothing is said on stderr but warnings and errors.
        debug: Errors come with their traceback.

    Example:
        >>> Output(json=True).data({"frames": 3}, "3 frames")
        {"frames": 3}
        >>> Output().data({"frames": 3}, "3 frames")
        3 frames
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, debug: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self.debug = debug

    def data(self, value: object, human: "str | Table") -> None:
        """Print a command's result on stdout.

        Args:
            value: What `--json` prints: dicts, lists, numbers, strings, paths and dataclasses.
            human: What people read instead.

        Raises:
            ValueError: The value holds NaN or infinity, which JSON cannot say.
        """
        if self.json:
            line = json.dumps(value, allow_nan=False, ensure_ascii=False, default=_plain)
            print(printable(line), flush=True)
        elif isinstance(human, Table):
            _print_table(human)
        else:
            print(printable(human), flush=True)

    def say(self, text: str) -> None:
        """Tell something on stderr; silent with `--quiet`.

        Args:
            text: One or more lines.
        """
        if not self.quiet:
            print(printable(text), file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Tell on stderr, even with `--quiet`, that something is not as asked for.

        Args:
            text: One line, without `Warning:`.
        """
        print(f"Warning: {printable(text)}", file=sys.stderr, flush=True)

    def hint(self, text: str) -> None:
        """Tell on stderr one command to try next; silent with `--quiet`.

        Args:
            text: The command.
        """
        self.say(f"Try: {text}")

    @contextmanager
    def progress(self, label: str, total: float | None = None) -> Iterator[Bar]:
        """Show progress on stderr while the block runs, if somebody can see it.

        Nothing is shown with `--quiet` or `--json`, or when stderr is no terminal.

        Args:
            label: What is being done.
            total: How many steps make it whole, None when nobody knows.

        """
        if self.quiet or self.json or not _is_terminal(sys.stderr):
            yield _NoBar()
            return
        with _rich_progress(transient=total is None) as progress:
            yield _RichBar(progress, progress.add_task(label, total=total, figures=""))


def command(*words: str | Path) -> str:
    """Return a command line that a shell reads as these words.

    Args:
        words: The command, its options and values.

    Example:
        >>> command("seqimg", "predict", "run", Path("my clip.mp4"))
        "seqimg predict run 'my clip.mp4'"
    """
    return shlex.join(map(str, words))


def as_word(path: str | Path) -> str:
    """Return a path as a word of a command line, never to be taken for an option.

    Example:
        >>> as_word("-x.mp4"), as_word("a.mp4")
        ('./-x.mp4', 'a.mp4')
    """
    return f"./{path}" if str(path).startswith("-") and str(path) != "-" else str(path)


def printable(text: str) -> str:
    r"""Return text that can be printed: what in file names is no text is spelt out, or left out.

    Bytes are spelt as JSON does; codes that move a terminal's cursor become spaces.

    Args:
        text: Any text.

    Example:
        >>> print(printable("a\udcff.mp4"))
        a\udcff.mp4
    """
    return _CONTROLS.sub(" ", text.encode("utf-8", "backslashreplace").decode("utf-8"))


def on_one_line(text: str) -> str:
    r"""Return text such as a file's name as one printable line, nothing left out that can be spelt.

    Args:
        text: Any text.

    Example:
        >>> on_one_line("a\nb.mp4")
        'a b.mp4'
    """
    return " ".join(printable(text).split("\n"))


_current = Output()


def output() -> Output:
    """Return the output of the running command.

    Example:
        >>> output().data({"frames": 3}, "3 frames")
        3 frames
    """
    return _current


def configure(*, json: bool = False, quiet: bool = False, debug: bool = False) -> Output:
    """Start a command's output afresh and return it.

    Args:
        json: Print data as JSON.
        quiet: Say nothing but warnings and errors.
        debug: Show tracebacks.

    Example:
        >>> before = output()
        >>> configure(json=True) is output()
        True
        >>> _ = configure(json=before.json, quiet=before.quiet, debug=before.debug)
    """
    global _current
    _current = Output(json=json, quiet=quiet, debug=debug)
    return _current


class _NoBar:
    visible = False

    def advance(self, steps: float = 1, **figures: float | str) -> None:
        """Show nothing."""

    def set_total(self, total: float) -> None:
        """Show nothing."""


class _RichBar:
    visible = True

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task
        self._figures: dict[str, float | str] = {}

    def advance(self, steps: float = 1, **figures: float | str) -> None:
        self._figures.update(figures)
        shown = [
            value if isinstance(value, str) else f"{name} {value:.4g}"
            for name, value in self._figures.items()
        ]
        self._progress.update(self._task, advance=steps, figures="  ".join(shown))

    def set_total(self, total: float) -> None:
        self._progress.update(self._task, total=total)


def _rich_progress(*, transient: bool) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        # Data in a pipe must never pass through the console on stderr.
        redirect_stdout=_is_terminal(sys.stdout),
        transient=transient,
    )


def _print_table(table: Table) -> None:
    if _is_terminal(sys.stdout):
        _print_rich_table(table)
        return
    # A pipe has no width: one line a row, which is what `grep` wants.
    lines = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(printable("  ".join(padded).rstrip()))
    sys.stdout.flush()


def _print_rich_table(table: Table) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        drawn.add_column(column, overflow="fold")
    for row in table.rows:
        # Text is shown as it is: brackets in a plugin's message are no markup.
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(drawn)


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return bool(isatty is not None and isatty())


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
