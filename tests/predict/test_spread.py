"""Futures that are drawn: their mean, how far apart they are, and whether that is how wrong they are."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from seqimg import modelfolder
from seqimg.data import Batch, ClipSource
from seqimg.testing import run_command
from seqimg_predict.config import PredictConfig
from seqimg_predict.losses import Compared, loss_terms
from seqimg_predict.measures import Spread
from seqimg_predict.model import EncoderForecaster
from seqimg_predict.motion import apply_forecast, mean_and_spread
from seqimg_predict.task import PredictTask
from tests.predict.clips import drifting

DRAWING = {"model": "encoder_forecaster", "noise": 2, "members": 3, "loss": "crps"}


def drawing(**more: object) -> PredictTask:
    values = {"channels": 1, "widths": (4, 4), "context": 3, "horizon": 2, **DRAWING, **more}
    return PredictTask(PredictConfig(**values))


def stirred(task: PredictTask) -> EncoderForecaster:
    """A model whose futures differ, as after training."""
    torch.manual_seed(3)
    model = task.build_model()
    assert isinstance(model, EncoderForecaster)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return model.eval()


@torch.inference_mode()
def test_outputs_are_the_mean_of_the_draws_and_their_spread() -> None:
    model, clip = stirred(drawing()), drifting(2, 3, 1, (24, 40))
    found, state = model(clip, horizon=2)
    assert found.shape == (2, 4, 1, 24, 40)
    members = []
    for noise in model.noises(state):
        members.append(apply_forecast(state.last, model.forecast(state, 2, None, noise)[0]))
    drawn = torch.stack(members)
    assert torch.allclose(found[:, :2], drawn.mean(0), atol=1e-6)
    assert torch.allclose(found[:, 2:], drawn.std(0), atol=1e-5)
    assert float(found[:, 2:].mean()) > 1e-3
    again, _ = model(clip, horizon=2)
    assert torch.equal(found, again)  # the same futures, always


@torch.inference_mode()
@pytest.mark.parametrize("horizon", [2, 19])
def test_frames_one_by_one_are_those_at_once(horizon: int) -> None:
    """In the size of the source and in pieces: `run` shows what `eval` measures."""
    model, clip = stirred(drawing()), drifting(1, 3, 1, (24, 40))
    whole, state = model(clip, horizon=horizon)
    for number, (frame, spread) in enumerate(model.rollout(state, clip[:, -1], horizon)):
        assert spread is not None
        assert torch.allclose(frame, whole[:, number], atol=1e-5)
        assert torch.allclose(spread, whole[:, horizon + number], atol=1e-5)
    late = list(model.rollout(state, clip[:, -1], horizon, 1))
    assert len(late) == horizon - 1
    assert torch.allclose(late[0].frame, whole[:, 1], atol=1e-5)


def test_training_draws_two_futures_anew() -> None:
    task, clip = drawing(), drifting(2, 5, 1, (16, 16))
    model = stirred(task).train()
    batch = Batch(clip, (ClipSource("a", 0), ClipSource("b", 0)))
    outputs = task.forward(model, batch)
    assert outputs.shape == (2, 4, 1, 16, 16)
    assert not torch.allclose(outputs[:, :2], outputs[:, 2:])
    assert not torch.allclose(outputs, task.forward(model, batch))
    losses = task.loss(outputs, batch)
    one, other, truth = outputs[:, :2], outputs[:, 2:], clip[:, 3:]
    wanted = ((one - truth).abs() + (other - truth).abs()).mean() / 2 - (one - other).abs().mean() / 2
    assert float(losses.parts["crps"].detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    losses.total.backward()
    weight = model.forecasters[-1].levels[0].weight_x
    assert float(weight.grad.abs().sum()) > 0  # noise is worth something


def test_the_score_is_least_where_draws_are_as_spread_as_the_truth() -> None:
    """It is proper: of normal draws, those of the truth's own mean and width score best."""
    generator = torch.Generator().manual_seed(0)

    def score(mean: float, width: float) -> float:
        size = (4000, 1, 1, 4, 4)
        truth = torch.randn(size, generator=generator)
        draws = mean + width * torch.randn(2 * size[0], *size[1:], generator=generator)
        compared = Compared(draws, torch.cat([truth, truth]), None, torch.cat([truth, truth]))
        return float(loss_terms(compared, {"crps": 1.0})["crps"])

    best = score(0, 1)
    assert best == pytest.approx(1 / np.pi**0.5, abs=0.01)  # of normal distributions, in closed form
    assert best < min(score(0, 0.5), score(0, 1.6), score(0.5, 1), score(0, 0)) - 0.01


def test_missing_values_count_for_nothing() -> None:
    truth = torch.rand(2, 2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    draws = torch.cat([truth + 0.1, truth - 0.3])
    valid = torch.ones(4, 2, 1, 4, 4, dtype=torch.bool)
    valid[..., :2] = False
    broken = torch.cat([truth, truth]).masked_fill(~valid, torch.nan)
    found = loss_terms(Compared(draws, broken, valid, broken), {"crps": 1.0})["crps"]
    assert float(found) == pytest.approx(0.2 - 0.2, abs=1e-6)
    sums = Spread(3).sums(torch.cat([broken[:2], torch.full_like(truth, 0.25)], dim=1), broken[:2]).sum(0)
    assert sums.tolist() == pytest.approx([32 * 0.25**2, 0, 32])


def test_spread_over_skill_is_one_where_draws_are_as_wrong_as_they_differ() -> None:
    generator = torch.Generator().manual_seed(1)
    draws = torch.randn(9, 500, 1, 1, 8, 8, generator=generator)
    truth = torch.randn(500, 1, 1, 8, 8, generator=generator)
    mean, spread = mean_and_spread(draws)
    spread_of, skill = Spread(9).measures()
    sums = Spread(9).sums(torch.cat([mean, spread], dim=1), truth).sum(0)
    assert float(skill.figure(sums)) == pytest.approx(1, abs=0.02)
    assert float(spread_of.figure(sums)) == pytest.approx(1, abs=0.02)
    assert float(skill.figure(Spread(9).sums(mean, truth).sum(0))) == 0  # a simpler answer is sure of itself


@pytest.mark.parametrize(
    "values",
    [
        {"model": "encoder_forecaster", "noise": 2},
        {"model": "encoder_forecaster", "loss": "crps"},
        {"model": "encoder_forecaster", "members": 4},
        {"noise": 2, "loss": "crps", "model": "next_frame"},
        {**DRAWING, "members": 1},
    ],
)
def test_what_does_not_go_together_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PredictConfig(**values)


def test_a_model_says_how_unsure_it_is_on_the_command_line(tmp_path: Path) -> None:
    frames = (drifting(1, 24, 1, (32, 32))[0].permute(0, 2, 3, 1).numpy() * 255).astype(np.uint8)
    np.save(tmp_path / "a.npy", frames)
    data, folder = tmp_path / "a.npy", tmp_path / "run"
    words = [
        "--model",
        "encoder_forecaster",
        "--noise",
        "2",
        "--members",
        "3",
        "--loss",
        "crps",
        "--widths",
        "4",
        "--context",
        "3",
        "--horizon",
        "2",
    ]
    said = run_command(
        "predict",
        "train",
        "--data",
        str(data),
        *words,
        "--steps",
        "4",
        "--crop",
        "16",
        "--size",
        "0",
        "-o",
        str(folder),
    )
    assert said.code == 0, said.err
    model = str(folder / "model")
    said = run_command("--json", "predict", "eval", "--model", model, "--data", str(data), "--part", "all")
    assert said.code == 0, said.err
    overall = json.loads(said.out)["overall"]
    assert overall["model"]["spread"] >= 0
    assert overall["copy_last"]["spread"] == 0
    out = tmp_path / "out.npy"
    words = ["predict", "run", str(data), "--model", model, "--horizon", "2", "-o", str(out), "--overwrite"]
    said = run_command(*words, "--spread", "--lead-in", "1")
    assert said.code == 0, said.err
    assert np.load(out).shape[:3] == (3, 32, 64)
    rows = tmp_path / "rows.csv"
    said = run_command(
        "predict", "run", str(data), "--model", model, "--rolling", "--spread", "-o", str(rows)
    )
    assert said.code == 0, said.err
    assert rows.read_text().splitlines()[0] == "frame,time,lead,mse,copy_last_mse,spread"
    loaded = modelfolder.load(model)
    assert loaded.model.draws.shape == (3, 2, 32, 32)


def test_a_model_of_one_future_cannot_say_how_unsure_it_is(tmp_path: Path) -> None:
    task = PredictTask(PredictConfig(channels=1, widths=(4,), context=3, horizon=2, size=0))
    modelfolder.save(tmp_path / "model", task, task.build_model().state_dict(), {})
    np.save(tmp_path / "a.npy", np.zeros((8, 16, 16, 1), np.uint8))
    said = run_command(
        "predict", "run", str(tmp_path / "a.npy"), "--model", str(tmp_path / "model"), "--spread", "-o",
        str(tmp_path / "b.npy"),
    )  # fmt: skip
    assert said.code == 2
    assert "how unsure" in said.err
    assert "--noise" in said.err
