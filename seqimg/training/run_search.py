"""Runs on the disk, by folder or by name."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from seqimg.errors import SeqimgError, did_you_mean
from seqimg.training.records import Record, is_run, read_run

__all__ = ["find_run", "find_runs"]

_DEEPEST = 2  # folders below the one given: <task>/<date>-<n>


def find_runs(base: Path) -> tuple[list[Record], list[Path]]:
    """Read all runs in a folder: itself, below it, or one folder further down.

    Links such as `latest` are passed over.

    Returns:
        The runs, oldest first, and the folders that are none.

    Raises:
        SeqimgError: There is no such folder.
    """
    if not base.is_dir():
        why = "it is a file" if base.exists() else "no such folder"
        raise SeqimgError(f"there are no runs in {base}", why=why, hint="seqimg predict train --help")
    runs, foreign = [], []
    for path, is_one in _candidates(base, _DEEPEST):
        if is_one:
            runs.append(read_run(path))
        else:
            foreign.append(path)
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(runs, key=lambda run: (run.started or never, str(run.folder))), sorted(foreign)


def find_run(name: str, base: Path = Path("runs")) -> Record:
    """Read one run, by its folder or by its name below `base`.

    Raises:
        SeqimgError: There is no such run, or more than one of that name.
    """
    path = Path(name)
    if path.is_dir():
        if not is_run(path):
            raise SeqimgError(
                f"{path} is no run folder", why="it has no metrics.jsonl", hint="seqimg runs list"
            )
        return read_run(path)
    known = [path for path, is_one in _candidates(base, _DEEPEST) if is_one] if base.is_dir() else []
    found = [path for path in known if str(path.relative_to(base)) == name or path.name == name]
    if len(found) == 1:
        return read_run(found[0])
    if found:
        raise SeqimgError(f"{len(found)} runs are called {name}", why=", ".join(map(str, found)))
    near = did_you_mean(name, [*(path.name for path in known), *map(str, known)])
    raise SeqimgError(
        f"there is no run {name!r}", why=f"did you mean {near}?" if near else None, hint="seqimg runs list"
    )


def _candidates(base: Path, deeper: int) -> Iterator[tuple[Path, bool]]:
    """Yield run folders, and folders that lead to none."""
    if is_run(base):
        yield base, True
        return
    try:
        inside = sorted(p for p in base.iterdir() if p.is_dir() and not p.is_symlink() and p.name[0] != ".")
    except OSError:
        inside = []
    found = [pair for path in inside for pair in _candidates(path, deeper - 1)] if deeper else []
    if any(is_one for _, is_one in found) or deeper == _DEEPEST:
        yield from found
    else:
        yield base, False
