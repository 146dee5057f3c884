"""Trainings that take a moment, and one that draws random numbers from every source."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from seqimg.data import Batch
from seqimg.task import Losses, Task
from seqimg.training.fit import Fitted, fit
from seqimg.training.loop import StepReport
from seqimg.training.runs import Run
from seqimg_predict.task import PredictTask

AnyTask = Task[Any, Any, Any]

TINY = {"size": 0, "crop": 16, "widths": (4,), "context": 2, "horizon": 2, "batch_size": 4, "steps": 6}


class RandomTask(PredictTask):
    """Frame prediction whose loss draws from the generators of torch, NumPy and Python, as dropout and plugins do."""

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        losses = super().loss(outputs + 0.1 * torch.randn_like(outputs), batch)
        return Losses(losses.total * (1 + 0.1 * np.random.rand() + 0.1 * random.gauss(0, 1)), losses.parts)


class Training:
    """A tiny training into `folder`, begun or gone on with; those of other tasks say what is tiny for them."""

    tiny: ClassVar[dict[str, object]] = {**TINY, "validate_every": 3}

    def __init__(self, folder: Path, source: Path, task: type[AnyTask] = PredictTask, **changes: object):
        self.folder, self.warnings = folder, list[str]()
        self.task, self.config = task, task.Config(**{**self.tiny, "data": (str(source),), **changes})

    def __call__(self, watch: Callable[[StepReport], None] = lambda report: None) -> Fitted:
        torch.rand(3), np.random.rand(3), random.random()  # whoever went before drew other numbers
        resumed = (self.folder / "metrics.jsonl").exists()
        if not resumed:  # of one that was killed before it had begun
            shutil.rmtree(self.folder, ignore_errors=True)
        task = self.task(self.config)
        with task.datasets() as data, Run.resume(self.folder) if resumed else Run(self.folder) as run:
            task = task.settled(data)
            return fit(task, data, run, watch, warn=self.warnings.append)


class Died(BaseException):
    """Stands for a process that is no more: nothing is tidied up."""


def dies_after(step: int) -> Callable[[StepReport], None]:
    """Return an observer that ends a training in the middle."""

    def watch(report: StepReport) -> None:
        if report.step == step:
            raise Died

    return watch


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames to learn from, 16×20 in grey."""
    path = tmp_path_factory.mktemp("source") / "frames.npy"
    frames = np.random.default_rng(0).integers(0, 255, (40, 16, 20, 1), dtype=np.uint8)
    np.save(path, np.sort(frames, axis=2))
    return path
