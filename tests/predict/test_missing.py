"""Missing values and padding: ignored by loss, figures and baselines; a stack with gaps trains, evaluates, runs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seqimg.cli.main import main
from seqimg.data import Batch, ClipSource, collate
from seqimg.training.evaluation import evaluate
from seqimg.training.loop import StepReport, Trainer
from seqimg_predict.config import PredictConfig
from seqimg_predict.masks import last_valid, masked_mean, mean_valid
from seqimg_predict.task import PredictTask
from tests.predict.clips import drifting, pictures_of


def _task(**values: object) -> PredictTask:
    return PredictTask(PredictConfig(**{"channels": 1, "widths": (4,), "context": 3, "horizon": 2, **values}))  # type: ignore[arg-type]


def _gappy(frames: int = 40, share: float = 0.2) -> np.ndarray:
    """A drifting stack `[T, 12, 16, 1]` in which a stripe and scattered values are missing."""
    stack = drifting(1, frames, 1, (12, 16))[0].permute(0, 2, 3, 1).numpy().copy()
    stack[np.random.default_rng(0).random(stack.shape) < share] = np.nan
    stack[:, 3] = np.nan
    return stack


@pytest.mark.parametrize("loss", ["mse", "l1", "relative"])
def test_what_is_missing_changes_neither_loss_nor_gradient(loss: str) -> None:
    mask = torch.rand(2, 5, 1, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.3
    mask[1, 3:] = False  # one clip has nothing to predict
    truth = mask[:, 3:]
    values, slopes = [], []
    for beneath in (0.5, 1e6):
        outputs = torch.where(truth, 0.5, beneath).requires_grad_()
        batch = Batch(drifting(2, 5, 1, (8, 8)).masked_fill(~mask, 0), (), mask=mask)
        total = _task(loss=loss).loss(outputs, batch).total
        (slope,) = torch.autograd.grad(total, outputs)
        values.append(total.item())
        slopes.append(slope)
    assert values[0] == pytest.approx(values[1])
    assert torch.equal(slopes[0], slopes[1])
    assert not slopes[0][~truth].any()
    assert slopes[0][truth].all()


def test_without_gaps_the_loss_is_the_plain_one() -> None:
    frames = drifting(2, 5, 1, (8, 8))
    outputs = torch.rand(2, 2, 1, 8, 8)
    for loss in ("mse", "l1", "relative"):
        plain = _task(loss=loss).loss(outputs, Batch(frames, ())).total
        whole = _task(loss=loss).loss(outputs, Batch(frames, (), mask=torch.ones_like(frames).bool())).total
        assert float(plain) == pytest.approx(float(whole), rel=1e-5)


def test_padding_is_left_out() -> None:
    frames = drifting(2, 5, 1, (8, 8))
    frames[1, 4:] = 0
    task, batch = _task(loss="mse"), Batch(frames, (), lengths=torch.tensor([5, 4]))
    outputs = torch.zeros(2, 2, 1, 8, 8)
    wanted = torch.cat([frames[0, 3:].flatten(), frames[1, 3:4].flatten()]).square().mean()
    assert float(task.loss(outputs, batch).total) == pytest.approx(float(wanted), rel=1e-5)


def test_baselines_use_what_was_seen_of_a_pixel() -> None:
    frames = torch.tensor([0.2, 0.6, 0.0]).reshape(1, 3, 1, 1, 1)
    valid = torch.tensor([True, True, False]).reshape(1, 3, 1, 1, 1)
    assert last_valid(frames, valid).item() == pytest.approx(0.6)
    assert mean_valid(frames, valid).item() == pytest.approx(0.4)
    assert last_valid(0 * frames, torch.zeros_like(valid)).item() == 0
    assert masked_mean(frames, torch.zeros_like(valid)).item() == 0


def test_figures_are_those_of_the_values_that_are_there(tmp_path: Path) -> None:
    stack = _gappy()
    np.save(tmp_path / "gaps.npy", stack)
    task = _task(data=(str(tmp_path / "gaps.npy"),), size=0, crop=0, value_range=(0, 1))
    with task.datasets("all") as data:
        found = evaluate(task, task.build_model(), data.test, batch_size=3)
    errors = []
    for first in range(0, 36, 2):
        context, truth = stack[first : first + 3], stack[first + 3 : first + 5]
        last = np.zeros_like(context[0])
        for frame in context:
            last = np.where(np.isnan(frame), last, frame)
        errors.append((truth - last).ravel())
    error = np.concatenate(errors)
    assert found.overall["copy_last"]["mse"] == pytest.approx(np.nanmean(error**2), rel=1e-4)
    assert found.overall["copy_last"]["mae"] == pytest.approx(np.nanmean(np.abs(error)), rel=1e-4)


def test_a_sequence_with_nothing_but_gaps_is_an_error_in_one_of_many_it_is_left_out(tmp_path: Path) -> None:
    empty = np.full((12, 8, 8, 1), 9, np.uint8)
    np.save(tmp_path / "empty.npy", empty)
    np.save(tmp_path / "full.npy", np.random.default_rng(0).integers(0, 9, (12, 8, 8, 1), dtype=np.uint8))
    both = tuple(str(tmp_path / f"{name}.npy") for name in ("full", "empty"))
    task = _task(data=both, size=0, crop=0, fill_value=9)
    with task.datasets("all") as data:
        found = evaluate(task, task.build_model(), data.test)
    assert list(found.sequences) == [both[0]]
    with (
        pytest.raises(Exception, match="nothing to measure"),
        _task(data=both[1:], size=0, crop=0, fill_value=9).datasets("all") as data,
    ):
        evaluate(task, task.build_model(), data.test)


def test_training_with_gaps_and_short_sequences_stays_finite(tmp_path: Path) -> None:
    np.save(tmp_path / "gaps.npy", _gappy())
    np.save(tmp_path / "short.npy", _gappy(4))
    data = (str(tmp_path / "gaps.npy"), str(tmp_path / "short.npy"))
    task = _task(
        data=data, size=0, crop=8, steps=4, batch_size=3, value_range=(0, 1), short="pad", holdout=0.0
    )
    reports: list[StepReport] = []
    with task.datasets() as sets:
        trained = Trainer(task, sets, reports.append).train()
        lengths = [sets.train[i].length for i in range(len(sets.train))]
    assert all(np.isfinite(report.loss) and report.loss > 0 for report in reports)
    assert all(tensor.isfinite().all() for tensor in trained.best.values())
    assert any(length is not None for length in lengths)
    assert all(report.compute_seconds > 0 and report.data_seconds >= 0 for report in reports)


def test_run_gives_gaps_of_the_lead_in_back_and_complete_predictions() -> None:
    task = _task()
    frames = torch.from_numpy(_gappy(6)).permute(0, 3, 1, 2)
    pictures = pictures_of(task, task.build_model(), frames, horizon=3, lead_in=2)
    assert torch.equal(pictures[1].isnan(), frames[-1].isnan())
    assert all(picture.isfinite().all() for picture in pictures[2:])


def test_an_untrained_model_with_gaps_is_as_good_as_copying_and_a_stream_says_what_a_clip_does(
    tmp_path: Path,
) -> None:
    stack = _gappy()
    np.save(tmp_path / "gaps.npy", stack)
    task = _task(data=(str(tmp_path / "gaps.npy"),), size=0, crop=0, value_range=(0, 1))
    model = task.build_model().eval()
    with task.datasets("all") as data:
        found = evaluate(task, model, data.test).overall
        assert found["model"]["mse"] == pytest.approx(found["copy_last"]["mse"], rel=0.05)
        with torch.inference_mode():
            clip = task.forward(model, collate([data.test[0]]))[0]
    frames = torch.from_numpy(stack[:3]).permute(0, 3, 1, 2)
    pictures = pictures_of(task, model, frames, horizon=2)
    assert torch.allclose(torch.stack(pictures), clip, atol=1e-5)


def test_a_stack_with_gaps_goes_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> tuple[str, str]:
        code, (out, talk) = main(words), capfd.readouterr()
        assert code == 0, talk
        return out, talk

    monkeypatch.chdir(tmp_path)
    np.save("gaps.npy", _gappy())
    tiny = {"widths": 4, "context": 3, "horizon": 2, "steps": 2, "batch-size": 2, "crop": 8}
    flags = [word for name, value in tiny.items() for word in (f"--{name}", str(value))]
    _, talk = said("predict", "train", "gaps.npy", *flags, "-o", "mine")
    assert "missing values" in talk
    assert " ms data + " in talk
    figures, _ = said("predict", "eval", "--model", "mine/model", "gaps.npy", "--json")
    assert all(np.isfinite(v) for who in json.loads(figures)["overall"].values() for v in who.values())
    said("predict", "run", "gaps.npy", "--model", "mine/model", "--lead-in", "2", "-o", "next.npy")
    written = np.load("next.npy")
    assert np.isnan(written[:2]).any()
    assert np.isfinite(written[2:]).all()


def test_clips_know_where_they_came_from_with_gaps(tmp_path: Path) -> None:
    np.save(tmp_path / "gaps.npy", _gappy())
    task = _task(data=(str(tmp_path / "gaps.npy"),), size=0, crop=0, value_range=(0, 1))
    with task.datasets("all") as data:
        clip = data.test[2]
    assert clip.source == ClipSource(str(tmp_path / "gaps.npy"), 4)
    assert clip.mask is not None
    assert torch.equal(clip.mask, torch.from_numpy(~np.isnan(_gappy()[4:9])).permute(0, 3, 1, 2))
    assert not clip.frames[~clip.mask].any()
