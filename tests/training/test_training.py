"""The loop, runs and model folders: repeatable, whole on disk, clear about damage."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from seqimg import modelfolder
from seqimg.cli.tables import figures_table
from seqimg.data import Datasets
from seqimg.errors import SeqimgError, UnavailableError
from seqimg.training.evaluation import evaluate
from seqimg.training.fit import fit
from seqimg.training.loop import StepReport, Trainer
from seqimg.training.pages import verdict
from seqimg.training.runs import Run
from seqimg.training.schedule import Plan, learning_rate_factor
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask

TINY = {
    "data": ("demo:pans",),
    "crop": 16,
    "widths": (4,),
    "context": 2,
    "horizon": 2,
    "batch_size": 2,
    "steps": 4,
}


def _task(**changes: object) -> tuple[PredictTask, Datasets]:
    task = PredictTask(PredictConfig(**{**TINY, **changes}))  # type: ignore[arg-type]
    data = task.datasets()
    return task.settled(data), data


def test_a_seed_repeats_a_run_exactly_and_another_does_not() -> None:
    losses = []
    for seed in (3, 3, 4):
        task, data = _task(seed=seed)
        reports: list[StepReport] = []
        Trainer(task, data, reports.append).train()
        losses.append([(report.loss, report.validation) for report in reports])
    assert losses[0] == losses[1] != losses[2]


def test_the_number_of_workers_changes_nothing() -> None:
    weights = []
    for workers in (0, 2):
        task, data = _task(workers=workers)
        weights.append(Trainer(task, data, lambda report: None).train().best)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_best_validation_is_kept() -> None:
    task, data = _task(steps=6, validate_every=2, average=0, learning_rate=0.3)
    reports: list[StepReport] = []
    trained = Trainer(task, data, reports.append).train()
    validated = {r.step: r.validation["mse"] for r in reports if r.validation is not None}
    assert sorted(validated) == [2, 4, 6]
    assert trained.best_step == min(validated, key=validated.__getitem__)
    assert trained.best_metrics["mse"] == min(validated.values())


def test_a_loss_that_is_not_finite_stops_and_names_the_clips(tmp_path: Path) -> None:
    stack = np.zeros((40, 16, 16, 1), np.float32)
    stack[5:9] = np.inf
    np.save(tmp_path / "bad.npy", stack)
    task, data = _task(data=(str(tmp_path / "bad.npy"),), size=0, crop=0)
    trainer = Trainer(task, data, lambda report: None)
    with pytest.raises(SeqimgError, match=r"not finite at step \d[\s\S]*bad.npy from frame"):
        trainer.train()
    assert all(torch.isfinite(tensor).all() for tensor in trainer.weights().values())


def test_too_little_to_train_on_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((20, 16, 16, 1), np.uint8))
    task, data = _task(data=(str(tmp_path / "a.npy"),), size=0, crop=0, holdout=0.9)
    assert len(data.test) > 0
    with pytest.raises(SeqimgError, match="nothing is left to train on"):
        Trainer(task, data, lambda report: None)


class _Misnamed(PredictTask):
    leading_metric = "fid"


def test_a_task_without_its_leading_metric_is_refused_before_it_trains() -> None:
    task, data = _task()
    with pytest.raises(SeqimgError, match=r"no metric 'fid'[\s\S]*mae, mae_per_frame, mse, "):
        Trainer(_Misnamed(task.config), data, lambda report: None)


def test_the_leading_metric_stands_first_and_speaks() -> None:
    task, data = _task()
    evaluation = evaluate(task, task.build_model(), data.val)
    assert next(iter(task.metrics().keys())) == "mae"  # torchmetrics sorts by name
    assert [list(figures)[:2] for figures in evaluation.overall.values()] == [["mse", "mae"]] * 5
    assert verdict(evaluation, "clips").startswith("mse ")
    assert figures_table(evaluation).columns[2:4] == ["mse", "mae"]


class _Scored(PredictTask):
    leading_metric = "psnr"


def test_where_more_is_better_the_highest_is_chosen_and_the_lowest_is_worst() -> None:
    task, data = _task(steps=4, validate_every=1, average=0, metrics=("mse", "psnr"))
    scored = _Scored(task.config)
    trained = Trainer(scored, data, lambda report: None).train()
    found = [report.validation["psnr"] for report in trained.history if report.validation]
    assert trained.best_metrics["psnr"] == max(found)
    assert len(set(found)) > 1
    assert [report.best_step for report in trained.history][-1] == found.index(max(found)) + 1
    evaluation = evaluate(scored, scored.build_model(), data.val)
    assert evaluation.better["psnr"] == "higher"
    assert evaluation.better["mse"] == "lower"
    copied = max(figures["psnr"] for name, figures in evaluation.overall.items() if name != "model")
    assert f"ABOVE copy_last ({copied:.4g})" not in verdict(evaluation, "clips")


class _Undecided(PredictTask):
    leading_metric = "sharpness"


def test_models_are_not_chosen_by_a_figure_without_a_good_end() -> None:
    task, data = _task(metrics=("mse", "sharpness"))
    assert "sharpness" not in evaluate(task, task.build_model(), data.val).better
    with pytest.raises(SeqimgError, match="nobody knows whether more sharpness is better"):
        Trainer(_Undecided(task.config), data, lambda report: None)


@given(steps=st.integers(1, 50), warmup=st.floats(0, 0.9))
def test_the_learning_rate_rises_then_falls_and_stays_within_bounds(steps: int, warmup: float) -> None:
    rates = [learning_rate_factor((step + 0.5) / steps, warmup) for step in range(steps)]
    assert all(0 <= rate <= 1 for rate in rates)
    falls = [later < earlier for earlier, later in pairwise(rates)]
    assert falls == sorted(falls)


def test_a_plan_is_shortened_only_when_time_would_run_out() -> None:
    plan = Plan(steps=100, seconds=60)
    plan.review(done=1, elapsed=5)  # too early to tell
    plan.review(done=20, elapsed=11)
    assert plan.steps == 100
    plan.review(done=25, elapsed=30)
    assert plan.steps == 50


def test_fitting_leaves_a_whole_run_folder(tmp_path: Path) -> None:
    task, data = _task(validate_every=2)
    run = Run.new("predict", tmp_path / "runs")
    seen: list[int] = []
    fitted = fit(task, data, run, lambda report: seen.append(report.step))
    run.close()
    assert seen == [1, 2, 3, 4]
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["best", "last", "previous"]
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == seen
    assert (tmp_path / "runs" / "latest").resolve() == run.folder
    loaded = modelfolder.load(run.model, task="predict")
    assert loaded.training["steps"] == 4
    figures = [evaluate(task, model, data.val).overall for model in (fitted.model, loaded.model)]
    assert figures[0] == figures[1]
    assert figures[0]["model"]["mse"] == pytest.approx(fitted.trained.best_metrics["mse"], rel=1e-6)
    with Run.new("predict", tmp_path / "runs") as another:
        assert another.folder != run.folder


def _saved(tmp_path: Path) -> Path:
    task, _ = _task()
    modelfolder.save(tmp_path / "model", task, task.build_model().state_dict(), {})
    return tmp_path / "model"


def test_a_model_folder_holds_all_there_is_to_know(tmp_path: Path) -> None:
    folder = _saved(tmp_path)
    loaded = modelfolder.load(folder)
    assert loaded.task.config.widths == (4,)
    stored = load_file(folder / "model.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in loaded.model.state_dict().items())
    with pytest.raises(SeqimgError, match="exists already"):
        modelfolder.save(folder, loaded.task, loaded.model.state_dict(), {})


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_truncated_weights_are_refused(tmp_path: Path, share: float) -> None:
    weights = _saved(tmp_path) / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SeqimgError, match=r"model.safetensors is damaged"):
        modelfolder.load(weights.parent)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    weights = _saved(tmp_path) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(SeqimgError, match="digest"):
        modelfolder.load(weights.parent)


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"task": "caption"}, SeqimgError, "caption"),
        ({"format": 3}, SeqimgError, "format 3"),
        ({"format": "1"}, SeqimgError, "not a model's configuration"),
        ({"config": {"widths": [-1]}}, SeqimgError, "widths"),
        ({"config": {"colour": 1}}, SeqimgError, "colour"),
        ({"weights": {}}, SeqimgError, "damaged"),
    ],
)
def test_records_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, object], error: type[SeqimgError], named: str
) -> None:
    path = _saved(tmp_path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(error, match=named) as caught:
        modelfolder.load(path.parent, task="predict")
    assert len(str(caught.value).splitlines()) <= 3


def test_a_model_of_a_plugin_that_is_not_there_says_so(tmp_path: Path) -> None:
    path = _saved(tmp_path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "task": "juggle"}))
    with pytest.raises(UnavailableError, match="juggle"):
        modelfolder.load(path.parent)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "null", '{"format": 1}'])
def test_damaged_records_are_refused(tmp_path: Path, content: str) -> None:
    path = _saved(tmp_path) / "config.json"
    path.write_text(content)
    with pytest.raises(SeqimgError):
        modelfolder.load(path.parent)


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    task, _ = _task()
    weights = task.build_model().state_dict()
    next(iter(weights.values())).fill_(float("nan"))
    with pytest.raises(SeqimgError, match="not finite"):
        modelfolder.save(tmp_path / "model", task, weights, {})
    assert not (tmp_path / "model").exists()
