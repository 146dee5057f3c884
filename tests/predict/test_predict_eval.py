"""`seqimg predict eval`, as told on the command line how to measure."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqimg import modelfolder
from seqimg.cli.main import main
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that was trained to look two frames ahead, by heavier weights above two thresholds."""
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).integers(0, 255, (40, 16, 16, 1), dtype=np.uint8)
    np.save("frames.npy", values)
    torch.manual_seed(0)
    config = PredictConfig(
        channels=1,
        widths=(4,),
        context=3,
        horizon=2,
        thresholds=(0.2, 0.4),
        balance=(1, 2, 3),
        loss="balanced_mse",
        baselines=("copy_last",),
    )
    task = PredictTask(config)
    modelfolder.save(tmp_path / "model", task, task.build_model().state_dict(), {})
    return tmp_path / "model"


def _eval(model: Path, *flags: str) -> int:
    return main(["--json", "predict", "eval", "--model", str(model), "frames.npy", *flags])


def test_a_model_is_measured_at_another_horizon_and_by_other_events(
    model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    how = ("--horizon", "12", "--thresholds", "0.3", "--neighbourhood", "5", "--baselines", "mean_frame")
    assert _eval(model, *how, "-o", "found.json") == 0
    said = capfd.readouterr()
    assert (
        "Measuring with horizon 12, thresholds 0.3, neighbourhood 5, baselines copy_last,mean_frame."
        in said.err
    )
    found: dict[str, Any] = json.loads(said.out)
    assert found == json.loads(Path("found.json").read_text())
    assert (found["horizon"], found["thresholds"], found["neighbourhood"]) == (12, [0.3], 5)
    assert found["clips"] == (40 - 3) // 12
    assert list(found["overall"]) == ["model", "copy_last", "mean_frame"]
    series = found["panels"]["Lead time"]
    assert set(series) == set(found["overall"])
    for who, figures in found["overall"].items():
        assert {"mse", "csi_30", "fss_30", "ssim_openstl"} <= set(figures) == set(series[who])
        assert all(len(values) == 12 for values in series[who].values())
        # Frames are of one size, so that the figure of all is the mean of those of each lead time.
        for name in ("mse", "mae", "mse_per_frame", "mae_per_frame", "psnr", "ssim", "ssim_openstl"):
            assert np.mean(series[who][name]) == pytest.approx(figures[name], rel=1e-4)


def test_unless_told_it_is_measured_as_in_training(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _eval(model) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["horizon"], found["thresholds"], found["baselines"]) == (2, [0.2, 0.4], ["copy_last"])
    assert {"csi_20", "csi_40"} <= set(found["overall"]["model"])
    assert {"csi_20", "csi_40", "csi"} <= set(found["panels"]["Lead time"]["model"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--horizon", "0"), "--horizon cannot be 0"),
        (("--neighbourhood", "4"), "it has to be odd"),
        (("--baselines", "flwo"), "there is no 'flwo'"),
        (("--thresholds", ""), "balanced_mse needs thresholds"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_plain_words(
    model: Path, flags: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _eval(model, *flags) == 2
    told = capfd.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) <= 3
