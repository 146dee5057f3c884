"""What the loop can be told: how long, in which parts, how fast, when to look, when to end."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqimg.data import Datasets
from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.training.loop import StepReport, Trainer
from seqimg.training.schedule import Schedule, learning_rate_factor, momentum
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.training.conftest import TINY


def _reports(source: Path, **changes: object) -> list[StepReport]:
    return _trainer(source, **changes).train().history


def _trainer(source: Path, **changes: object) -> Trainer:
    task = PredictTask(PredictConfig(**{**TINY, "data": (str(source),), **changes}))  # type: ignore[arg-type]
    data: Datasets = task.datasets()
    return Trainer(task.settled(data), data, lambda report: None)


def test_parts_of_a_batch_make_the_same_step(source: Path) -> None:
    whole = _reports(source, batch_size=5)
    for parts in (2, 3, 5):
        for one, other in zip(whole, _reports(source, batch_size=5, accumulate=parts), strict=True):
            assert other.loss == pytest.approx(one.loss, rel=1e-5)
            assert other.gradient_norm == pytest.approx(one.gradient_norm, rel=1e-3)


def test_epochs_are_counted_in_clips(source: Path) -> None:
    trainer = _trainer(source, epochs=2.5, validate_epochs=1)
    clips = len(trainer.data.train)
    reports = trainer.train().history
    assert len(reports) == round(2.5 * clips / 4)
    assert reports[-1].epoch == pytest.approx(2.5, abs=0.1)
    validated = [report.step for report in reports if report.validation]
    every = round(clips / 4)
    assert validated == [every, 2 * every, len(reports)]
    assert reports[-1].learning_rate < 0.1 * max(
        report.learning_rate for report in reports
    )  # sized to the run


def test_patience_ends_a_run_that_gets_no_better(source: Path) -> None:
    trainer = _trainer(source, steps=60, validate_every=1, patience=3, learning_rate=0.3, average=0)
    trained = trainer.train()
    assert trained.steps == trained.best_step + 3 < 60
    with pytest.raises(UsageError, match="--patience 3 has nothing to wait for"):
        _trainer(source, patience=3, validation=0)


@given(
    steps=st.integers(2, 60),
    warmup=st.floats(0, 0.9),
    schedule=st.sampled_from(["cosine", "onecycle", "constant"]),
)
def test_every_schedule_rises_once_and_stays_within_bounds(
    steps: int, warmup: float, schedule: Schedule
) -> None:
    rates = [learning_rate_factor((step + 0.5) / steps, warmup, schedule) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    falls = [later < earlier for earlier, later in pairwise(rates)]
    assert falls == sorted(falls)
    if schedule == "constant":
        assert not any(falls)


def test_onecycle_is_torchs(source: Path) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=101)
    for step in range(100):
        # Theirs has its peak at step 0.3 * 101 - 1.
        progress = step / 29.3 * 0.3 if step <= 29.3 else 0.3 + (step - 29.3) / 70.7 * 0.7
        mine = learning_rate_factor(progress, 0.3, "onecycle")
        assert mine == pytest.approx(theirs.get_last_lr()[0], rel=1e-3, abs=1e-6)
        beta = optimizer.param_groups[0]["betas"][0]
        assert momentum(progress, 0.3, "onecycle") == pytest.approx(beta, abs=1e-4)
        optimizer.step()
        theirs.step()


def test_bf16_trains_and_fp16_needs_a_gpu(source: Path) -> None:
    reports = _reports(source, precision="bf16")
    assert len(reports) == 6
    assert reports[0].loss == pytest.approx(_reports(source)[0].loss, rel=0.05)
    if not torch.cuda.is_available():
        with pytest.raises(UnavailableError, match="fp16 needs a GPU"):
            _trainer(source, precision="fp16")


def test_more_parts_than_clips_are_refused(source: Path) -> None:
    with pytest.raises(UsageError, match="--batch-size 4 is too small for --accumulate 5"):
        _trainer(source, accumulate=5)


def test_what_cannot_be_compiled_is_said_to_be(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import BackendCompilerFailed

    def fail(*_: object, **__: object) -> None:
        raise BackendCompilerFailed("inductor", RuntimeError("no C++ compiler"), None)

    monkeypatch.setattr(PredictTask, "forward", fail)
    monkeypatch.setattr("torch.nn.Module.compile", lambda module: None)
    with pytest.raises(UnavailableError, match="--compile: torch cannot compile this model here"):
        _trainer(source, compile=True).train()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch by torch
def test_a_compiled_model_learns_the_same(source: Path) -> None:
    plain, compiled = _reports(source), _reports(source, compile=True)
    assert [report.loss for report in compiled] == pytest.approx([report.loss for report in plain], rel=1e-3)


def test_the_test_part_is_not_touched(source: Path) -> None:
    trainer = _trainer(source)

    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    from dataclasses import replace

    trainer.data = replace(trainer.data, test=Untouchable())  # type: ignore[arg-type]
    assert trainer.train().steps == 6


def test_a_clip_that_cannot_be_read_is_one_error_whoever_reads_it(source: Path) -> None:
    for workers in (0, 1):
        trainer = _trainer(source, workers=workers)

        class Damaged:
            def __len__(self) -> int:
                return 8

            def __getitem__(self, index: int) -> object:
                raise SeqimgError("frame 7 is gone", why="the disk says so", hint="another disk")

        from dataclasses import replace

        trainer.data = replace(trainer.data, train=Damaged())  # type: ignore[arg-type]
        with pytest.raises(SeqimgError) as caught:
            trainer.train()
        assert str(caught.value) == "frame 7 is gone\nthe disk says so\nTry: another disk"
