"""Runs: one training on disk, `runs/<task>/<date>-<n>/`.

| file | what |
|---|---|
| `config.toml` | every value and where it came from; `--config` takes it |
| `environment.json` | versions, machine, command |
| `metrics.jsonl` | one line a step |
| `checkpoints/step-N/` | model folder of the last validation or interruption |
| `model/` | model folder of the best validation, written at the end |
| `report.html` | pictures, figures, curves |
"""

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self, TextIO

import torch

from seqimg import __version__
from seqimg.errors import SeqimgError
from seqimg.masking import masked_word
from seqimg.publish import write_json
from seqimg.training.loop import StepReport

__all__ = ["Run", "environment"]


class Run:
    """A run's folder, made afresh.

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
        self._steps = 0
        self._made = [path for path in (folder, *folder.parents) if not path.exists()]
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise SeqimgError(
                f"{folder} exists already", why="nothing is overwritten", hint="-o another/folder"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / "environment.json", environment())
            self._metrics: TextIO = (folder / "metrics.jsonl").open("x", encoding="utf-8")
        except OSError as error:
            self._discard()
            raise SeqimgError(
                f"cannot start a run in {folder}", why=error.strerror, hint="-o another/folder"
            ) from error
        except BaseException:  # Ctrl-C: nobody could close what was never returned
            self._discard()
            raise

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

    def log(self, report: StepReport) -> None:
        """Append one step to `metrics.jsonl`."""
        try:
            self._metrics.write(json.dumps(asdict(report), allow_nan=False) + "\n")
            self._metrics.flush()
        except OSError as error:
            raise SeqimgError(f"cannot write {self._metrics.name}", why=error.strerror) from error
        if self._steps == 0 and self._latest is not None:
            _point(self._latest, self.folder)
        self._steps += 1

    def close(self) -> None:
        """Close the log."""
        self._metrics.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is not None and self._steps == 0:
            self._discard()

    def _discard(self) -> None:
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


def environment() -> dict[str, object]:
    """Return versions, machine and command: what a figure depends on beside the configuration."""
    packages = {}
    for name in ("torch", "triton", "accelerate", "numpy", "scikit-image", "av"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "missing"
    return {
        "seqimg": __version__,
        "python": platform.python_version(),
        "packages": packages,
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "command": [Path(sys.argv[0]).name, *map(masked_word, sys.argv[1:])],
    }
