"""`seqimg classify eval`, as told on the command line how to measure."""

import json
from pathlib import Path

import pytest
import torch

from seqimg import modelfolder
from seqimg.cli.fields import measuring
from seqimg.training.evaluation import evaluate
from seqimg_classify.config import ClassifyConfig
from seqimg_predict.config import PredictConfig
from tests.classify.clips import task_of, videos
from tests.support.cli import seqimg
from tests.support.together import ended_together


def test_only_what_says_how_a_model_is_measured_is_a_flag_of_eval() -> None:
    assert list(measuring(ClassifyConfig).model_fields) == ["protocol", "views", "crops"]
    assert list(measuring(PredictConfig).model_fields) == [
        "horizon",
        "thresholds",
        "neighbourhood",
        "baselines",
    ]


def test_the_protocol_is_chosen_and_stands_beside_the_figures(tmp_path: Path) -> None:
    task = task_of(
        channels=1, classes=("b", "a"), class_counts=(2, 2), clips=4, frames=3, crop=8, model="convgru"
    )
    modelfolder.save(tmp_path / "model", task, task.build_model().state_dict(), {})
    folder = videos(tmp_path / "set", (2, 1))
    how = ("--model", tmp_path / "model", folder)
    done = seqimg("--json", "classify", "eval", *how, "--views", "2", "--crops", "3")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["protocol"], found["views"], found["crops"], found["clips"]) == ("views", 2, 3, 18)
    assert list(found["overall"]) == ["model", "majority", "average_pool", "last_frame", "shuffled_frames"]
    assert found["overall"]["majority"]["video_top1"] in (1 / 3, 2 / 3)
    assert "Measuring with protocol views, views 2, crops 3." in done.stderr


def test_the_page_of_a_streaming_measurement_shows_whole_sequences(tmp_path: Path) -> None:
    task = task_of(channels=1, classes=("a", "b"), class_counts=(2, 2), clips=4, frames=2, crop=8)
    modelfolder.save(tmp_path / "model", task, task.build_model().state_dict(), {})
    folder = videos(tmp_path / "set", (3, 2), frames=7)
    page = tmp_path / "page.html"
    how = ("--protocol", "streaming", "--part", "all", "-o", page)
    done = seqimg("classify", "eval", "--model", tmp_path / "model", folder, *how)
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "panels of the task" not in text
    assert text.count("from frame 6") == text.count("from frame") == 5  # a sequence has its answer at its end
    assert "confusion" in text.lower()


def test_processes_measure_whole_sequences_with_the_state_carried_through(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (3, 2), frames=7)
    values = {"frames": 2, "protocol": "streaming", "classes": ("a", "b"), "class_counts": (2, 2), "clips": 4}
    task = task_of(channels=1, data=(str(folder),), crop=8, **values)
    torch.manual_seed(0)
    model = task.build_model()

    def figures() -> dict[str, dict[str, float]]:
        with task.datasets("all") as data:
            return {
                who: dict(found)
                for who, found in evaluate(task, model, data.test, batch_size=3).overall.items()
            }

    alone = figures()

    def together(rank: int) -> None:
        found = figures()
        for who, values in alone.items():
            assert found[who] == pytest.approx(values)

    assert ended_together(2, together) == [0, 0]
