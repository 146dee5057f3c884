"""Figures of a model beside its baselines, over a data set, holding one batch at a time."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Any, Literal, TypeAlias, cast

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from seqimg.data import Batch, collate
from seqimg.data.datasets import ClipDataset
from seqimg.errors import SeqimgError
from seqimg.panels import Panel
from seqimg.task import Answers, Example, Task
from seqimg.training import processes
from seqimg.training.dealing import LISTED, dealt_batches
from seqimg.training.own_panels import of_some, own_panels

__all__ = [
    "Evaluation",
    "comparable",
    "evaluate",
    "examples",
    "good_ends",
    "metric_names",
    "validate",
]

AnyTask = Task[Any, Any, Any]
Better: TypeAlias = Literal["lower", "higher"]
Figures = dict[str, dict[str, float]]
"""For the model and each baseline, its metrics."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        metric: Name of the metric that leads.
        clips: Number of clips looked at.
        overall: Figures over all clips.
        sequences: Figures of each sequence, by path; none if there are many.
        better: Which end of each metric is the good one; what is not in it has none.
        panels: The task's own, of all clips; of several processes, of this one's, and they say so.
        warnings: What failed.
    """

    metric: str
    clips: int
    overall: Figures
    sequences: Mapping[str, Figures]
    better: Mapping[str, Better] = field(default_factory=dict)
    panels: tuple[Panel, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what JSON says of it: the figures, and the numbers that panels are drawn from."""
        return {
            "metric": self.metric,
            "clips": self.clips,
            "overall": self.overall,
            "sequences": self.sequences,
            "better": self.better,
            "panels": {panel.title: panel.numbers for panel in self.panels if panel.numbers},
            "warnings": self.warnings,
        }


class _Tally:
    """Metrics of the model and of each baseline."""

    def __init__(self, task: AnyTask, names: list[str], device: torch.device, *, quick: bool = False) -> None:
        self.seen, fresh = False, task.quick_metrics if quick else task.metrics
        self.metrics = {name: cast(MetricCollection, fresh().to(device)) for name in names}
        computed = self.metrics[names[0]]
        self.order = [name for name in metric_names(task) if name in computed]

    def update(self, outputs: Mapping[str, Tensor], expected: Any, valid: Tensor | None) -> None:
        if valid is not None:
            valid = valid.expand_as(expected)
            expected = expected[valid]
            outputs = {name: output[valid] for name, output in outputs.items()}
            if not len(expected):
                return
        elif isinstance(expected, Tensor) and expected.is_floating_point() and expected.isnan().all():
            return
        self.seen = True
        for name, output in outputs.items():
            self.metrics[name].update(*comparable(output, expected))

    def figures(self) -> Figures:
        if not any(processes.gather(self.seen)):
            raise SeqimgError(
                "there is nothing to measure", why="every value that was to be compared with is missing"
            )
        with warnings.catch_warnings():
            # Of few clips a process may have seen none; what the others saw is added up in `compute`.
            warnings.filterwarnings(
                "ignore", message="The ``compute`` method of metric", category=UserWarning
            )
            found = {name: metrics.compute() for name, metrics in self.metrics.items()}
        return {name: self._figures(name, values) for name, values in found.items()}

    def _figures(self, name: str, values: Mapping[str, Tensor]) -> dict[str, float]:
        figures = {metric: float(values[metric]) for metric in self.order}
        for metric, value in figures.items():
            if not isfinite(value):
                raise SeqimgError(
                    f"{metric} of {name} is {value}",
                    why="the frames or the answers hold values that are not finite",
                )
        return figures


class _Tallies:
    """What is counted while answers pass by: over all clips, and of each sequence if there are few.

    Args:
        task: The task.
        names: Who answers.
        device: Where.
        one_by_one: Whether sequences get figures of their own.
    """

    def __init__(self, task: AnyTask, names: list[str], device: torch.device, *, one_by_one: bool) -> None:
        self._task, self._one_by_one = task, one_by_one
        self._fresh = partial(_Tally, task, names, device)
        self.clips, self.overall = 0, self._fresh()
        self._sequences: dict[str, _Tally] = {}

    def passing(self, answers: Iterable[Answers], advance: Callable[[int], None] | None) -> Iterator[Answers]:
        """Pass the answers on, and count them."""
        for found in answers:
            batch = found.batch
            told = (found.outputs, self._task.expected(batch), self._task.valid(batch))
            self.overall.update(*told)
            if self._one_by_one:
                self._sequences.setdefault(batch.sources[0].path, self._fresh()).update(*told)
            self.clips += len(batch.sources)
            yield found
            if advance is not None:
                advance(len(batch.sources))

    def by_path(self) -> dict[str, Figures]:
        """Return the figures of each sequence, whichever process saw it."""
        everybodys = processes.gather([path for path, tally in self._sequences.items() if tally.seen])
        paths = dict.fromkeys(path for found in everybodys for path in found)
        return {path: (self._sequences.get(path) or self._fresh()).figures() for path in paths}


def metric_names(task: AnyTask) -> list[str]:
    """Return the names of the task's metrics, the leading one first.

    Raises:
        SeqimgError: The task has no metric of the name that is to lead.
    """
    names = list(task.metrics().keys())
    if task.leading_metric not in names:
        raise SeqimgError(
            f"the task {task.name} has no metric {task.leading_metric!r} to choose models by",
            why=f"its metrics: {', '.join(names) or 'none'}",
            hint="report it to the plugin's authors",
        )
    # Torchmetrics sorts them by name, which says nothing about their weight.
    return sorted(names, key=lambda name: name != task.leading_metric)


def good_ends(task: AnyTask) -> dict[str, Better]:
    """Say of each of the task's metrics which end is the good one, if one is.

    Raises:
        SeqimgError: The leading metric does not say so.
    """
    told = {name: metric.higher_is_better for name, metric in task.metrics().items()}
    if told.get(task.leading_metric) is None:
        raise SeqimgError(
            f"nobody knows whether more {task.leading_metric} is better, and models are chosen by it",
            why="its higher_is_better is not set",
            hint="report it to the plugin's authors",
        )
    return {name: "higher" if higher else "lower" for name, higher in told.items() if higher is not None}


def comparable(output: Tensor, expected: Any) -> tuple[Tensor, Any]:
    """Return outputs and what they should have been as metrics take them."""
    return output.float().contiguous(), expected.contiguous() if isinstance(expected, Tensor) else expected


@torch.inference_mode()
def evaluate(
    task: AnyTask,
    model: nn.Module,
    data: ClipDataset,
    *,
    batch_size: int = 8,
    advance: Callable[[int], None] | None = None,
) -> Evaluation:
    """Compute all metrics of a model and of the task's baselines, and make the task's panels of the same answers.

    Args:
        task: The task.
        model: The trained model; it is put into evaluation mode.
        data: Clips. Of a few sequences each gets figures of its own, and a batch never mixes two.
        batch_size: Most clips at once.
        advance: Called with the number of clips done since the last call.
    """
    model.eval()
    device = next(model.parameters()).device
    whose: dict[str, Callable[[Batch], Tensor]] = {"model": lambda batch: task.forward(model, batch)}
    whose |= task.baselines(model)
    tallies = _Tallies(task, list(whose), device, one_by_one=len(set(data.owners)) <= LISTED)
    answers = (
        Answers(batch, {name: answer(batch) for name, answer in whose.items()})
        for batch in dealt_batches(data, batch_size, device)
    )
    panels, warnings = own_panels(task, tallies.passing(answers, advance))
    clips = int(processes.total([tallies.clips])[0])
    if panels and tallies.clips < clips:
        panels, warning = of_some(panels, tallies.clips, clips, processes.world())
        warnings += (warning,)
    by_path = tallies.by_path()
    return Evaluation(
        task.leading_metric, clips, tallies.overall.figures(), by_path, good_ends(task), panels, warnings
    )


@torch.inference_mode()
def validate(task: AnyTask, model: nn.Module, data: ClipDataset, *, batch_size: int = 8) -> dict[str, float]:
    """Compute the model's own quick metrics only; training calls this."""
    model.eval()
    device = next(model.parameters()).device
    tally = _Tally(task, ["model"], device, quick=True)
    for batch in dealt_batches(data, batch_size, device):
        tally.update({"model": task.forward(model, batch)}, task.expected(batch), task.valid(batch))
    return tally.figures()["model"]


@torch.inference_mode()
def examples(task: AnyTask, model: nn.Module, data: ClipDataset, count: int) -> list[Example]:
    """Return `count` cases evenly spread over the data, as pictures, if the task has any to show."""
    model.eval()
    device = next(model.parameters()).device
    found = []
    for number in range(min(count, len(data))):
        batch = collate([data[number * len(data) // count]]).to(device)
        example = task.example(task.forward(model, batch), batch, 0)
        if example is not None:
            found.append(example)
    return found
