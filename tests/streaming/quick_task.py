"""A task as slow as a test wants it: its pictures are the frames, its rows say which."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from seqimg.config import Config, TaskConfig
from seqimg.data import Batch, Datasets, Part
from seqimg.modelfolder import LoadedModel
from seqimg.streaming import Stream
from seqimg.task import Baseline, Losses, Seen, Shown, Task

__all__ = ["SlowRun", "SlowTask", "loaded"]


class SlowRun(Config):
    """Options."""

    seconds: float = Field(0.0, description="Seconds a frame.")
    fails_at: int = Field(-1, description="Frame that the model fails at.")
    live: bool = Field(False, description="Whether it knows that it is live.")


class Slow(nn.Module):
    """Counts frames, slowly."""

    seconds = 0.0

    def forward(self, frames: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        time.sleep(self.seconds)
        after = frames.shape[1] + (frames.new_zeros(len(frames)) if state is None else state)
        return after[:, None], after


class SlowTask(Task[TaskConfig, SlowRun, Tensor]):
    """Shows each frame as it is."""

    name = "slow"
    columns = ("frame", "time", "seen")
    leading_metric = "none"
    Config = TaskConfig
    RunOptions = SlowRun

    def build_model(self) -> nn.Module:
        return Slow()

    @classmethod
    def while_live(cls, options: SlowRun) -> SlowRun:
        return options.model_copy(update={"live": True})

    def show(self, stream: Stream, frames: Iterable[Seen], options: SlowRun) -> Iterator[Shown]:
        assert isinstance(stream.model, Slow)
        stream.model.seconds = options.seconds
        for seen in frames:
            if seen.index == options.fails_at:
                raise RuntimeError("the model fails")
            count = int(stream.step(seen.frame)[0])
            yield Shown(seen.frame, ({"frame": seen.index, "time": round(seen.time, 6), "seen": count},))

    def datasets(self, part: Part = "test") -> Datasets:
        raise NotImplementedError

    def expected(self, batch: Batch) -> Tensor:
        raise NotImplementedError

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        raise NotImplementedError

    def metrics(self) -> Any:
        raise NotImplementedError

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        raise NotImplementedError

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        raise NotImplementedError

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        raise NotImplementedError


def loaded(channels: int = 1) -> LoadedModel:
    """Return it as a model folder would be."""
    task = SlowTask(TaskConfig(channels=channels))
    torch.manual_seed(0)
    return LoadedModel(task, task.build_model().eval(), {})
