"""A cheaper model that learns from a trained one: its answers, beside what the data say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqimg.data import Batch, Datasets
from seqimg.errors import SeqimgError, UsageError, did_you_mean
from seqimg.modelfolder import LoadedModel
from seqimg.plugins.manager import plugin_host
from seqimg.task import Losses, Task
from seqimg.training.fit import fit, record_of
from seqimg.training.records import read_run
from seqimg.training.runs import Run
from seqimg.training.steps import StepReport

__all__ = ["Shrunk", "cheaper_task", "distilling", "shrink"]

_SETTLING = 10  # steps over which the two losses are brought to one scale
_TINY = 1e-8
AnyTask = Task[Any, Any, Any]


@dataclass(frozen=True)
class Shrunk:
    """A cheaper model.

    Attributes:
        task: Its task and configuration.
        model: The model with its best weights, in evaluation mode.
        training: What to keep of its training, for [seqimg.modelfolder.save][].
        inherited: Share of its parameters that began as those of the original, 0 to 1.
    """

    task: AnyTask
    model: nn.Module
    training: Mapping[str, object]
    inherited: float


def cheaper_task(
    task: AnyTask, *, cell: str | None, widths: tuple[int, ...] | None, **changes: object
) -> AnyTask:
    """Return a task with another cell, or other widths.

    Args:
        task: The original's task.
        cell: Name of the new cell; None for the same.
        widths: New widths; None for the same.
        **changes: Other values of the configuration.

    Raises:
        UsageError: The task's configuration knows no such thing, there is no such cell, or nothing would change.
    """
    fields, asked = type(task.config).model_fields, {"cell": cell, "widths": widths}
    for name, value in asked.items():
        if value is not None and name not in fields:
            raise UsageError(
                f"models of {task.name} cannot be had with another {name}",
                why=f"the task's configuration has no {name}",
            )
    known = plugin_host().cells.names()
    if cell is not None and cell not in known:
        near = did_you_mean(cell, known)
        raise UsageError(
            f"there is no cell {cell!r}",
            why=f"cells: {', '.join(known)}",
            hint=f"--cell {near}" if near else None,
        )
    given = {name: value for name, value in asked.items() if value is not None}
    if all(getattr(task.config, name) == value for name, value in given.items()):
        raise UsageError(
            "nothing would change", why="the model has that cell and those widths", hint="--cell NAME"
        )
    return task.with_config(**given, **changes)


def distilling(
    student: AnyTask, teacher: LoadedModel, weight: float, scales: list[float] | None = None
) -> AnyTask:
    """Return a task that trains towards a teacher's outputs, beside its own loss.

    In training both see the same batch, and the same randomness. What is added is the mean squared distance of the
    outputs in units of the teacher's variance, brought to the scale of the task's own loss over the first steps.

    Args:
        student: The task with the cheaper configuration.
        teacher: The original model.
        weight: How much the distance counts; 1 for as much as the task's own loss.
        scales: How many times the distance the task's own loss was, in each of the first steps: what is known of it
            by a training that goes on. It is added to.
    """
    base: type[AnyTask] = type(student)
    # The root alone: tasks ask it what training's outputs look like, and its parts stay as in evaluation.
    original = teacher.model.eval()
    original.training = True
    said: list[Tensor] = []
    ratios = [] if scales is None else scales

    class Distilling(base):  # type: ignore[misc, valid-type]
        def build_model(self) -> nn.Module:
            model: nn.Module = super().build_model()
            inherit(model, original)
            return model

        def progressed(self, share: float) -> None:
            super().progressed(share)
            teacher.task.progressed(share)

        def forward(self, model: nn.Module, batch: Batch) -> Tensor:
            said.clear()
            if model.training:
                original.to(batch.frames.device)
                with torch.no_grad(), torch.random.fork_rng():
                    said.append(teacher.task.forward(original, batch))
            outputs: Tensor = super().forward(model, batch)
            return outputs

        def loss(self, outputs: Tensor, batch: Batch) -> Losses:
            losses: Losses = super().loss(outputs, batch)
            if not said:
                return losses
            apart = _distance(outputs, said.pop())
            if len(ratios) < _SETTLING:
                ratios.append(float(losses.total.detach()) / max(float(apart.detach()), _TINY))
            scale = weight * sum(ratios) / len(ratios)
            return Losses(losses.total + scale * apart, {**losses.parts, "distance": apart})

    Distilling.__name__ = base.__name__
    return Distilling(student.config)


def inherit(model: nn.Module, original: nn.Module) -> float:
    """Give a model the original's weights wherever name and shape agree; return the share of its parameters.

    Args:
        model: The new model.
        original: The trained one.

    Example:
        >>> inherit(nn.Linear(2, 3), nn.Linear(2, 3)), inherit(nn.Linear(2, 3), nn.Linear(5, 3))
        (1.0, 0.3333333333333333)
    """
    theirs, mine = original.state_dict(), model.state_dict()
    taken = {
        name: value for name, value in theirs.items() if name in mine and mine[name].shape == value.shape
    }
    model.load_state_dict(taken, strict=False)
    numbers = dict(model.named_parameters())
    total = sum(p.numel() for p in numbers.values())
    return sum(p.numel() for name, p in numbers.items() if name in taken) / max(total, 1)


def shrink(
    original: LoadedModel,
    task: AnyTask,
    data: Datasets,
    run: Run,
    observe: Callable[[StepReport], None] = lambda report: None,
    *,
    weight: float = 1.0,
    warn: Callable[[str], None] = lambda text: None,
) -> Shrunk:
    """Train a cheaper model from a trained one.

    Args:
        original: The trained model.
        task: The task with the cheaper configuration, of [cheaper_task][seqimg.cheaper.shrinking.cheaper_task].
        data: Its data sets.
        run: Where checkpoints go; one that was broken off goes on and ends as if nothing had happened.
        observe: Called after every step.
        weight: How much the original's answers count beside the data's.
        warn: Told what is not as it should be.

    Raises:
        UsageError: The run was begun with another original or weight.
        TrainingInterrupted: Ctrl-C was pressed, or SIGTERM came; a checkpoint has been written.
        SeqimgError: The cheaper model cannot be built or trained.
    """
    distilled = {"from": original.record.get("weights", {}).get("sha256"), "weight": weight}
    scales = _scales_of(run, distilled)
    run.note(distilled=distilled)

    def begin(_: nn.Module) -> None:
        # The log was cut back to the checkpoint, if there is one: what came after it is to be found anew.
        del scales[read_run(run.folder).steps * task.config.accumulate :]

    def watch(report: StepReport) -> None:
        if report.step <= _SETTLING:
            run.note(scales=scales)
        observe(report)

    trained = fit(
        distilling(task, original, weight, scales), data, run, watch, begin=begin, warn=warn
    ).trained
    model = task.build_model()
    share = inherit(model, original.model)
    model.load_state_dict(trained.best)
    original.model.eval()
    return Shrunk(task, model.eval(), {**record_of(trained, data), "distilled": distilled}, share)


def _scales_of(run: Run, distilled: Mapping[str, object]) -> list[float]:
    """Return the scales that a run has found, none of a new one; refuse a run of another original or weight."""
    if not run.resumed:
        return []
    known = read_run(run.folder).environment
    if known.get("distilled") != distilled:
        raise UsageError(
            f"{run.folder} cannot go on so", why="it was begun with another original, or another --weight"
        )
    found = known.get("scales")
    return [scale for scale in found if isinstance(scale, float)] if isinstance(found, list) else []


def _distance(outputs: Tensor, wanted: Tensor) -> Tensor:
    if outputs.shape != wanted.shape:
        raise SeqimgError(
            "the cheaper model's outputs have another shape than the original's",
            why=f"{tuple(outputs.shape)} and {tuple(wanted.shape)}",
        )
    wanted = wanted.to(outputs.dtype)
    return (outputs - wanted).square().mean() / (wanted.var() + _TINY)
