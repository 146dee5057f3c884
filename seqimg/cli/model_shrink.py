"""`seqimg model shrink`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from seqimg import modelfolder
from seqimg.cheaper.profiling import Profile, profile
from seqimg.cheaper.shrinking import cheaper_task, shrink
from seqimg.cli.machine import chosen_device, device_sentence
from seqimg.cli.model_profile import bytes_in_words
from seqimg.cli.output import Table, command, output
from seqimg.cli.train import say_stopped, show_progress
from seqimg.data import Datasets
from seqimg.errors import SeqimgError, UsageError
from seqimg.masking import masked
from seqimg.publish import check_writable, remove
from seqimg.task import Task
from seqimg.training.evaluation import good_ends, validate
from seqimg.training.fit import TrainingInterrupted
from seqimg.training.runs import Run

__all__ = ["Wanted", "shrink_model"]


@dataclass(frozen=True)
class Wanted:
    """What a cheaper model is to be like, and what it learns from.

    Attributes:
        cell: Another cell, or None.
        widths: Other widths, or None.
        data: What to learn from; nothing for what the original learnt from.
        weight: How much the original's answers count.
        changes: Other values of the configuration; None for as in training.
    """

    cell: str | None
    widths: tuple[int, ...] | None
    data: tuple[str, ...]
    weight: float
    changes: Mapping[str, object]

    def task_from(self, original: Task[Any, Any, Any]) -> Task[Any, Any, Any]:
        """Return the cheaper task.

        Raises:
            UsageError: Nothing would change, there is nothing to learn from, or the task knows no such thing.
        """
        if self.cell is None and self.widths is None:
            raise UsageError(
                "nothing would change", why="neither --cell nor --widths is given", hint="seqimg cells list"
            )
        given = {name: value for name, value in self.changes.items() if value is not None}
        if self.data:
            given["data"] = self.data
        task = cheaper_task(original, cell=self.cell, widths=self.widths, **given)
        if not task.config.data:
            raise UsageError(
                "there is nothing to learn from", why="the model names no data", hint="--data VIDEO"
            )
        return task

    def flags(self) -> list[str]:
        """Return the flags of `seqimg model shrink` that say the same."""
        words = ["--cell", self.cell] if self.cell is not None else []
        if self.widths is not None:
            words += ["--widths", ",".join(map(str, self.widths))]
        words += [word for path in self.data for word in ("--data", masked(path))]
        for name in ("steps", "learning_rate", "device"):
            if self.changes.get(name) is not None:
                words += [f"--{name.replace('_', '-')}", str(self.changes[name])]
        return words if self.weight == 1 else [*words, "--weight", f"{self.weight:g}"]


def shrink_model(model: Path, out: Path, wanted: Wanted, *, resume: bool = False) -> None:
    """Train a cheaper model from a trained one, write it, and compare the two.

    Until it is written, checkpoints are kept beside it, in a run folder.

    Args:
        model: The original's folder.
        out: The folder to write.
        wanted: What it is to be like.
        resume: Whether to go on with a training of the same name that was broken off.

    Raises:
        TrainingInterrupted: Ctrl-C was pressed; a checkpoint has been written.
        SystemExit: SIGTERM came; a checkpoint has been written.
        UsageError: Nothing would change, or the task knows no such thing.
        SeqimgError: The data or the models cannot be used.
    """
    check_writable(out)
    folder = _run_folder(out, resume)
    original = modelfolder.load(model)
    task = wanted.task_from(original.task)
    device = chosen_device(task.config.device)
    with output().progress("Reading"):
        opened = task.datasets()
    with opened:
        for line in (*opened.readings, device_sentence(device, task.config.device)):
            output().say(line)
        _check(original.task, opened)
        with Run.resume(folder) if resume else Run(folder) as run:
            try:
                with output().progress("Training", total=task.config.steps) as bar:
                    watch = show_progress(bar)
                    found = shrink(
                        original, task, opened, run, watch, weight=wanted.weight, warn=output().warn
                    )
            except TrainingInterrupted as stopped:
                again = command("seqimg", "model", "shrink", model, "-o", out, *wanted.flags(), "--resume")
                say_stopped(stopped, again)
                raise
        clips = next((part for part in (opened.val, opened.train) if len(part)), opened.train)
        size = tuple(clips[0].frames.shape[-2:])
        with output().progress("Measuring"):
            rows = [
                _row(name, task, network.cpu(), clips, (size[0], size[1]))
                for name, network in (("original", original.model), ("cheaper", found.model))
            ]
    modelfolder.save(out, task, found.model.state_dict(), found.training)
    remove(folder)
    output().say(f"{found.inherited:.0%} of its parameters began as the original's.")
    _warn(task, rows)
    output().data({"model": str(out), "original": str(model), "rows": rows}, _table(task, rows))
    output().say(f"Saved {out}; its figures are of {len(clips):,} clips that chose its weights.")
    output().hint(
        command(
            "seqimg", task.name, "eval", "--model", out, "--part", "test", "--data", *task.config.data[:1]
        )
    )


def _run_folder(out: Path, resume: bool) -> Path:
    """Return where checkpoints are kept until the model is written."""
    folder = out.with_name(f"{out.name}.run")
    if resume and not folder.is_dir():
        raise UsageError(
            "there is nothing to go on with", why=f"there is no {folder}", hint="leave --resume out"
        )
    if not resume and folder.exists():
        raise UsageError(
            f"{folder} holds a training that was broken off",
            why="nothing is overwritten",
            hint="--resume to go on with it, or another -o",
        )
    return folder


def _check(task: Task[Any, Any, Any], data: Datasets) -> None:
    if data.channels != task.config.channels:
        raise SeqimgError(
            "the model cannot learn from these sequences",
            why=f"it was trained on frames of {task.config.channels} channels, these have {data.channels}",
        )


def _row(
    name: str, task: Task[Any, Any, Any], model: nn.Module, clips: Any, size: tuple[int, int]
) -> dict[str, Any]:
    found: Profile = profile(task, model, size)
    shown = asdict(found)
    del shown["parts"]
    return {"name": name, "metrics": validate(task, model, clips), **shown}


def _warn(task: Task[Any, Any, Any], rows: list[dict[str, Any]]) -> None:
    before, after = rows
    for what, key in (
        ("multiply-adds", "multiply_adds"),
        ("time", "milliseconds"),
        ("parameters", "parameters"),
    ):
        if after[key] >= before[key]:
            output().warn(f"the new model takes no less {what} than the original")
    name = task.leading_metric
    lower = good_ends(task)[name] == "lower"
    old, new = before["metrics"][name], after["metrics"][name]
    if (new > old if lower else new < old) and old:
        output().say(f"{name} is {abs(new - old) / abs(old):.1%} worse than the original's.")


def _table(task: Task[Any, Any, Any], rows: list[dict[str, Any]]) -> Table:
    metrics = list(rows[0]["metrics"])[:2]
    lines = [
        [
            row["name"],
            *(f"{row['metrics'][name]:.5g}" for name in metrics),
            f"{row['parameters']:,}",
            f"{row['multiply_adds'] / 1e6:.4g}",
            bytes_in_words(row["state_bytes"]),
            f"{row['milliseconds']:.3g}",
        ]
        for row in rows
    ]
    return Table(["model", *metrics, "parameters", "M multiply-adds", "state", "ms a frame"], lines)
