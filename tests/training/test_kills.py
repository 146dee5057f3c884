"""Killed anywhere in the whole command, training, evaluation and report: `--resume` finishes it, to the same bits."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqimg.cli.main import main
from tests.support.cli import start
from tests.support.killing import count_changes, in_child, killed_at

pytestmark = pytest.mark.slow
FLAGS = [
    "--size",
    "0",
    "--crop",
    "16",
    "--widths",
    "4",
    "--context",
    "2",
    "--horizon",
    "2",
    "--batch-size",
    "4",
]


def _end(folder: Path) -> tuple[object, ...]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    figures = [(line["step"], line["loss"], line["validation"], line["learning_rate"]) for line in lines]
    report = json.loads((folder / "report.json").read_text())
    return figures, (folder / "model/model.safetensors").read_bytes(), report["overall"]


def _train(source: Path, folder: str) -> None:
    resumed = (
        ["--resume", folder]
        if Path(folder, "config.toml").exists()
        else ["--data", str(source), "-o", folder]
    )
    flags = [] if resumed[0] == "--resume" else [*FLAGS, "--steps", "6", "--validate-every", "2"]
    raise SystemExit(main(["predict", "train", *resumed, *flags, "--quiet"]))


def test_twenty_seeded_kills_all_over_the_command(source: Path) -> None:
    assert in_child(lambda: _train(source, "straight")) == 0
    counted: list[int] = []

    def count() -> None:
        def work() -> None:
            with contextlib.suppress(SystemExit):
                _train(source, "counted")

        Path("count").write_text(str(count_changes(work)))

    assert in_child(count) == 0
    changes = int(Path("count").read_text())
    assert changes > 200
    rng = random.Random(0)
    for number in range(20):
        folder = f"run{number}"
        while not Path(folder, "config.toml").exists():  # killed before it had begun: begun again
            if Path(folder).exists():
                subprocess.run(["rm", "-r", folder], check=True)
            counted.append(rng.randrange(changes))
            killed_at(counted[-1], lambda folder=folder: _train(source, folder))  # type: ignore[misc]
        if not Path(folder, "report.json").exists():
            assert in_child(lambda folder=folder: _train(source, folder)) == 0  # type: ignore[misc]
        assert _end(Path(folder)) == _end(Path("straight")), counted


@pytest.mark.parametrize("workers", ["0", "2"])
def test_kill_9_in_the_middle_of_an_epoch(source: Path, workers: str) -> None:
    """A real command, a real signal, and nobody left behind."""
    words = ["predict", "train", "--data", str(source), *FLAGS, "--steps", "400", "--validate-every", "50"]
    done = subprocess.run(
        [sys.executable, "-m", "seqimg", *words, "-o", "straight"], check=True, capture_output=True
    )
    rng = random.Random(int(workers))
    resumed: list[str] = [*words, "--workers", workers, "--save-every", "7", "-o", "made"]
    for _ in range(3):
        reach = rng.randrange(20, 80)
        with start(*resumed) as process:
            log, before = Path("made/metrics.jsonl"), 0
            while before < reach and process.poll() is None:
                time.sleep(0.01)
                before = log.read_text().count("\n") if log.exists() else 0
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        resumed = ["predict", "train", "--resume", "made", "--save-every", "7", "--workers", workers]
    again = subprocess.run([sys.executable, "-m", "seqimg", *resumed], check=True, capture_output=True)
    assert _end(Path("made")) == _end(Path("straight"))
    prints = [
        line for text in (done.stderr, again.stderr) for line in text.splitlines() if b"Fingerprint" in line
    ]
    assert len(prints) == 2
    assert prints[0] == prints[1]
