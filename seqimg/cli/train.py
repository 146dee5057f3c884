"""`seqimg TASK train`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import nn

from seqimg.cli.fields import reading_flags
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence, kernels_of
from seqimg.cli.output import Bar, command, output
from seqimg.cli.tables import figures_table
from seqimg.cli.watch import memory_beside, tell_result, watched
from seqimg.config import Resolved, TaskConfig, to_toml
from seqimg.data import Datasets
from seqimg.errors import SeqimgError
from seqimg.kernels.allocator import keep_freed_memory
from seqimg.masking import masked
from seqimg.plugins import TaskSpec
from seqimg.plugins.manager import plugin_host
from seqimg.publish import explained
from seqimg.task import Task
from seqimg.training import processes
from seqimg.training.evaluation import Evaluation, evaluate
from seqimg.training.findings import FINDINGS
from seqimg.training.fit import Fitted, TrainingInterrupted, fit
from seqimg.training.loop import StepReport
from seqimg.training.pages import read_run_report
from seqimg.training.records import read_run
from seqimg.training.report import write_report
from seqimg.training.runs import Run
from seqimg.training.sections import shown
from seqimg.training.stopping import TERMINATED
from seqimg.training.summary import save_findings
from seqimg.training.trackers import check_trackers
from seqimg.training.watching import Watch

__all__ = ["resumable", "say_kernel", "say_stopped", "show_progress", "train"]

_RUNS = Path("runs")
_LONGEST_SILENCE = 30  # seconds


def train(
    spec: TaskSpec, resolved: Resolved[TaskConfig], folder: Path | None, resume: Path | None = None
) -> None:
    """Train, and write the run folder.

    Args:
        spec: The task.
        resolved: Its configuration.
        folder: The run folder, None for the next free one under `runs/`.
        resume: The run folder to go on with instead.

    Raises:
        TrainingInterrupted: Ctrl-C was pressed; a checkpoint has been written.
        SystemExit: SIGTERM came; a checkpoint has been written.
    """
    config, say = resolved.config, output().say
    keep_freed_memory()
    check_trackers(config.track)
    device = chosen_device(config.device)
    task: Task[Any, Any, Any] = plugin_host().tasks.load(spec.name)(config)
    processes.join(config.device)
    if not processes.is_main():
        output().quiet = True
    with _opened(spec.name, folder, resume) as run:
        if processes.is_main() and not run.resumed:
            with explained(run.folder / "config.toml"):
                (run.folder / "config.toml").write_text(to_toml(spec.name, resolved), encoding="utf-8")
        with output().progress("Reading"):
            data = task.datasets()
        with data:
            for reading in data.readings:
                say(reading)
            say(device_sentence(device, config.device))
            ready = task.settled(data)
            with watched(ready, run.folder, device, main=processes.is_main()) as watch:
                _train(ready, data, run, watch)
    processes.leave()


def resumable(run: Path) -> Path:
    """Return the configuration of a run that can go on.

    Raises:
        SeqimgError: It has none, or is finished.
    """
    folder = run.resolve()
    if not (folder / "config.toml").is_file():
        why = "it has no config.toml" if folder.is_dir() else "there is no such folder"
        raise SeqimgError(f"{run} is no run that can go on", why=why, hint="--resume runs/latest")
    if (folder / FINDINGS).exists():
        raise SeqimgError(
            f"{run} is finished",
            why="all its steps are done and its report is written",
            hint="the same without --resume",
        )
    return folder / "config.toml"


@contextmanager
def _opened(task: str, folder: Path | None, resume: Path | None) -> Iterator[Run]:
    """Make or open the run folder; of several processes one does, and the others learn where it is."""
    run = None
    with processes.on_main() as here:
        if here and resume is not None:
            run = Run.resume(resume)
        elif here:
            run = Run(folder) if folder is not None else Run.new(task, _RUNS)
    where = processes.share(str(run.folder) if run is not None else None)
    with run or Run.follow(Path(where), resumed=resume is not None) as opened:
        yield opened


def _train(task: Task[Any, Any, Any], data: Datasets, run: Run, watch: Watch) -> None:
    config, say = task.config, output().say
    length = f"{config.epochs:g} epochs" if config.epochs else f"up to {config.steps:,} steps"
    say(
        f"{'Going on with' if run.resumed else 'Training on'} {len(data.train):,} clips for {length} into {run.folder}"
    )
    if processes.world() > 1:
        say(f"{processes.world()} processes share each batch of {config.batch_size} clips.")
    try:
        with output().progress("Training", total=config.steps) as bar:
            fitted = fit(
                task,
                data,
                run,
                show_progress(bar, watch),
                begin=partial(say_kernel, config, run),
                warn=output().warn,
            )
    except TrainingInterrupted as stopped:
        say_stopped(stopped, command("seqimg", task.name, "train", "--resume", run.folder))
        raise
    chosen = data.val if len(data.val) else data.train
    what = "validation clips" if len(data.val) else "training clips"
    with output().progress("Evaluating", total=len(chosen)) as bar:
        evaluation = evaluate(task, fitted.model, chosen, batch_size=config.batch_size, advance=bar.advance)
    if not processes.is_main():
        return
    _write_report(run, task, fitted, data, evaluation, what)
    say(f"Fingerprint of the weights: {fitted.fingerprint}")
    result = {
        "run": str(run.folder),
        "model": str(run.model),
        "fingerprint": fitted.fingerprint,
        what.replace(" ", "_"): evaluation.overall,
    }
    tell_result(watch, result, figures_table(evaluation))
    say(f"Saved {run.folder / 'report.html'}")
    output().hint(_evaluation(task, run.model))


def say_stopped(stopped: TrainingInterrupted, again: str) -> None:
    """Say how far a training came that was stopped, and the command that goes on with it.

    Raises:
        SystemExit: It was SIGTERM that stopped it.
    """
    output().say(f"Stopped at step {stopped.step}; the model so far is in {stopped.checkpoint}")
    output().hint(again)
    if stopped.number == signal.SIGTERM:
        raise SystemExit(TERMINATED)


def say_kernel(config: TaskConfig, run: Run, model: nn.Module) -> None:
    """Say which kernel computes the model in training, and have the run remember it, and the device."""
    device = chosen_device(config.device)
    sentence = kernel_sentence(model, device, config.precision)
    if sentence is not None:
        output().say(sentence)
    if processes.is_main():
        kernels = {name: kernel for name, (kernel, _) in kernels_of(model, device, config.precision).items()}
        for name, before in run.note(device=device.type, kernels=kernels).items():
            output().warn(
                f"the run began with other {name} ({shown(before)}): its numbers are rounded otherwise"
            )


def _evaluation(task: Task[Any, Any, Any], model: Path) -> str:
    data = [word for path in task.config.data for word in ("--data", masked(path))]
    return command(
        "seqimg", task.name, "eval", "--model", model, "--part", "test", *data, *reading_flags(task.config)
    )


def show_progress(bar: Bar, watch: Watch | None = None) -> Callable[[StepReport], None]:
    """Return an observer that moves the bar, says a line at every validation, and shows the step to all who watch.

    A line has the mean time that steps waited for data, and computed, since the line before.

    Where nobody sees a bar it says one every half minute too.
    """
    said = perf_counter()
    steps, data, compute, reached = 0, 0.0, 0.0, 0

    def show(report: StepReport) -> None:
        nonlocal said, steps, data, compute, reached
        steps, data, compute = steps + 1, data + report.data_seconds, compute + report.compute_seconds
        waiting = f"{report.data_share:.0%}"
        speed = f"{report.frames_per_second:.0f} frames/s"
        bar.set_total(report.steps)
        bar.advance(
            report.step - reached,
            loss=report.loss,
            speed=speed,
            waiting=f"{waiting} waiting",
            memory=memory_beside(bar),
        )
        reached = report.step
        if watch is not None:
            watch(report)
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
    save_findings(run.folder, task, fitted, data, measured, evaluation, title=title, what=what)
    write_report(run.folder / "report.html", read_run_report(read_run(run.folder)), overwrite=True)
