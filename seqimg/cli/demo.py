"""`seqimg demo`: from nothing to a moving picture of a prediction."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from seqimg.data import Datasets
    from seqimg.task import Task
    from seqimg.training.evaluation import Evaluation
    from seqimg.training.fit import Fitted

__all__ = ["app"]

app = typer.Typer(
    help="Train a small forecaster and watch it predict; needs no data and no network.", rich_markup_mode=None
)

_FOLDER = Path("runs/demo")
_DATA = ("demo:pans", "demo:moving-digits")
_STEPS, _MINUTES = 350, 1.3
_PICTURED = 3
_WHAT = "held-out clips"
_MADE = ("metrics.json", "prediction.gif", "strip.png", "report.html")


@app.command()
def demo(
    folder: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Where to put it; an earlier demo there is replaced."
        ),
    ] = _FOLDER,
    steps: Annotated[
        int,
        typer.Option("--steps", metavar="N", min=1, help="Training steps, fewer where the time is up first."),
    ] = _STEPS,
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="M", min=0, help="Time limit of the training; 0 is none.")
    ] = _MINUTES,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Train a small forecaster on camera moves over photographs and on moving digits, and show what it learnt."""
    from seqimg.cli.output import output
    from seqimg.cli.tables import figures_table
    from seqimg.plugins.manager import plugin_host
    from seqimg.publish import publish_folder
    from seqimg.training.pages import verdict

    _check_replaceable(folder)
    task_class = plugin_host().tasks.load("predict")
    config = task_class.Config(
        data=_DATA,
        crop=48,
        steps=steps,
        minutes=minutes,
        batch_size=16,
        validate_every=max(1, steps // 4),
        seed=seed,
    )
    output().say(
        "Making camera moves over photographs, and moving digits; training a ConvGRU to predict them."
    )
    # An earlier demo stays until this one is whole.
    with publish_folder(folder, overwrite=True) as temporary:
        metrics, evaluation = _demo(task_class(config), temporary)
    output().data({"run": str(folder), **metrics}, figures_table(evaluation))
    output().say(verdict(evaluation, _WHAT))
    output().say(f"Saved {folder / 'report.html'}")
    output().hint("seqimg predict train --data YOUR_VIDEO.mp4")


def _check_replaceable(folder: Path) -> None:
    from seqimg.errors import SeqimgError

    empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not empty and not all((folder / name).exists() for name in _MADE):
        raise SeqimgError(
            f"{folder} exists and is no demo", why="nothing else is replaced", hint="-o another/folder"
        )


def _demo(task: "Task[Any, Any, Any]", folder: Path) -> "tuple[dict[str, object], Evaluation]":
    """Train, evaluate and write everything; return what there is to say."""
    from seqimg.cli.machine import chosen_device, device_sentence
    from seqimg.cli.output import output
    from seqimg.cli.train import say_kernel, show_progress
    from seqimg.config import Resolved, to_toml
    from seqimg.publish import write_json
    from seqimg.training.evaluation import evaluate
    from seqimg.training.fit import fit
    from seqimg.training.runs import Run
    from seqimg.training.surroundings import environment

    config = task.config
    sources = {
        name: "seqimg demo" if name in config.model_fields_set else "default" for name in config.model_dump()
    }
    output().say(device_sentence(chosen_device(config.device), config.device))
    with task.datasets() as data, Run(folder) as run:
        text = to_toml(task.name, Resolved(config, sources))
        (folder / "config.toml").write_text(text, encoding="utf-8")
        task = task.settled(data)
        with output().progress("Training", total=config.steps) as bar:
            fitted = fit(task, data, run, show_progress(bar), begin=partial(say_kernel, config, run))
        with output().progress("Evaluating", total=len(data.test)) as bar:
            evaluation = evaluate(
                task, fitted.model, data.test, batch_size=config.batch_size, advance=bar.advance
            )
        metrics = {
            "heldout": evaluation.overall,
            "sequences": evaluation.sequences,
            "clips": evaluation.clips,
            "steps": fitted.trained.steps,
            "seconds": round(fitted.trained.seconds, 1),
            "seed": config.seed,
            "environment": environment(),
        }
        write_json(folder / "metrics.json", metrics)
        _draw(task, fitted, evaluation, data, folder)
    return metrics, evaluation


def _draw(
    task: "Task[Any, Any, Any]", fitted: "Fitted", evaluation: "Evaluation", data: "Datasets", folder: Path
) -> None:
    """Write the animation, the strip and the report."""
    from seqimg.training.evaluation import examples
    from seqimg.training.pages import read_run_report
    from seqimg.training.records import read_run
    from seqimg.training.report import write_report
    from seqimg.training.summary import save_animation, save_findings, save_strip

    cases = examples(task, fitted.model, data.test, _PICTURED)
    save_animation(cases, folder / "prediction.gif")
    save_strip(cases[0], folder / "strip.png")
    save_findings(
        folder,
        task,
        fitted,
        data,
        data.test,
        evaluation,
        title="seqimg demo: a ConvGRU predicts the next frames",
        what=_WHAT,
    )
    write_report(folder / "report.html", read_run_report(read_run(folder)))
