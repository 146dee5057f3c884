"""Ctrl-C: exit code 130, no traceback, and what was done is kept or taken back whole."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqimg import modelfolder
from seqimg.interrupts import PRESSED
from seqimg.testing import run_command
from tests.support.cli import contents, start

# A shell sees 130 either way: Python may choose to end by the signal itself.
INTERRUPTED = (130, -signal.SIGINT)


def _stopped(ready: Callable[[int], bool], *arguments: str | Path) -> str:
    """Start a command, press Ctrl-C once `ready`, asked with its process number, and return what it said.

    As from a terminal, all processes of the command are interrupted.
    """
    deadline = time.monotonic() + 240
    with start(*arguments) as process:
        while not ready(process.pid):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode in INTERRUPTED, said
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "Interrupted."
    return said


def _lines(path: Path, least: int) -> Callable[[int], bool]:
    return lambda pid: path.exists() and len(path.read_text().splitlines()) >= least


@pytest.mark.parametrize("workers", ["0", "1"])
def test_training_leaves_a_checkpoint_that_loads(media: Path, tiny: list[str], workers: str) -> None:
    run = Path("made")
    flags = [*tiny, "--steps", "1000000", "--validate-every", "1000000", "--workers", workers, "-o", "made"]
    said = _stopped(_lines(run / "metrics.jsonl", 3), "predict", "train", media / "good.mp4", *flags)
    checkpoint = run / "checkpoints" / "last"
    assert f"the model so far is in {checkpoint}" in said
    loaded = modelfolder.load(checkpoint, task="predict")
    steps = len((run / "metrics.jsonl").read_text().splitlines())
    assert loaded.training["steps"] == steps >= 3
    assert not (run / "model").exists()


def test_before_the_first_step_nothing_is_left(media: Path, tiny: list[str]) -> None:
    _stopped(lambda pid: Path("runs").exists(), "predict", "train", media / "good.mp4", *tiny)
    assert contents(Path.cwd()) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("library", ["_multiarray_umath", "libtorch_python"])
def test_while_it_loads(media: Path, tiny: list[str], library: str) -> None:
    def loads(pid: int) -> bool:
        return library in Path(f"/proc/{pid}/maps").read_text()

    _stopped(loads, "predict", "train", media / "good.mp4", *tiny)
    assert contents(Path.cwd()) == {}


def test_run_leaves_no_half_a_result(media: Path, model: Path) -> None:
    flags = ["--model", model, "--horizon", "10000", "-o", "out/predicted.mp4"]
    _stopped(lambda pid: any(Path("out").glob(".seqimg-*")), "predict", "run", media / "good.mp4", *flags)
    assert contents(Path.cwd()) == {"out": ""}


def test_an_interrupted_demo_leaves_the_one_before() -> None:
    before = Path("runs/demo")
    before.mkdir(parents=True)
    for name in ("metrics.json", "prediction.gif", "strip.png", "report.html"):
        (before / name).write_text("of before")
    kept = contents(Path.cwd())

    def trains(pid: int) -> bool:
        return any(_lines(path, 1)(pid) for path in Path("runs").glob(".seqimg-*/metrics.jsonl"))

    _stopped(trains, "demo", "--steps", "1000000", "--minutes", "0")
    assert contents(Path.cwd()) == kept


@pytest.mark.parametrize("work", ["train", "run"])
def test_a_lost_interrupt_is_heeded_before_long_work(
    media: Path, model: Path, tiny: list[str], work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of an import the exception may be lost; here it is before there was anything to lose."""
    with monkeypatch.context() as patched:
        patched.setattr(PRESSED, "clear", lambda: None)
        PRESSED.set()
        given = {"train": tiny, "run": ["--model", str(model)]}
        found = run_command("predict", work, media / "good.mp4", *given[work])
    PRESSED.clear()
    assert found.code == 130
    assert contents(Path.cwd()) == {}
