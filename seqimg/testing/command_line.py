"""The `seqimg` command in this process."""

import io
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from seqimg.cli.main import main
from seqimg.cli.output import configure, output

__all__ = ["Said", "run_command"]


@dataclass(frozen=True)
class Said:
    """What a command did.

    Attributes:
        code: Its exit code.
        out: What it printed, which is data.
        err: What it said, which is talk.

    Example:
        >>> Said(code=0, out="seqimg 0.1.0", err="").code
        0
    """

    code: int
    out: str
    err: str


def run_command(*words: str | Path, folder: Path | None = None) -> Said:
    r"""Run `seqimg WORDS` in this process.

    Args:
        words: The command line without `seqimg`.
        folder: Where it runs; the current folder, if None.

    Example:
        >>> run_command("--version").out
        'seqimg 0.1.0\n'
    """
    out, err, around = io.StringIO(), io.StringIO(), output()
    with chdir(folder or Path.cwd()), redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in words])
    # It may be a command itself that runs this one.
    configure(json=around.json, quiet=around.quiet, debug=around.debug)
    return Said(code, out.getvalue(), err.getvalue())
