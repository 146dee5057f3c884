"""What a run remembers of where it ran: the state of one's own code, the device, the kernels."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqimg.training.runs import Run
from seqimg.training.surroundings import environment, git_state
from tests.support.cli import Result

Cli = Callable[..., Result]


def _git(*words: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


def test_the_state_of_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    assert git_state(here) is None
    _git("init", "--quiet")
    assert git_state(here) is None, "there is no commit yet"
    Path("code.py").write_text("1\n")
    _git("add", ".")
    _git("commit", "--quiet", "-m", "First.")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    Path("runs").mkdir()
    Path("runs/made").touch()
    assert git_state(here / "runs") == {"commit": head, "dirty": False}
    Path("code.py").write_text("2\n")
    assert git_state(here) == {"commit": head, "dirty": True}
    monkeypatch.setenv("PATH", "")
    assert git_state(here) is None, "there is no git"


def test_a_repository_is_asked_and_not_run() -> None:
    _git("init", "--quiet")
    Path("code.py").write_text("1\n")
    _git("add", ".")
    _git("commit", "--quiet", "-m", "First.")
    Path("spy").write_text("#!/bin/sh\ntouch ran\n")
    Path("spy").chmod(0o755)
    _git("config", "core.fsmonitor", "./spy")
    assert git_state(Path.cwd()) is not None
    assert not Path("ran").exists()


def test_a_run_knows_its_code_device_and_kernels(cli: Cli, media: Path, tiny: list[str]) -> None:
    _git("init", "--quiet")
    Path("code.py").write_text("1\n")
    _git("add", ".")
    _git("commit", "--quiet", "-m", "First.")
    trained = cli("predict", "train", media / "good.mp4", *tiny, "-o", "made")
    assert trained.returncode == 0, trained.stderr
    kept = json.loads(Path("made/environment.json").read_text())
    assert kept["git"].keys() == {"commit", "dirty"}
    assert kept["device"] == "cpu"
    (sentence,) = [line for line in trained.stderr.splitlines() if line.startswith("Kernel for ")]
    for name, kernel in kept["kernels"].items():
        assert f"{name}: {kernel}" in sentence
    page = Path("made/report.html").read_text(encoding="utf-8")
    assert kept["git"]["commit"] in page


def test_other_kernels_than_a_run_began_with_are_told(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run:
        assert run.note(device="cpu", kernels={"conv_gru": "fused"}) == {}
        before = (run.folder / "environment.json").read_bytes()
        assert run.note(device="cpu", kernels={"conv_gru": "fused"}) == {}
        assert (run.folder / "environment.json").read_bytes() == before
        assert run.note(kernels={"conv_gru": "reference"}) == {"kernels": {"conv_gru": "fused"}}
        assert json.loads((run.folder / "environment.json").read_text())["device"] == "cpu"
        (run.folder / "environment.json").write_text("{damaged")
        assert run.note(device="cpu") == {}


def test_the_command_is_one_that_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/seqimg/__main__.py", "predict", "train"])
    assert environment()["command"] == ["seqimg", "predict", "train"]
