"""`seqimg runs`: what is listed, shown and compared, and what damage does to it."""

import fcntl
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from seqimg.training.records import read_run
from tests.support.cli import Result, assert_refused

Cli = Callable[..., Result]


def _run(name: str, *, steps: int = 40, seed: int = 0, finished: bool = True, task: str = "predict") -> Path:
    """Write a run folder as training does."""
    folder = Path("runs") / task / name
    (folder / "model").mkdir(parents=True)
    if finished:
        (folder / "model" / "config.json").write_text("{}")
    (folder / "config.toml").write_text(
        f'[{task}]\nseed = {seed}  # flag\nlearning_rate = 0.002  # default\ndata = ["a # b.mp4"]  # my.toml\n'
    )
    started = f"2026-01-0{seed + 1}T10:00:00+00:00"
    (folder / "environment.json").write_text(json.dumps({"seqimg": "0.1.0", "started": started}))
    lines = [
        {
            "step": step,
            "steps": steps,
            "loss": 1 / step,
            "frames_per_second": 100.0,
            "data_share": 0.25,
            "validation": {"mse": abs(step - 20) / 100 + 0.01, "mae": 0.5} if step % 10 == 0 else None,
            "best_step": min(step // 10, 2) * 10,
        }
        for step in range(1, steps + 1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_runs_are_listed_oldest_first_and_the_link_is_no_second_run(cli: Cli) -> None:
    _run("b", seed=0)
    latest = _run("a", seed=1, finished=False)
    (Path("runs") / "latest").symlink_to(latest.relative_to("runs"), target_is_directory=True)
    done = cli("runs", "list")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[:4] for row in rows] == [
        ["runs/predict/b", "predict", "finished", "40/40"],
        ["runs/predict/a", "predict", "unfinished", "40/40"],
    ]
    assert "mse 0.01 at step 20" in done.stdout
    assert done.stderr == "Try: seqimg runs show runs/predict/a\n"


def test_a_run_that_goes_on_is_running_until_its_process_ends(cli: Cli) -> None:
    folder = _run("now", finished=False)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shown = cli("runs", "show", "now")
        assert json.loads(cli("runs", "list", "--json").stdout)["runs"][0]["state"] == "running"
    assert "Try:" not in shown.stderr
    done = cli("runs", "show", "now")
    assert "unfinished" in done.stdout
    assert done.stderr == f"Try: seqimg predict train --resume {folder}\n"


def test_damaged_and_foreign_folders_are_named_and_stop_nothing(cli: Cli) -> None:
    _run("good")
    cut = _run("cut", seed=1, finished=False)
    content = (cut / "metrics.jsonl").read_bytes()
    (cut / "metrics.jsonl").write_bytes(content[:-9])  # killed while it wrote
    for number, (file, text) in enumerate(
        [
            ("metrics.jsonl", '{"step": 1, "loss": NaN}\n'),
            ("metrics.jsonl", "[" * 100_000 + "\n"),
            ("metrics.jsonl", '{"step": 1, "loss": 1, "validation": [1]}\n'),
            ("config.toml", "a = " + "[" * 10_000),
            ("config.toml", "\0"),
            ("environment.json", '{"a": 1e999}'),
        ]
    ):
        (_run(f"bad{number}", seed=2) / file).write_text(text)
    (Path("runs/predict/bad7")).mkdir()
    (Path("runs/predict/bad7/metrics.jsonl")).write_bytes(b"\xff\xfe\n")
    Path("runs/holiday pictures").mkdir()
    done = cli("runs", "list", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    states = {Path(run["run"]).name: run["state"] for run in found["runs"]}
    assert states == {"good": "finished", "cut": "unfinished"} | {
        f"bad{n}": "damaged" for n in (0, 1, 2, 3, 4, 5, 7)
    }
    assert {run["steps"] for run in found["runs"] if run["state"] == "unfinished"} == {39}
    assert found["no_runs"] == ["runs/holiday pictures"]
    warnings = [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == 6 + 3 + 1, done.stderr
    assert "metrics.jsonl cannot be read: line 1: NaN is no number of JSON" in done.stderr
    assert "Traceback" not in done.stderr


def test_show_names_the_source_of_each_value(cli: Cli) -> None:
    folder = _run("mine", seed=3)
    (folder / "report.html").touch()
    done = cli("runs", "show", "mine")
    assert done.returncode == 0, done.stderr
    assert "seed = 3  (flag)" in done.stdout
    assert "data = a # b.mp4  (my.toml)" in done.stdout
    assert "learning_rate" not in done.stdout
    assert done.stderr.splitlines()[0] == f"Open {folder / 'report.html'}"
    whole = json.loads(cli("runs", "show", folder, "--json").stdout)
    assert whole["config"]["learning_rate"] == {"value": 0.002, "source": "default"}
    assert (whole["best_step"], whole["data_share"]) == (20, 0.25)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_compare_tells_and_draws_what_differs(cli: Cli, kind: str) -> None:
    _run("one", seed=0)
    _run("two", seed=1, steps=30)
    done = cli("runs", "compare", "one", "predict/two", "--plot", f"both.{kind}")
    assert done.returncode == 0, done.stderr
    rows = {line[:15].strip(): line[15:].split() for line in done.stdout.splitlines()}
    assert rows["steps"] == ["40/40", "30/30"]
    assert rows["seed"] == ["0", "1"]
    assert "learning_rate" not in done.stdout
    if kind == "png":
        with Image.open("both.png") as picture:
            assert picture.width > 2 * picture.height
            assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 20
    else:
        assert "<svg" in Path("both.svg").read_text()
    assert_refused(
        cli("runs", "compare", "one", "two", "--plot", f"both.{kind}", "--quiet"), 1, "--overwrite"
    )


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("list", "none"), 1, "none"),
        (("show", "onne"), 1, "did you mean one?"),
        (("show",), 1, "latest"),
        (("show", "runs"), 1, "no run folder"),
        (("compare", "one"), 2, "nothing to compare"),
        (("compare", "one", "one", "--plot", "a.pdf"), 2, ".png or .svg"),
    ],
)
def test_what_cannot_be_is_refused_in_three_lines(
    cli: Cli, words: tuple[str, ...], code: int, named: str
) -> None:
    _run("one")
    assert_refused(cli("runs", *words), code, named)


def test_long_runs_take_no_more_memory(tmp_path: Path) -> None:
    record = read_run(_run("long", steps=20_000))
    assert len(record.loss.points) <= 2000
    assert record.loss.points[0] == (1, 1.0)
    assert record.loss.last == (20_000, 1 / 20_000)
    steps = [step for step, _ in record.loss.points]
    assert len({after - before for before, after in pairwise(steps)}) == 1
