"""Running the installed command as a user does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["seqimg"]


def seqimg(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 240,
) -> "subprocess.CompletedProcess[str]":
    """Run `python -m seqimg` with the arguments and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "seqimg", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
