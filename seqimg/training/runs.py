"""Runs: one training on disk, `runs/<task>/<date>-<n>/`.

| file | what |
|---|---|
| `config.toml` | every value and where it came from; `--config` takes it |
| `environment.json` | versions, machine, command, state of the git repository, device and kernels |
| `metrics.jsonl` | one line a step |
| `checkpoints/last/`, `best/` | model folders of the last checkpoint and of the best validation so far |
| `model/` | model folder of the best validation, written at the end |
| `report.html` | pictures, figures, curves |
"""

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from seqimg.errors import SeqimgError
from seqimg.publish import check_writable, explained, publish_file, remove, write_json
from seqimg.training.lock import FolderLock
from seqimg.training.steps import StepReport
from seqimg.training.surroundings import environment

__all__ = ["Run"]

_METRICS = "metrics.jsonl"
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class Run:
    """A run's folder, made afresh; no other process can write it meanwhile.

    Used in a `with` block; one that fails before its first step leaves nothing behind.

    Args:
        folder: Where it is; it must not exist yet, or be empty.
        latest: A link that points to the folder from the first step on, None for no link.

    Raises:
        SeqimgError: The folder cannot be made.

    Example:
        >>> with Run(Path(tmp) / "runs" / "mine") as run:
        ...     raise SeqimgError("no such cell")
        Traceback (most recent call last):
        ...
        seqimg.errors.SeqimgError: no such cell
        >>> (Path(tmp) / "runs").exists()
        False
    """

    def __init__(self, folder: Path, latest: Path | None = None) -> None:
        self.folder, self._latest = folder, latest
        self.resumed, self._steps = False, 0
        self._made = [path for path in (folder, *folder.parents) if not path.exists()]
        self._lock: FolderLock | None = None
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            hint = f"--resume {folder} to go on with it, or -o another/folder"
            raise SeqimgError(f"{folder} exists already", why="nothing is overwritten", hint=hint)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(folder)
            write_json(folder / "environment.json", environment())
            self._metrics = os.open(folder / _METRICS, _APPEND | os.O_EXCL, 0o666)
        except OSError as error:
            self._discard()
            raise SeqimgError(
                f"cannot start a run in {folder}", why=error.strerror, hint="-o another/folder"
            ) from error
        except BaseException:  # Ctrl-C: nobody could close what was never returned
            self._discard()
            raise

    @classmethod
    def resume(cls, folder: Path) -> Self:
        """Open the folder of a run that was broken off, to go on with it.

        Raises:
            SeqimgError: It is no run folder, another process is at it, or it cannot be written.
        """
        run = cls.__new__(cls)
        run._latest, run._made = None, []
        run.folder = folder.resolve() if folder.is_symlink() else folder
        run.resumed, run._steps = True, 1
        if not (run.folder / _METRICS).is_file():
            why = f"it has no {_METRICS}" if folder.is_dir() else "there is no such folder"
            raise SeqimgError(f"{folder} is no run that can go on", why=why, hint="--resume runs/latest")
        run._lock = FolderLock(run.folder)
        try:
            check_writable(run.folder / "x", overwrite=True)
            with explained(run.folder / _METRICS):
                run._metrics = os.open(run.folder / _METRICS, _APPEND)
        except BaseException:
            run._lock.close()
            raise
        for left in run.folder.glob(".seqimg-*"):
            remove(left)
        return run

    @classmethod
    def follow(cls, folder: Path, *, resumed: bool = False) -> Self:
        """Return the run that another process writes, for one that only has to know where."""
        run = cls.__new__(cls)
        run.folder, run.resumed, run._latest, run._made = folder, resumed, None, []
        run._lock, run._metrics, run._steps = None, -1, 1
        return run

    @classmethod
    def new(cls, task: str, base: Path) -> Self:
        """Make `base/<task>/<date>-<n>` with the next free n; `base/latest` will point to it.

        Raises:
            SeqimgError: The folder cannot be made, or something else is called `base/latest`.
        """
        latest = base / "latest"
        if latest.exists() and not latest.is_symlink():
            raise SeqimgError(
                f"{latest} is in the way",
                why="it is to be a link to the newest run",
                hint="-o another/folder",
            )
        day = datetime.now(UTC).astimezone().date().isoformat()
        number = 1
        while (base / task / f"{day}-{number}").exists():
            number += 1
        return cls(base / task / f"{day}-{number}", latest)

    @property
    def model(self) -> Path:
        """The final model folder."""
        return self.folder / "model"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.folder / "checkpoints"

    @property
    def logged(self) -> int:
        """Bytes in `metrics.jsonl`."""
        return os.fstat(self._metrics).st_size

    def note(self, **facts: object) -> dict[str, object]:
        """Add facts to `environment.json`, such as what was chosen when the model was built.

        Returns:
            Those that it held already and that were others, as they were.

        Raises:
            SeqimgError: It cannot be written.
        """
        path = self.folder / "environment.json"
        with explained(path):
            try:
                known = json.loads(path.read_bytes())
            except (FileNotFoundError, ValueError, RecursionError):
                known = None
            if not isinstance(known, dict):  # the report says that it is damaged
                return {}
            if known | facts != known:
                with publish_file(path, overwrite=True) as temporary:
                    write_json(temporary, known | facts)
        return {name: known[name] for name, fact in facts.items() if name in known and known[name] != fact}

    def log(self, report: StepReport) -> None:
        """Append one step to `metrics.jsonl`.

        Raises:
            SeqimgError: It cannot be written; no half a line is left.
        """
        line = (json.dumps(asdict(report), allow_nan=False) + "\n").encode()
        size, path = self.logged, self.folder / _METRICS
        with explained(path, len(line)):
            try:
                left = memoryview(line)
                while left:
                    left = left[os.write(self._metrics, left) :]
            except OSError:
                os.ftruncate(self._metrics, size)
                raise
        if self._steps == 0 and self._latest is not None:
            _point(self._latest, self.folder)
        self._steps += 1

    def flush(self) -> None:
        """Wait until the disk has `metrics.jsonl`."""
        with explained(self.folder / _METRICS):
            os.fsync(self._metrics)

    def rewind(self, size: int) -> list[StepReport]:
        """Cut `metrics.jsonl` back to its first `size` bytes and return the steps in them.

        Raises:
            SeqimgError: It is shorter, or holds something else.
        """
        path = self.folder / _METRICS
        with explained(path):
            content = path.read_bytes()[:size]
            if len(content) < size:
                raise SeqimgError(
                    f"{path} is damaged",
                    why=f"it has {len(content):,} bytes, the checkpoint knows of {size:,}",
                    hint="a new run",
                )
            os.ftruncate(self._metrics, size)
        known = {field.name for field in fields(StepReport)}
        try:
            lines = [json.loads(line) for line in content.splitlines()]
            return [
                StepReport(**{key: value for key, value in line.items() if key in known}) for line in lines
            ]
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            why = str(error).splitlines()[0]
            raise SeqimgError(f"{path} is damaged", why=why, hint="a new run") from error

    def close(self) -> None:
        """Close the log, and let others at the folder."""
        if self._metrics >= 0:
            os.close(self._metrics)
            self._metrics = -1
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is not None and self._steps == 0:
            self._discard()

    def _discard(self) -> None:
        if self._lock is not None:
            self._lock.close()
        with suppress(OSError):
            for item in self.folder.iterdir():
                shutil.rmtree(item) if item.is_dir() else item.unlink()
        _remove_empty(self._made)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of the folders, innermost first, that are there and empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _point(link: Path, folder: Path) -> None:
    temporary = link.with_name(f".latest-{os.getpid()}")
    # Not every system and disk has links; the run itself is complete without one.
    with suppress(OSError):
        temporary.symlink_to(folder.relative_to(link.parent), target_is_directory=True)
        os.replace(temporary, link)
    temporary.unlink(missing_ok=True)
