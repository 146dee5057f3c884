"""`seqimg TASK train`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import nn

from seqimg.cli.fields import reading_flags
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.output import Bar, command, output
from seqimg.cli.tables import figures_table
from seqimg.config import Resolved, TaskConfig, to_toml
from seqimg.data import Datasets
from seqimg.errors import UsageError
from seqimg.kernels.allocator import keep_freed_memory
from seqimg.masking import masked
from seqimg.plugins import TaskSpec
from seqimg.plugins.manager import plugin_host
from seqimg.task import Task
from seqimg.training.evaluation import Evaluation, evaluate
from seqimg.training.fit import Fitted, TrainingInterrupted, fit
from seqimg.training.loop import StepReport
from seqimg.training.pages import read_run_report
from seqimg.training.records import read_run
from seqimg.training.report import write_report
from seqimg.training.runs import Run
from seqimg.training.summary import save_findings

__all__ = ["say_kernel", "show_progress", "train"]

_RUNS = Path("runs")
_LONGEST_SILENCE = 30  # seconds


def train(spec: TaskSpec, resolved: Resolved[TaskConfig], folder: Path | None) -> None:
    """Train, and write the run folder.

    Args:
        spec: The task.
        resolved: Its configuration.
        folder: The run folder, None for the next free one under `runs/`.

    Raises:
        TrainingInterrupted: Ctrl-C was pressed; a checkpoint has been written.
    """
    config, say = resolved.config, output().say
    keep_freed_memory()
    device = chosen_device(config.device)
    task: Task[Any, Any, Any] = plugin_host().tasks.load(spec.name)(config)
    with Run(folder) if folder is not None else Run.new(spec.name, _RUNS) as run:
        (run.folder / "config.toml").write_text(to_toml(spec.name, resolved), encoding="utf-8")
        with output().progress("Reading"):
            data = task.datasets()
        with data:
            for reading in data.readings:
                say(reading)
            say(device_sentence(device, config.device))
            _check_channels(config.channels, data.channels)
            _train(task.with_config(channels=data.channels), data, run)


def _train(task: Task[Any, Any, Any], data: Datasets, run: Run) -> None:
    config, say = task.config, output().say
    say(f"Training on {len(data.train):,} clips for up to {config.steps:,} steps into {run.folder}")
    try:
        with output().progress("Training", total=config.steps) as bar:
            fitted = fit(task, data, run, show_progress(bar), begin=partial(say_kernel, config))
    except TrainingInterrupted as stopped:
        say(f"Stopped at step {stopped.step}; the model so far is in {stopped.checkpoint}")
        output().hint(_evaluation(task, stopped.checkpoint))
        raise
    chosen = data.val if len(data.val) else data.train
    what = "validation clips" if len(data.val) else "training clips"
    with output().progress("Evaluating", total=len(chosen)) as bar:
        evaluation = evaluate(task, fitted.model, chosen, batch_size=config.batch_size, advance=bar.advance)
    _write_report(run, task, fitted, data, evaluation, what)
    result = {"run": str(run.folder), "model": str(run.model), what.replace(" ", "_"): evaluation.overall}
    output().data(result, figures_table(evaluation))
    say(f"Saved {run.folder / 'report.html'}")
    output().hint(_evaluation(task, run.model))


def say_kernel(config: TaskConfig, model: nn.Module) -> None:
    """Say which kernel computes the model in training."""
    sentence = kernel_sentence(model, chosen_device(config.device), config.precision)
    if sentence is not None:
        output().say(sentence)


def _evaluation(task: Task[Any, Any, Any], model: Path) -> str:
    data = [word for path in task.config.data for word in ("--data", masked(path))]
    return command(
        "seqimg", task.name, "eval", "--model", model, "--part", "test", *data, *reading_flags(task.config)
    )


def _check_channels(wanted: int, found: int) -> None:
    if wanted not in (0, found):
        raise UsageError(
            f"--channels {wanted} does not fit the data", why=f"they have {found}", hint="leave it out"
        )


def show_progress(bar: Bar) -> Callable[[StepReport], None]:
    """Return an observer that moves the bar, and says a line at every validation.

    A line has the mean time that steps waited for data, and computed, since the line before.

    Where nobody sees a bar it says one every half minute too.
    """
    said = perf_counter()
    steps, data, compute = 0, 0.0, 0.0

    def show(report: StepReport) -> None:
        nonlocal said, steps, data, compute
        steps, data, compute = steps + 1, data + report.data_seconds, compute + report.compute_seconds
        waiting = f"{report.data_share:.0%}"
        speed = f"{report.frames_per_second:.0f} frames/s"
        bar.set_total(report.steps)
        bar.advance(loss=report.loss, speed=speed, waiting=f"{waiting} waiting")
        silent = perf_counter() - said
        if report.validation is None and (bar.visible or silent < _LONGEST_SILENCE):
            return
        figures = [f"{name} {value:.4g}" for name, value in (report.validation or {}).items()]
        validation = f"validation {', '.join(figures)}, " if figures else ""
        output().say(
            f"step {report.step}/{report.steps}: loss {report.loss:.4g}, {validation}"
            f"{speed}, {data / steps * 1000:.3g} ms data + {compute / steps * 1000:.3g} ms compute a step"
        )
        said = perf_counter()
        steps, data, compute = 0, 0.0, 0.0

    return show


def _write_report(
    run: Run, task: Task[Any, Any, Any], fitted: Fitted, data: Datasets, evaluation: Evaluation, what: str
) -> None:
    measured = data.val if len(data.val) else data.train
    title = f"seqimg {task.name}: {run.folder}"
    save_findings(
        run.folder, task, fitted.model, data, measured, evaluation, fitted.trained, title=title, what=what
    )
    write_report(run.folder / "report.html", read_run_report(read_run(run.folder)), overwrite=True)
