"""`seqimg demo`, small: what it writes, and what it never replaces."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import Result, assert_refused, contents

Cli = Callable[..., Result]


@pytest.mark.slow
def test_it_writes_all_there_is_to_see_and_replaces_only_itself(cli: Cli) -> None:
    done = cli("demo", "--steps", "2", "--json")
    assert done.returncode == 0, done.stderr
    folder = Path("runs/demo")
    assert {"metrics.json", "prediction.gif", "strip.png", "report.html", "model"} <= set(contents(folder))
    assert list(contents(Path("runs"))) == ["demo", *(f"demo/{name}" for name in contents(folder))]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["heldout"]) == {"model", "copy_last", "mean_frame", "linear", "flow"}
    assert json.loads(done.stdout)["heldout"] == metrics["heldout"]
    assert done.stderr.splitlines()[-2:] == [
        "Saved runs/demo/report.html",
        "Try: seqimg predict train --data YOUR_VIDEO.mp4",
    ]
    again = cli("demo", "--steps", "2", "--json", "--seed", "1")
    assert again.returncode == 0, again.stderr
    assert json.loads((folder / "metrics.json").read_text())["seed"] == 1


def test_a_folder_that_is_no_demo_is_left_alone(cli: Cli) -> None:
    run = Path("runs/predict/mine")
    run.mkdir(parents=True)
    (run / "environment.json").write_text("{}")
    assert_refused(cli("demo", "-o", run, "--quiet"), 1, "is no demo", "Try: -o another/folder")
    assert [path.name for path in run.iterdir()] == ["environment.json"]
