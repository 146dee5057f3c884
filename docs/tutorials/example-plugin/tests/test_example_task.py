"""The task keeps the contract of tasks, and does what it is there for."""

import torch
from seqimg_example.config import CleanConfig
from seqimg_example.task import CleanTask

from seqimg.data import Batch, ClipSource
from seqimg.testing import TaskContract


class TestClean(TaskContract):
    task = "clean"
    values = {"width": 4}


def test_before_training_nothing_changes() -> None:
    task = CleanTask(CleanConfig(channels=3))
    frames = torch.rand(1, 4, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(task.build_model()(frames)[0], frames)


def test_the_noise_is_as_strong_as_asked_for() -> None:
    task = CleanTask(CleanConfig(channels=3, noise=0.2))
    batch = Batch(torch.rand(2, 8, 3, 32, 32), (ClipSource("a", 0), ClipSource("b", 0)))
    noise = task.baselines(task.build_model())["noisy"](batch) - batch.frames
    assert abs(float(noise.std()) - 0.2) < 0.01
