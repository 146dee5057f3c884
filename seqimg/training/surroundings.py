"""What a figure depends on beside the configuration: versions, machine, command, and the state of one's own code."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from seqimg import __version__
from seqimg.masking import masked_word

__all__ = ["environment", "git_state"]

_PACKAGES = ("torch", "triton", "accelerate", "numpy", "scikit-image", "av")
_GIT_SECONDS = 5


def environment() -> dict[str, object]:
    """Return versions, machine, command, and the state of the git repository of the current folder."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "missing"
    program = Path(sys.argv[0]).name
    return {
        "seqimg": __version__,
        "python": platform.python_version(),
        "packages": packages,
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "command": [
            "seqimg" if program == "__main__.py" else program,  # of `python -m seqimg`
            *map(masked_word, sys.argv[1:]),
        ],
        "git": git_state(Path.cwd()),
    }


def git_state(folder: Path) -> dict[str, object] | None:
    """Return the commit of the repository that a folder is in, and whether its files differ from it.

    Args:
        folder: Any folder.

    Returns:
        `commit`, and `dirty`: whether a file that git follows has changed since. None outside a repository,
        before the first commit, and where git is missing, takes longer than 5 seconds or refuses.

    Example:
        >>> git_state(Path(tmp)) is None
        True
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit} if changes is None else {"commit": commit, "dirty": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    # Nothing of the repository is run, and nothing in it is written.
    safe = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *safe, *words],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
