"""Broken off and killed, a classifier ends as if nothing had happened too: what holds for runs holds for any task."""

import json
import os
import signal
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from seqimg.training.fit import TrainingInterrupted
from seqimg.training.loop import StepReport
from seqimg_classify.task import ClassifyTask
from tests.support.killing import count_changes, killed_at
from tests.training.conftest import Died, Training, dies_after


class _Rows(Training):
    """A tiny training of rows of pictures, with all that it draws at random."""

    tiny: ClassVar[dict[str, object]] = {
        "model": "rows",
        "units": 4,
        "frames": 2,
        "batch_size": 4,
        "steps": 6,
        "validate_every": 3,
        "dropout": 0.3,
        "mixup": 0.4,
        "picture": (8, 8),
        "split": "balanced",
        "validation": 0.25,
        "holdout": 0.25,
    }

    def __init__(self, folder: Path, source: Path, **changes: object) -> None:
        super().__init__(folder, source, ClassifyTask, **changes)


def _end(folder: Path) -> tuple[object, ...]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    figures = [(line["step"], line["loss"], line["validation"], line["learning_rate"]) for line in lines]
    return figures, (folder / "model/model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of eight sequences."""
    folder = tmp_path_factory.mktemp("classes") / "data"
    random_ = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 200)):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            frames = random_.normal(level, 30, (3, 8, 8, 1)).clip(0, 255).astype(np.uint8)
            np.save(folder / name / f"{number}.npy", frames)
    return folder


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, classes: Path) -> tuple[object, ...]:
    training = _Rows(tmp_path_factory.mktemp("straight") / "run", classes)
    training()
    return _end(training.folder)


@pytest.mark.parametrize("save_every", [0, 1])
def test_broken_off_after_any_step(
    tmp_path: Path, classes: Path, straight: tuple[object, ...], save_every: int
) -> None:
    training = _Rows(tmp_path / "run", classes, save_every=save_every)
    for step in range(1, 7):
        with pytest.raises(Died):
            training(dies_after(step))
    training()
    assert _end(training.folder) == straight
    assert training.warnings == []


def test_killed_at_places_all_over_a_run(tmp_path: Path, classes: Path, straight: tuple[object, ...]) -> None:
    _kill_again_and_again(_Rows(tmp_path / "run", classes, save_every=2), straight, range(11, 400, 97))


@pytest.mark.slow
@pytest.mark.parametrize("share", range(6))
def test_killed_at_every_change_of_a_run(
    tmp_path: Path, classes: Path, straight: tuple[object, ...], share: int
) -> None:
    changes = count_changes(_Rows(tmp_path / "counted", classes, save_every=2))
    assert changes > 150
    for number in range(share, changes, 6):
        _kill_again_and_again(
            _Rows(tmp_path / str(number), classes, save_every=2), straight, range(number, number + 1)
        )


def _kill_again_and_again(training: _Rows, expected: tuple[object, ...], places: range) -> None:
    for place in places:
        if not killed_at(place, training):
            break
    else:
        training()
    assert _end(training.folder) == expected
    assert not list(training.folder.rglob(".seqimg-*"))
    assert training.warnings == []


def test_sigterm_ends_after_the_step(tmp_path: Path, classes: Path, straight: tuple[object, ...]) -> None:
    training = _Rows(tmp_path / "run", classes, workers=1)

    def stop(report: StepReport) -> None:
        if report.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(TrainingInterrupted):
        training(stop)
    training()
    assert _end(training.folder) == straight
