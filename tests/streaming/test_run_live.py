"""`seqimg TASK run` in real time, as people see it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seqimg import modelfolder, open_sequence, save_sequence
from seqimg.cli.main import main
from seqimg.plugins.manager import plugin_host
from tests.support.cli import start

_MODELS: dict[str, dict[str, object]] = {
    "predict": {"channels": 3, "widths": (4,), "context": 3, "horizon": 2},
    "classify": {"channels": 3, "widths": (4,), "classes": ("a", "b")},
    "detect": {"channels": 3, "widths": (4, 6, 8), "memory": 6, "classes": ("a", "b")},
}
_SILENT = (
    "seqimg.training",
    "seqimg.testing",
    "seqimg.cli.train",
    "torchmetrics",
    "matplotlib",
    "accelerate",
)
_SILENT += (
    "pycocotools",
    "jinja2",
    "skimage",
    "pandas",
    "starlette",
    "rich.progress",
    "torch._dynamo",
    "sympy",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each task and a clip."""
    folder, tasks = tmp_path_factory.mktemp("place"), plugin_host().tasks
    for name, options in _MODELS.items():
        torch.manual_seed(0)
        task = tasks.load(name)(tasks.load(name, "config")(**options))
        modelfolder.save(folder / name, task, task.build_model().state_dict(), {})
    ground = np.random.default_rng(0).integers(0, 256, (32, 120, 3), dtype=np.uint8)
    save_sequence((ground[:, at : at + 32] for at in range(60)), folder / "clip.mp4", fps=50)
    save_sequence((ground[:, at : at + 32] for at in range(80)), folder / "long.mp4", fps=4)
    return folder


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def test_a_file_is_played_as_a_camera(place: Path, cli: Callable[..., tuple[int, str, str]]) -> None:
    begun = time.perf_counter()
    code, out, err = cli("--json", "detect", "run", place / "clip.mp4", "--model", place / "detect", "--live")
    assert code == 0, err
    assert time.perf_counter() - begun > 59 / 50
    assert "Live at its own speed: only the newest frame waits" in err
    assert "were left out" in err
    summary = json.loads(out.splitlines()[-1])
    timing = summary["timing"]
    assert timing["frames_in"] == 60 == timing["frames_answered"] + timing["frames_dropped"]
    assert summary["frames_read"] == timing["frames_answered"]
    with open_sequence("clip.detect.mp4") as written:
        # Time stays true: as many pictures as there were frames, but for those at the end.
        assert abs(sum(1 for _ in written) - 60) <= 15
    assert json.loads(Path("clip.detect.json").read_text())["timing"]["frames_in"] == 60


def test_a_task_is_told_that_it_is_live(place: Path, cli: Callable[..., tuple[int, str, str]]) -> None:
    words = ("predict", "run", place / "clip.mp4", "--model", place / "predict", "--live", "-o", "out.csv")
    code, out, err = cli("--json", *words)
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["options"]["rolling"] is True
    assert Path("out.csv").read_text().startswith("frame,time,lead")


def test_every_frame_of_a_file_is_answered_and_timed(
    place: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = cli("--json", "classify", "run", place / "clip.mp4", "--model", place / "classify")
    assert code == 0, err
    timing = json.loads(out.splitlines()[-1])["timing"]
    assert (timing["frames_in"], timing["frames_answered"], timing["frames_dropped"]) == (60, 60, 0)
    assert timing["source_fps"] == 50
    assert list(timing["stages"]) == ["decode", "preprocess", "model", "postprocess", "encode"]
    table = err[err.index("Milliseconds a frame") :].splitlines()
    assert [line.split()[0] for line in table[1:6]] == list(timing["stages"])
    assert table[6].startswith("60 frames came, 60 were answered at ")


def test_what_means_nothing_is_refused(place: Path, cli: Callable[..., tuple[int, str, str]]) -> None:
    model = ("--model", place / "detect")
    code, _, err = cli("detect", "run", place / "clip.mp4", *model, "--max-latency", "1")
    assert code == 2
    assert "--live" in err
    code, _, err = cli("detect", "run", place, *model, "--each", "--live")
    assert code == 2
    assert "--live means nothing" in err
    code, _, err = cli("detect", "run", place / "clip.mp4", *model, "--live", "--max-latency", "0")
    assert code == 2


@pytest.mark.parametrize(("task", "has"), [("predict", True), ("classify", False), ("detect", False)])
def test_tasks_with_an_option_of_their_own_get_no_other(
    task: str, has: bool, cli: Callable[..., tuple[int, str, str]]
) -> None:
    _, out, _ = cli(task, "run", "--help")
    assert ("--reset-on-cut" in out) == has
    assert "--live" in out


def test_ctrl_c_ends_what_is_live_and_keeps_it(place: Path) -> None:
    words = ("classify", "run", place / "long.mp4", "--model", place / "classify", "--live", "-o", "out.mp4")
    with start(*words) as process:
        deadline = time.monotonic() + 120
        while not list(Path().glob(".seqimg-*.mp4")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT), said
    assert "Stopping; once more to give up what was done." in said
    assert said.splitlines()[-1] == "Interrupted."
    with open_sequence("out.mp4") as written:
        assert 1 <= sum(1 for _ in written) < 70
    assert [path.name for path in Path().iterdir()] == ["out.mp4"]


def test_run_loads_nothing_that_it_does_not_need(place: Path) -> None:
    """Measuring, plotting and training are for others, and take their time."""
    runs = [
        [name, "run", str(place / "clip.mp4"), "--model", str(place / name), "-o", f"{name}.mp4"]
        for name in _MODELS
    ]
    program = (
        "import json, sys\n"
        "from seqimg.cli.main import main\n"
        f"for words in {runs!r}:\n"
        "    assert main(words) == 0\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    found = [
        name for name in loaded if any(name == heavy or name.startswith(f"{heavy}.") for heavy in _SILENT)
    ]
    assert found == []
