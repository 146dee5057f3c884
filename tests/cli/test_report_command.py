"""`seqimg report`: where it writes, what it says, what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import Result, assert_refused
from tests.support.runs import make_run

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs."""
    folder = tmp_path_factory.mktemp("made")
    make_run(folder / "one")
    make_run(folder / "two", seed=1)
    return folder


def test_the_report_of_a_run_takes_the_place_of_the_old_one(cli: Cli, runs: Path) -> None:
    run = runs / "one" / "run"
    (run / "report.html").write_text("old")
    done = cli("report", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("mse ")
    assert done.stderr.splitlines()[-2:] == [f"Saved {run}/report.html", f"Try: seqimg runs show {run}"]
    assert "</html>" in (run / "report.html").read_text()


def test_two_runs_are_compared_here_and_nothing_is_replaced_unasked(cli: Cli, runs: Path) -> None:
    both = [runs / "one" / "run", runs / "two" / "run"]
    done = cli("report", *both, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["report"] == "compared.html"
    assert_refused(cli("report", *both, "--quiet"), 1, "compared.html exists already", "--overwrite")
    assert cli("report", *both, "--overwrite", "--quiet").returncode == 0
    assert cli("report", both[0], "-o", "a/b.html", "--quiet").returncode == 0
    assert_refused(cli("report", both[0], "-o", "a/b.html", "--quiet"), 1, "exists already")


def test_what_cannot_be_done_is_said_in_a_line(cli: Cli, runs: Path) -> None:
    run = runs / "one" / "run"
    assert_refused(cli("report", "runs/nothing"), 1, "there is no run 'runs/nothing'")
    assert_refused(cli("report", run, run), 1, "cannot be compared with itself")
    assert_refused(cli("report", run, run, run), 2, "3 runs are too many", "seqimg runs compare")
    assert_refused(cli("report", run, "-o", "page.pdf"), 2, "cannot write page.pdf", "-o page.html")
    assert_refused(cli("report"), 2)
