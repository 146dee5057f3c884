"""`run`: the frames to come, and every prediction beside what came."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from seqimg.cli.main import main
from seqimg.errors import SeqimgError, UsageError
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg.training.evaluation import evaluate
from seqimg_predict.config import PredictConfig, PredictRun
from seqimg_predict.task import PredictTask
from tests.predict.clips import drifting


def _task(**values: object) -> PredictTask:
    given: dict[str, object] = {"channels": 1, "widths": (4,), "context": 3, "horizon": 2, "size": 0}
    return PredictTask(PredictConfig(**{**given, **values}))  # type: ignore[arg-type]


def _model(task: PredictTask) -> torch.nn.Module:
    torch.manual_seed(0)
    model = task.build_model()
    for parameter in model.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, std=0.15)
    return model.eval()


def _shown(task: PredictTask, frames: torch.Tensor, **options: object) -> list[Shown]:
    seen = (Seen(frame, 10 + index, index / 25) for index, frame in enumerate(frames))
    return list(task.show(Stream(_model(task)), seen, PredictRun(**options)))  # type: ignore[arg-type]


def _leads(shown: list[Shown]) -> list[tuple[object, object]]:
    return [(row["frame"], row["lead"]) for one in shown for row in one.rows]


@pytest.mark.parametrize("model", ["encoder_forecaster", "next_frame"])
def test_rolling_shows_truth_prediction_and_difference_of_every_frame(model: str) -> None:
    task, frames = _task(model=model), drifting(1, 9, 1, (8, 12))[0].clamp(0, 1)
    shown = _shown(task, frames, rolling=True, horizon=3)
    # Places count from the source's; the first frames are all known from the first prediction.
    assert _leads(shown) == [(13, 1), (14, 2), (15, 3), (16, 3), (17, 3), (18, 3)]
    network = _model(task)
    for one, lead, number in zip(shown, (1, 2, 3, 3, 3, 3), range(3, 9), strict=True):
        assert one.picture is not None
        truth, said, difference = one.picture.split(12, dim=-1)
        with torch.no_grad():
            known = frames[None, max(number - lead - 2, 0) : number + 1 - lead]
            wanted = network(known, horizon=lead)[0][0, -1].clamp(0, 1)
        assert torch.equal(truth, frames[number])
        assert torch.allclose(said, wanted, atol=1e-5)
        assert torch.allclose(difference, (0.5 + said - truth).clamp(0, 1), atol=1e-6)
        row = one.rows[0]
        assert row["mse"] == pytest.approx((said - truth).square().mean().item(), rel=1e-4)
        copied = frames[number - lead]
        assert row["copy_last_mse"] == pytest.approx((copied - truth).square().mean().item(), rel=1e-4)
        assert row["time"] == pytest.approx(number / 25)


@pytest.mark.parametrize(
    ("every", "leads"),
    [
        (1, [1, 2, 3, 3, 3, 3, 3]),
        (2, [1, 2, 3, 2, 3, 2, 3]),
        (3, [1, 2, 3, 1, 2, 3, 1]),
    ],
)
def test_every_so_manieth_frame_is_predicted_from(every: int, leads: list[int]) -> None:
    shown = _shown(_task(), drifting(1, 10, 1, (8, 8))[0], rolling=True, horizon=3, every=every)
    assert _leads(shown) == [(13 + place, lead) for place, lead in enumerate(leads)]


def test_frames_that_no_prediction_reaches_are_left_out() -> None:
    shown = _shown(_task(), drifting(1, 12, 1, (8, 8))[0], rolling=True, horizon=2, every=4)
    assert _leads(shown) == [(13, 1), (14, 2), (17, 1), (18, 2), (21, 1)]


@pytest.mark.parametrize("model", ["encoder_forecaster", "next_frame"])
def test_rolling_in_steps_of_the_horizon_has_the_figures_of_eval(model: str, tmp_path: Path) -> None:
    stack = drifting(1, 23, 1, (12, 16))[0].clamp(0, 1)
    np.save(tmp_path / "a.npy", stack.permute(0, 2, 3, 1).numpy())
    task = _task(model=model, data=(str(tmp_path / "a.npy"),), crop=0, value_range=(0, 1))
    with task.datasets("all") as data:
        found = evaluate(task, _model(task), data.test)
    rows = [row for one in _shown(task, stack, rolling=True, horizon=2, every=2) for row in one.rows]
    assert (found.clips, len(rows)) == (10, 20)
    for name, column in (("model", "mse"), ("copy_last", "copy_last_mse")):
        assert found.overall[name]["mse"] == pytest.approx(np.mean([row[column] for row in rows]), rel=1e-4)


def test_a_prediction_knows_of_the_context_alone() -> None:
    task, frames = _task(), drifting(1, 12, 1, (8, 12))[0].clamp(0, 1)
    others = torch.cat([drifting(1, 6, 1, (8, 12), seed=5)[0].clamp(0, 1), frames[6:]])
    last = [_shown(task, stack, rolling=True, horizon=1)[-1].picture for stack in (frames, others)]
    assert last[0] is not None
    assert last[1] is not None
    assert torch.equal(last[0], last[1])


@pytest.mark.parametrize("model", ["encoder_forecaster", "next_frame"])
def test_every_lead_has_a_row_and_pictures_stay_as_they_are(model: str) -> None:
    task, frames = _task(model=model), drifting(1, 9, 1, (8, 12))[0].clamp(0, 1)
    plain = _shown(task, frames, rolling=True, horizon=3)
    shown = _shown(task, frames, rolling=True, horizon=3, all_leads=True)
    assert [(row["frame"], row["lead"]) for row in shown[2].rows] == [(15, 1), (15, 2), (15, 3)]
    assert [len(one.rows) for one in shown] == [1, 2, 3, 3, 3, 3]
    for one, same in zip(shown, plain, strict=True):
        assert one.picture is not None
        assert same.picture is not None
        assert torch.equal(one.picture, same.picture)
        assert one.rows[-1] == same.rows[0]
    nearest = _shown(task, frames, rolling=True, horizon=1)
    for one, near in zip(shown, nearest, strict=True):
        assert one.rows[0] == pytest.approx(near.rows[0])
    every = _shown(task, frames, rolling=True, horizon=3, every=2, all_leads=True)
    assert [[row["lead"] for row in one.rows] for one in every] == [[1], [2], [1, 3], [2], [1, 3], [2]]


def test_missing_values_stay_missing_and_count_for_nothing() -> None:
    frames = drifting(1, 7, 1, (8, 8))[0].clamp(0, 1)
    frames[4, :, :4] = torch.nan
    frames[5] = torch.nan
    shown = _shown(_task(), frames, rolling=True, horizon=1)
    pictures = [one.picture for one in shown if one.picture is not None]
    assert torch.equal(pictures[1][..., :8].isnan(), frames[4].isnan())
    assert all(picture[..., 8:].isfinite().all() for picture in pictures)
    assert [row["mse"] is None for one in shown for row in one.rows] == [False, False, True, False]


def test_too_short_too_large_and_impossible_are_refused() -> None:
    with pytest.raises(SeqimgError, match="has 2 frames, this model needs 3"):
        _shown(_task(), drifting(1, 2, 1, (8, 8))[0], rolling=True)
    with pytest.raises(SeqimgError, match="all of which this model needs"):
        _shown(_task(), drifting(1, 3, 1, (8, 8))[0], rolling=True)
    with pytest.raises(UsageError, match="cannot wait for their truth"):
        _shown(_task(), torch.rand(4, 1, 400, 400), rolling=True, horizon=10_000)
    with pytest.raises(UsageError, match="cannot wait for their truth") as refused:
        _shown(_task(), torch.rand(4, 1, 400, 400), rolling=True, horizon=100, all_leads=True)
    assert refused.value.hint == "leave --all-leads out"


def test_memory_holds_a_horizon_of_predictions_however_long_the_source() -> None:
    task, alive = _task(), []

    def frames() -> Iterator[Seen]:
        for index in range(200):
            alive.append(len(shown.gi_frame.f_locals["waiting"]) if shown.gi_frame else 0)
            yield Seen(torch.full((1, 4, 4), index / 200), index, float(index))

    shown = task.show(Stream(_model(task)), frames(), PredictRun(rolling=True, horizon=5))
    assert sum(1 for _ in shown) == 197
    assert max(alive) <= 5


def test_rolling_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", (255 * drifting(1, 40, 1, (12, 16))[0].clamp(0, 1)).permute(0, 2, 3, 1).byte().numpy())
    tiny = "--widths 4 --context 3 --horizon 2 --steps 2 --batch-size 2 --crop 8 --size 0 --loss mse+0.1*gradient"
    more = "--thresholds 0.5 --model next_frame"
    assert main(["predict", "train", "a.npy", *tiny.split(), *more.split(), "-o", "mine"]) == 0, (
        capfd.readouterr()
    )
    capfd.readouterr()
    assert main(["--json", "predict", "eval", "--model", "mine/model", "a.npy"]) == 0
    figures = json.loads(capfd.readouterr().out)["overall"]
    assert {"mse", "psnr", "ssim", "ssim_openstl", "csi_50", "fss_50", "mse_per_frame"} <= set(
        figures["model"]
    )
    assert set(figures) == {"model", "copy_last", "mean_frame", "linear", "flow"}
    report = Path("mine/report.html").read_text(encoding="utf-8")
    assert "Events of at least 50 % of the value range" in report
    assert "psnr by lead time in frames" in report
    assert "gradient" in report
    run = ["predict", "run", "a.npy", "--model", "mine/model", "--rolling", "--horizon", "2"]
    assert main([*run, "-o", "side.npy"]) == 0
    assert np.load("side.npy").shape == (37, 12, 48, 1)
    assert main([*run, "-o", "rows.csv"]) == 0
    lines = Path("rows.csv").read_text().splitlines()
    assert lines[0] == "frame,time,lead,mse,copy_last_mse"
    assert len(lines) == 38
    assert main([*run, "--all-leads", "-o", "leads.csv"]) == 0
    assert len(Path("leads.csv").read_text().splitlines()) == 74
    assert main([*run, "--lead-in", "3"]) == 2
    assert main([*run[:-3], "--every", "3"]) == 2
    assert "every goes with rolling" in capfd.readouterr().err
