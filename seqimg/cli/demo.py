"""`seqimg demo`: from nothing to a moving picture of a prediction."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["app"]

app = typer.Typer(help="Train a small forecaster and watch it predict; needs no data and no network.")

_FOLDER = Path("runs/demo")
_DATA = ("demo:pans", "demo:moving-digits")
_STEPS, _MINUTES = 700, 1.3
_PICTURED = 3


@app.command()
def demo(
    folder: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Where to put it; an earlier demo there is replaced."
        ),
    ] = _FOLDER,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Training steps, fewer where the time is up first.")
    ] = _STEPS,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, help="Time limit of the training; 0 is none.")
    ] = _MINUTES,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Train a small forecaster on camera moves over photographs and on moving digits, and show what it learnt."""
    from seqimg.cli.output import output
    from seqimg.errors import SeqimgError
    from seqimg.plugins.manager import plugin_host

    if folder.exists():
        if not (folder / "environment.json").exists():
            raise SeqimgError(
                f"{folder} exists and is no demo", why="nothing else is replaced", hint="-o another/folder"
            )
        shutil.rmtree(folder)
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
    _demo(task_class(config), folder)


def _demo(task: Any, folder: Path) -> None:
    from seqimg.cli.machine import chosen_device, device_sentence
    from seqimg.cli.output import output
    from seqimg.cli.tables import figures_table
    from seqimg.cli.train import show_progress
    from seqimg.publish import write_json
    from seqimg.training.evaluation import evaluate, examples
    from seqimg.training.fit import fit
    from seqimg.training.report import write_report
    from seqimg.training.runs import Run, environment
    from seqimg.training.summary import run_report, save_animation, save_strip, verdict

    config, say = task.config, output().say
    say(device_sentence(chosen_device(config.device), config.device))
    data = task.datasets()
    task = task.with_config(channels=data.channels)
    run = Run(folder)
    try:
        with output().progress("Training", total=config.steps) as bar:
            fitted = fit(task, data, run, show_progress(bar))
    finally:
        run.close()
    evaluation = evaluate(task, fitted.model, data.test, batch_size=config.batch_size)
    cases = examples(task, fitted.model, data.test, _PICTURED)
    save_animation(cases, folder / "prediction.gif")
    save_strip(cases[0], folder / "strip.png")
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
    pictures = [
        (
            "Prediction",
            "Left what happened, in the middle what the model said, right where it errs.",
            folder / "prediction.gif",
        ),
        ("Strip", "One held-out clip, frame by frame.", folder / "strip.png"),
    ]
    facts = {name: str(value) for name, value in config.model_dump().items()}
    what = "held-out clips"
    title = "seqimg demo: a ConvGRU predicts the next frames"
    report = run_report(title, fitted.trained, evaluation, what=what, pictures=pictures, facts=facts)
    write_report(folder / "report.html", report)
    output().data({"run": str(folder), **metrics}, figures_table(evaluation))
    say(verdict(evaluation, what))
    say(f"Saved {folder / 'report.html'}")
    output().hint(
        "seqimg predict train --data YOUR_VIDEO.mp4, then: seqimg predict run YOUR_VIDEO.mp4 --model runs/latest/model"
    )
