"""A run's folder: there as soon as there is something in it, and only then."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from seqimg.errors import SeqimgError
from seqimg.training.loop import StepReport
from seqimg.training.runs import Run
from tests.support.cli import contents

STEP = StepReport(
    step=1, steps=2, loss=0.5, parts={}, learning_rate=0.1, frames_per_second=9.0, data_share=0.0
)


def _fail(run: Run, before: Callable[[Run], object] = lambda run: None) -> None:
    """Use a run as a command that breaks off does."""
    with suppress(KeyboardInterrupt), run:
        before(run)
        raise KeyboardInterrupt


def test_a_run_without_a_step_leaves_nothing() -> None:
    _fail(Run.new("predict", Path("runs")))
    assert contents(Path.cwd()) == {}


def test_what_was_there_before_stays() -> None:
    empty, base = Path("given"), Path("runs/predict")
    empty.mkdir()
    base.mkdir(parents=True)
    (base / "note").write_text("mine")
    before = contents(Path.cwd())
    _fail(Run(empty), lambda run: (run.folder / "samples").mkdir())
    _fail(Run.new("predict", Path("runs")))
    assert contents(Path.cwd()) == before


def test_after_a_step_everything_stays_and_latest_points_there() -> None:
    run = Run.new("predict", Path("runs"))
    assert not Path("runs/latest").is_symlink()
    _fail(run, lambda run: run.log(STEP))
    assert (run.folder / "metrics.jsonl").read_text().count("\n") == 1
    assert Path("runs/latest").resolve() == run.folder.resolve()
    with Run.new("predict", Path("runs")) as second:
        second.log(STEP)
    assert second.folder != run.folder
    assert Path("runs/latest").resolve() == second.folder.resolve()


@pytest.mark.parametrize("name", ["folder with a file", "file"])
def test_nothing_is_overwritten(name: str) -> None:
    path = Path(name)
    if name == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "precious").write_text("mine")
    before = contents(Path.cwd())
    with pytest.raises(SeqimgError, match="exists already"):
        Run(path)
    assert contents(Path.cwd()) == before


def test_something_else_called_latest_is_in_the_way() -> None:
    Path("runs/latest").mkdir(parents=True)
    with pytest.raises(SeqimgError, match="in the way"):
        Run.new("predict", Path("runs"))
    assert contents(Path.cwd()) == {"runs": "", "runs/latest": ""}
