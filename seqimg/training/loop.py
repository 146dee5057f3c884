"""The training loop: one readable file, the same for every task."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from seqimg.config import TaskConfig
from seqimg.data import Batch, Clip, Datasets, LengthBuckets, Shuffled, collate
from seqimg.errors import SeqimgError, UnavailableError
from seqimg.task import Task
from seqimg.training.average import running_average
from seqimg.training.evaluation import metric_names, validate
from seqimg.training.schedule import Plan, learning_rate_factor

__all__ = ["StepReport", "Trained", "Trainer"]


@dataclass(frozen=True)
class StepReport:
    """What one step of training did.

    Attributes:
        step: Number of the step, from 1.
        steps: Steps planned.
        loss: Total loss of the step's batch.
        parts: Named parts of the loss.
        learning_rate: Learning rate of the step.
        frames_per_second: Frames trained on per second since the start.
        data_share: Share of the time since the start spent waiting for clips.
        validation: The model's metrics on the validation data, after steps that validate.
        data_seconds: Seconds this step waited for its clips.
        compute_seconds: Seconds it computed, validation left out.
    """

    step: int
    steps: int
    loss: float
    parts: dict[str, float]
    learning_rate: float
    frames_per_second: float
    data_share: float
    validation: dict[str, float] | None = None
    data_seconds: float = 0.0
    compute_seconds: float = 0.0


@dataclass
class Trained:
    """Where training stands.

    Attributes:
        steps: Steps done.
        seconds: Time taken, validations included.
        best_step: Step whose weights are `best`.
        best_metrics: Their validation metrics; empty without validation data.
        best: The weights with the lowest leading metric in validation, or the last without validation data.
        history: All reports.
    """

    steps: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[StepReport] = field(default_factory=list)


class Trainer:
    """Trains a task's model.

    Args:
        task: The task, with `channels` filled in.
        data: Its data sets; the test set is not touched.
        observe: Called after every step.

    Raises:
        UnavailableError: CUDA was asked for and is not there.
        SeqimgError: There is nothing to train on, or the task cannot choose models or build its own.
    """

    def __init__(
        self, task: Task[Any, Any, Any], data: Datasets, observe: Callable[[StepReport], None]
    ) -> None:
        config: TaskConfig = task.config
        if config.device == "cuda" and not torch.cuda.is_available():
            raise UnavailableError(
                "--device cuda: no CUDA device is there", hint="--device cpu, or seqimg doctor"
            )
        if not len(data.train):
            raise SeqimgError(
                "nothing is left to train on",
                why="the training part of every sequence is shorter than a clip",
                hint="a smaller --holdout or --validation, or shorter clips",
            )
        self.leading_metric = metric_names(task)[0]
        set_seed(config.seed)
        self.task, self.data, self.observe, self.config = task, data, observe, config
        self.accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision={"fp32": "no"}.get(config.precision, config.precision),
        )
        network = task.build_model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.model, self.optimizer = self.accelerator.prepare(network, optimizer)
        average = running_average(config.average)
        self.averaged = AveragedModel(self._network(), multi_avg_fn=average) if config.average else None
        self.plan = Plan(config.steps, config.minutes * 60)
        self.result = Trained()

    def train(self) -> Trained:
        """Run all steps and return the result; after an interruption `result` holds what was reached.

        Raises:
            SeqimgError: The loss is not finite; the batch's sources are named.
        """
        started, waited, frames = perf_counter(), 0.0, 0
        batches = self._batches()
        while self.result.steps < self.plan.steps:
            asked = perf_counter()
            batch = next(batches)
            begun = perf_counter()
            waited += begun - asked
            rate = self._set_learning_rate()
            parts = self._step(batch)
            computed = perf_counter() - begun
            self.result.steps += 1
            frames += batch.frames.shape[0] * batch.frames.shape[1]
            self.result.seconds = perf_counter() - started
            self.plan.review(self.result.steps, self.result.seconds)
            report = StepReport(
                step=self.result.steps,
                steps=self.plan.steps,
                loss=parts.pop("total"),
                parts=parts,
                learning_rate=rate,
                frames_per_second=frames / self.result.seconds,
                data_share=waited / self.result.seconds,
                validation=self._validate(),
                data_seconds=begun - asked,
                compute_seconds=computed,
            )
            self.result.history.append(report)
            self.observe(report)
        self.result.seconds = perf_counter() - started
        return self.result

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights as they stand: the running average, if there is one."""
        source = self._network() if self.averaged is None else self.averaged.module
        return {name: tensor.detach().cpu().clone() for name, tensor in source.state_dict().items()}

    def _step(self, batch: Batch) -> dict[str, float]:
        self.model.train()
        with self.accelerator.autocast():
            losses = self.task.loss(self.task.forward(self.model, batch), batch)
        values = {"total": float(losses.total.detach())}
        values |= {name: float(part.detach()) for name, part in losses.parts.items()}
        if not torch.isfinite(losses.total):
            named = ", ".join(f"{source.path} from frame {source.first}" for source in batch.sources[:3])
            raise SeqimgError(
                f"the loss is not finite at step {self.result.steps + 1}",
                why=f"the batch held {named}{', …' if len(batch.sources) > 3 else ''}",
                hint="a smaller --learning-rate, or --precision fp32",
            )
        self.optimizer.zero_grad()
        self.accelerator.backward(losses.total)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self._network())
        return values

    def _set_learning_rate(self) -> float:
        progress = self.result.steps / self.plan.steps
        # Half a step on, so that neither the first nor the last step is wasted at a rate of zero.
        factor = learning_rate_factor(progress + 0.5 / self.plan.steps, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor
        return self.config.learning_rate * factor

    def _validate(self) -> dict[str, float] | None:
        step, last = self.result.steps, self.result.steps >= self.plan.steps
        if step % self.config.validate_every and not last:
            return None
        if not len(self.data.val):
            if last:
                self.result.best, self.result.best_step = self.weights(), step
            return None
        network = self._network() if self.averaged is None else self.averaged.module
        metrics = validate(self.task, network, self.data.val, batch_size=self.config.batch_size)
        before = self.result.best_metrics
        if not before or metrics[self.leading_metric] < before[self.leading_metric]:
            self.result.best, self.result.best_step = self.weights(), step
            self.result.best_metrics = metrics
        return metrics

    def _network(self) -> nn.Module:
        return cast(nn.Module, self.accelerator.unwrap_model(self.model))

    def _batches(self) -> Iterator[Batch]:
        loader = DataLoader(
            cast("Dataset[Clip]", self.data.train),
            **self._order(),
            collate_fn=collate,
            num_workers=self.config.workers,
            worker_init_fn=_leave_interrupts,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        for batch in loader:
            yield batch.to(self.accelerator.device)

    def _order(self) -> dict[str, Any]:
        """Return how the loader goes through the clips: those of very different lengths stay apart."""
        data, config = self.data.train, self.config
        lengths = getattr(data, "lengths", None)
        if lengths is None or len(set(lengths)) == 1:
            return {"batch_size": config.batch_size, "sampler": Shuffled(len(data), config.seed)}
        return {"batch_sampler": LengthBuckets(lengths, config.batch_size, config.seed)}


def _leave_interrupts(worker: int) -> None:
    # A terminal sends Ctrl-C to all processes; the main one decides, and needs this one until its step is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
