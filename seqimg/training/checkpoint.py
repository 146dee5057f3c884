"""Checkpoints: model folders of a run that is still going on."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from seqimg import modelfolder
from seqimg.task import Task

__all__ = ["save_checkpoint"]


def save_checkpoint(
    folder: Path,
    task: Task[Any, Any, Any],
    weights: Mapping[str, Tensor],
    training: Mapping[str, object],
    step: int,
) -> Path:
    """Write `folder/step-N`, a whole model folder, and only then remove older ones.

    Whenever the process is stopped, the newest complete checkpoint is there.

    Returns:
        The path written.

    Raises:
        SeqimgError: It cannot be written; the older ones are untouched.
    """
    path = folder / f"step-{step:07d}"
    if not path.exists():
        modelfolder.save(path, task, weights, training)
    for other in folder.glob("step-*"):
        if other != path:
            shutil.rmtree(other)
    return path
