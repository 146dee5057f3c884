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
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self, TextIO

import torch

from seqimg import __version__
from seqimg.errors import SeqimgError
from seqimg.publish import write_json
from seqimg.training.loop import StepReport

__all__ = ["Run", "environment"]


class Run:
    """A run's folder, made afresh.

    Args:
        folder: Where it is; it must not exist yet.

    Raises:
        SeqimgError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True)
            write_json(folder / "environment.json", environment())
            self._metrics: TextIO = (folder / "metrics.jsonl").open("x", encoding="utf-8")
        except OSError as error:
            raise SeqimgError(
                f"cannot start a run in {folder}", why=error.strerror, hint="-o another/folder"
            ) from error

    @classmethod
    def new(cls, task: str, base: Path) -> Self:
        """Make `base/<task>/<date>-<n>` with the next free n and point `base/latest` to it."""
        day = datetime.now(UTC).astimezone().date().isoformat()
        number = 1
        while (base / task / f"{day}-{number}").exists():
            number += 1
        run = cls(base / task / f"{day}-{number}")
        run._point_latest(base / "latest")
        return run

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

    def close(self) -> None:
        """Close the log."""
        self._metrics.close()

    def _point_latest(self, link: Path) -> None:
        temporary = link.with_name(f".latest-{os.getpid()}")
        try:
            temporary.symlink_to(self.folder.relative_to(link.parent), target_is_directory=True)
            os.replace(temporary, link)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            # Windows without developer mode has no links; the run itself is complete without one.
            if os.name != "nt":
                raise SeqimgError(f"cannot point {link} to {self.folder}", why=error.strerror) from error


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
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }
