"""The training loop: one readable file, the same for every task."""

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from seqimg.config import TaskConfig
from seqimg.data import Batch, ClipSource, Datasets
from seqimg.errors import SeqimgError
from seqimg.task import Losses, Task
from seqimg.training import processes
from seqimg.training.average import running_average
from seqimg.training.evaluation import good_ends, metric_names, validate
from seqimg.training.optimizers import build_optimizer
from seqimg.training.order import Order, load_batches, naming_dead_workers
from seqimg.training.requirements import check_requirements, explained_compiling
from seqimg.training.schedule import Plan, learning_rate_factor, momentum
from seqimg.training.steps import StepReport, Trained

__all__ = ["StepReport", "Trained", "Trainer"]


class Trainer:
    """Trains a task's model.

    Args:
        task: The task, settled on its data.
        data: Its data sets; the test set is not touched.
        observe: Called after every step.
        stop: Asked once a step whether to stop after it; of several processes, one that says so is enough.

    Attributes:
        result: Where training stands.
        plan: How many steps there will be.
        stopping: Whether `stop` said so.

    Raises:
        UnavailableError: A device or number format was asked for and is not there.
        SeqimgError: There is nothing to train on, or the task cannot choose models or build its own.
    """

    def __init__(
        self,
        task: Task[Any, Any, Any],
        data: Datasets,
        observe: Callable[[StepReport], None],
        *,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        config: TaskConfig = task.config
        check_requirements(config, data)
        self.leading_metric = metric_names(task)[0]
        self._sign = -1 if good_ends(task)[self.leading_metric] == "higher" else 1
        set_seed(config.seed)
        self.task, self.data, self.observe, self.stop, self.config = task, data, observe, stop, config
        AcceleratorState._reset_state()  # an earlier training in this process may have had another number format
        self.accelerator = Accelerator(
            cpu=processes.on_cpu(config.device),
            mixed_precision={"fp32": "no"}.get(config.precision, config.precision),
        )
        network = task.build_model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.compile:
            network.compile()  # in place: its weights keep their names
        optimizer = build_optimizer(
            config.optimizer,
            network,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self.model, self.optimizer = self.accelerator.prepare(network, optimizer)
        average = running_average(config.average)
        self.averaged = AveragedModel(self.network, multi_avg_fn=average) if config.average else None
        self._epoch = self._order().steps_per_epoch
        steps = max(1, round(config.epochs * self._epoch)) if config.epochs else config.steps
        self.plan, self.result, self.stopping = Plan(steps, config.minutes * 60), Trained(), False
        if processes.world() > 1:  # the weights are alike by now; what is drawn from here on should not be
            set_seed(config.seed, device_specific=True)

    def train(self) -> Trained:
        """Run the steps that are left and return the result; `result` holds what was reached at any time.

        Raises:
            SeqimgError: The loss or the gradient is not finite; the batch's sources are named.
        """
        result, seen, waited = self.result, 0.0, 0.0
        started, before = perf_counter(), result.seconds
        order, workers = self._order(result.steps), self.config.workers
        clips = load_batches(self.data.train, order, workers, self.accelerator.device)
        with naming_dead_workers(), closing(clips) as batches:
            while result.steps < self.plan.steps and not self.stopping:
                rate, begun = self._set_learning_rate(), perf_counter()
                done = self._step(batches)
                computed = perf_counter() - begun - done.waited
                result.steps += 1
                self._agree(done, before + perf_counter() - started)
                seen, waited, elapsed = seen + done.frames, waited + done.waited, perf_counter() - started
                report = StepReport(
                    step=result.steps,
                    steps=self.plan.steps,
                    loss=done.values.pop("total"),
                    parts=done.values,
                    learning_rate=rate,
                    frames_per_second=seen / elapsed,
                    data_share=waited / elapsed,
                    validation=self._validate() if self.validates() else None,
                    data_seconds=done.waited,
                    compute_seconds=computed,
                    epoch=round(result.steps / self._epoch, 6),
                    gradient_norm=done.norm,
                    best_step=result.best_step,
                )
                result.seconds = before + perf_counter() - started
                result.history.append(report)
                self.observe(report)
        return result

    def validates(self) -> bool:
        """Whether the step just done ends with a validation, or would if there were clips for it."""
        every = self.config.validate_every
        if self.config.validate_epochs:
            every = max(1, round(self.config.validate_epochs * self._epoch))
        return self.result.steps % every == 0 or self.result.steps >= self.plan.steps

    @property
    def network(self) -> nn.Module:
        """The model as the task built it."""
        return cast(nn.Module, self.accelerator.unwrap_model(self.model))

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights as they stand: the running average, if there is one."""
        state = self._chosen_network().state_dict()
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def _step(self, batches: Iterator[tuple[Batch, float]]) -> "_Tally":
        """Work through one batch, in parts if so asked, and update the weights."""
        self.model.train()
        self.optimizer.zero_grad()
        done = _Tally()
        for left in reversed(range(self.config.accumulate)):
            asked = perf_counter()
            batch, weight = next(batches)
            done.waited += perf_counter() - asked
            alone = self.accelerator.no_sync(self.model) if left else nullcontext()
            with alone, explained_compiling(self.config):
                with self.accelerator.autocast():
                    losses = self.task.loss(self.task.forward(self.model, batch), batch)
                done.add(losses, weight, batch)
                # Before the backward pass: some of torch's crash on what is not finite.
                if not isfinite(processes.total([done.values["total"]])[0]):
                    raise self._not_finite("loss", done)
                # Gradients are averaged over processes; with weights that add up to 1 the sum is right.
                weighted = weight * processes.world()
                self.accelerator.backward(losses.total if weighted == 1 else losses.total * weighted)
        self._update(done)
        return done

    def _update(self, done: "_Tally") -> None:
        """Update the weights, unless the gradient is not finite."""
        norm = float(self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip_norm))
        scaler = self.accelerator.scaler
        # Number formats of small range overflow now and then: the scaler skips that step and scales down.
        if not isfinite(norm) and (scaler is None or scaler.get_scale() < 1):
            raise self._not_finite("gradient", done)
        self.optimizer.step()
        done.norm = norm if isfinite(norm) else None
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def _not_finite(self, what: str, done: "_Tally") -> SeqimgError:
        named = [f"{source.path} from frame {source.first}" for source in done.sources[:3]]
        named = [name for found in processes.gather(named) for name in found]
        more = ", …" if len(named) > 3 or len(done.sources) > 3 else ""
        return SeqimgError(
            f"the {what} is not finite at step {self.result.steps + 1}",
            why=f"the batch held {', '.join(named[:3])}{more}",
            hint="a smaller --learning-rate, or --precision fp32",
        )

    def _agree(self, done: "_Tally", seconds: float) -> None:
        """Have all processes know the figures of the whole batch, and decide alike."""
        asked = float(self.stop())
        mine = seconds if processes.is_main() else 0.0
        asked, seconds, done.frames, *values = processes.total(
            [asked, mine, done.frames, *done.values.values()]
        )
        done.values = dict(zip(done.values, values, strict=True))
        self.stopping = asked > 0
        self.plan.review(self.result.steps, seconds)

    def _set_learning_rate(self) -> float:
        progress = self.result.steps / self.plan.steps
        self.task.progressed(progress)
        # Half a step on, so that neither the first nor the last step is wasted at a rate of zero.
        where = progress + 0.5 / self.plan.steps, self.config.warmup, self.config.schedule
        rate = self.config.learning_rate * learning_rate_factor(*where)
        for group in self.optimizer.param_groups:
            group["lr"], group["betas"] = rate, (momentum(*where), group["betas"][1])
        return rate

    def _validate(self) -> dict[str, float] | None:
        """Measure the weights as they stand, keep the best, and end the run if they no longer get better."""
        result, step = self.result, self.result.steps
        if not len(self.data.val):
            if step >= self.plan.steps:
                result.best, result.best_step = self.weights(), step
            return None
        metrics = validate(
            self.task, self._chosen_network(), self.data.val, batch_size=self.config.batch_size
        )
        before = result.best_metrics
        result.not_better += 1
        leading = self.leading_metric
        if not before or self._sign * metrics[leading] < self._sign * before[leading]:
            result.best, result.best_step, result.best_metrics = self.weights(), step, metrics
            result.not_better = 0
        if self.config.patience and result.not_better >= self.config.patience:
            self.plan.steps = step
        return metrics

    def _chosen_network(self) -> nn.Module:
        return self.network if self.averaged is None else self.averaged.module

    def _order(self, start: int = 0) -> Order:
        rank, world = processes.rank(), processes.world()
        return Order(self.data.train, self.config, rank=rank, world=world, start=start)


@dataclass
class _Tally:
    """What the parts of a step's batch add up to."""

    values: dict[str, float] = field(default_factory=dict)
    sources: list[ClipSource] = field(default_factory=list)
    frames: float = 0.0
    waited: float = 0.0
    norm: float | None = None

    def add(self, losses: Losses, weight: float, batch: Batch) -> None:
        """Count in a part with its weight in the whole batch."""
        for name, value in {"total": losses.total, **losses.parts}.items():
            self.values[name] = self.values.get(name, 0.0) + weight * float(value.detach())
        self.sources += batch.sources
        self.frames += batch.frames.shape[0] * batch.frames.shape[1] if weight else 0
