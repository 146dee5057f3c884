"""Running the command as a user does, and looking at what it leaves."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Result", "assert_refused", "contents", "seqimg", "start"]

Result = subprocess.CompletedProcess[str]


def seqimg(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 240,
    before: Callable[[], None] | None = None,
) -> Result:
    """Run `python -m seqimg` with the arguments and return what it said.

    `before` runs in the new process before Python starts.
    """
    return subprocess.run(
        _command(arguments),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        preexec_fn=before,
    )


def _hear_interrupts() -> None:
    """Undo what a shell does to jobs in the background: they are deaf to Ctrl-C, and so are their children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def start(*arguments: str | Path, terminal: int | None = None) -> "Iterator[subprocess.Popen[str]]":
    """Start `python -m seqimg`, in a process group of its own; whatever happens, it does not outlive the block.

    What it says goes to pipes, or to the terminal with this file descriptor.
    """
    out = subprocess.PIPE if terminal is None else terminal
    process = subprocess.Popen(
        _command(arguments),
        env={**os.environ, "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_interrupts,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of every file below a folder, and the names of all folders and links."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def assert_refused(result: Result, code: int, *words: str) -> None:
    """Check an error: its exit code, at most three lines, and in them all the words."""
    said = result.stderr.splitlines()
    assert result.returncode == code, result.stderr
    assert 1 <= len(said) <= 3, result.stderr
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


def _command(arguments: tuple[str | Path, ...]) -> list[str]:
    return [sys.executable, "-m", "seqimg", *map(str, arguments)]
