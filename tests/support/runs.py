"""Run folders as training leaves them, made in a moment: the model is untrained, the log made up."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from seqimg.config import Resolved, to_toml

__all__ = ["HOSTILE_NAME", "make_run", "write_log"]

HOSTILE_NAME = "\"><img src=x onerror=alert(1)> & {{ 7*7 }} '.npy"


def write_log(folder: Path, steps: int, *, every: int = 4, best: int = 8) -> None:
    """Write a `metrics.jsonl` whose best validation is at step `best`."""
    from seqimg.training.loop import StepReport

    with (folder / "metrics.jsonl").open("w") as log:
        for step in range(1, steps + 1):
            figures = {"mse": 0.01 + 0.001 * abs(step - best), "mae": 0.1} if step % every == 0 else None
            so_far = min(step // every * every, best)
            report = StepReport(step, steps, 1 / step, {}, 1e-3, 250.0, 0.02, figures, best_step=so_far)
            log.write(json.dumps(asdict(report)) + "\n")


def make_run(folder: Path, *, name: str = "clip.npy", seed: int = 0, finished: bool = True) -> Path:
    """Make a run of a tiny forecaster in `folder / "run"` on a stack of frames beside it, and return it."""
    from seqimg.training.evaluation import evaluate
    from seqimg.training.fit import Fitted
    from seqimg.training.loop import Trained
    from seqimg.training.summary import save_findings
    from seqimg_predict.config import PredictConfig
    from seqimg_predict.task import PredictTask

    run = folder / "run"
    run.mkdir(parents=True)
    waves = np.sin(np.arange(200)[:, None, None] * 0.4 + np.arange(24)[:, None] * 0.3 + np.arange(20) * 0.2)
    frames = np.random.default_rng(seed).normal(128 + 90 * waves, 4).clip(0, 255).astype(np.uint8)
    np.save(folder / name, frames[..., None])
    given = {
        "data": (str(folder / name),),
        "crop": 16,
        "widths": (4,),
        "context": 2,
        "horizon": 3,
        "validation": 0.3,
        "steps": 12,
        "seed": seed,
    }
    config = PredictConfig(**given)  # type: ignore[arg-type]
    sources = {field: "flag" if field in given else "default" for field in config.model_dump()}
    (run / "config.toml").write_text(to_toml("predict", Resolved(config, sources)), encoding="utf-8")
    environment = {
        "seqimg": "0.1",
        "packages": {"torch": "2"},
        "command": ["seqimg", "predict", "train", name],
    }
    (run / "environment.json").write_text(json.dumps(environment))
    write_log(run, 12 if finished else 9)
    if finished:
        task = PredictTask(config)
        with task.datasets() as data:
            task = task.settled(data)
            model = task.build_model()
            save_findings(
                run,
                task,
                Fitted(model, Trained(steps=12, seconds=90.0, best_step=8), "0123abcd"),
                data,
                data.val,
                evaluate(task, model, data.val),
                title=f"seqimg predict: {run}",
                what="validation clips",
            )
    return run
