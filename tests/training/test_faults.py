"""Signals, full and read-only disks, memory that runs out: what is lost is at most one step, and it is said."""

import json
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seqimg.cli.main import main
from seqimg.errors import SeqimgError
from seqimg.training.checkpoint import newest_checkpoint
from seqimg.training.fit import TrainingInterrupted
from seqimg.training.lock import FolderLock
from seqimg.training.loop import StepReport
from seqimg.training.runs import Run
from seqimg_predict.task import PredictTask
from tests.support.disks import on_a_small_disk, read_only
from tests.support.killing import in_child
from tests.training.conftest import Died, Training, dies_after

Cli = Callable[..., tuple[int, str]]


def _no_warning(text: str) -> None:
    raise AssertionError(text)


def _newest(folder: Path) -> int:
    found = newest_checkpoint(folder / "checkpoints", _no_warning)
    assert found is not None
    return int(found[1].value("step"))


def _logged(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def _signals(number: int, *steps: int) -> Callable[[StepReport], None]:
    def watch(report: StepReport) -> None:
        if report.step in steps:
            os.kill(os.getpid(), number)

    return watch


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_signal_ends_after_the_step_with_a_checkpoint(
    tmp_path: Path, source: Path, number: signal.Signals, workers: int
) -> None:
    before = signal.getsignal(number)
    training = Training(tmp_path / "run", source, workers=workers)
    with pytest.raises(TrainingInterrupted) as caught:
        training(_signals(number, 1))
    assert (caught.value.step, caught.value.number) == (2, number)
    assert _newest(training.folder) == 2
    assert _logged(training.folder) == [1, 2]
    assert signal.getsignal(number) is before


def test_a_second_signal_while_it_saves_leaves_the_checkpoint_before(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(tmp_path / "run", source, save_every=1)
    saved = 0
    original = os.fsync

    def pressed_again(handle: int) -> None:
        nonlocal saved
        saved += 1
        if _logged(training.folder)[-1:] == [3] and saved % 3 == 0:
            os.kill(os.getpid(), signal.SIGINT)
        original(handle)

    monkeypatch.setattr(os, "fsync", pressed_again)
    with pytest.raises(KeyboardInterrupt) as caught:
        training(_signals(signal.SIGINT, 2))
    assert not isinstance(caught.value, TrainingInterrupted)
    monkeypatch.undo()
    assert _newest(training.folder) == 2
    assert not list(training.folder.rglob(".seqimg-next*"))
    Training(tmp_path / "run", source, save_every=1)()
    assert _logged(training.folder) == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], source: Path) -> Cli:
    """`seqimg predict train` on a tiny source, in a forked process or here; returns its end and what it said."""
    flags = ["--size", "0", "--crop", "16", "--widths", "4", "--context", "2", "--horizon", "2"]

    def run(*words: str, within: Callable[[Callable[[], object]], int] = in_child) -> tuple[int, str]:
        capfd.readouterr()
        begun = [] if "--resume" in words else ["--data", str(source), *flags]

        def work() -> None:
            raise SystemExit(main(["predict", "train", *begun, *words]))

        code = within(work)
        return code, capfd.readouterr().err

    return run


def _tidy(said: str) -> list[str]:
    assert "Traceback" not in said
    return said.splitlines()


def test_sigterm_is_143_and_the_hint_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    # In the way that a batch system does it, in the middle of a step.
    original = PredictTask.loss

    def killed(self: PredictTask, *arguments: object) -> object:
        if Path("made/metrics.jsonl").read_text().count("\n") == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(PredictTask, "loss", killed)
        code, said = cli("--steps", "6", "-o", "made")
    assert code == 143
    assert _tidy(said)[-2:] == [
        "Stopped at step 4; the model so far is in made/checkpoints/last",
        "Try: seqimg predict train --resume made",
    ]
    code, said = cli("--resume", "made")
    assert code == 0, said
    assert _logged(Path("made")) == [1, 2, 3, 4, 5, 6]
    assert cli("--steps", "6", "-o", "straight")[0] == 0
    for name in ("model/model.safetensors", "checkpoints/last/state.safetensors"):
        assert (Path("made") / name).read_bytes() == (Path("straight") / name).read_bytes()
    (fingerprint,) = [line for line in said.splitlines() if line.startswith("Fingerprint of the weights: ")]
    assert len(fingerprint.split()[-1]) == 16


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--resume", "nothing"], "there is no such folder"),
        (["--resume", "made", "-o", "other"], "--resume does not go with --output"),
        (["--resume", "made", "--learning-rate", "1"], "another learning_rate: it was 0.001, now 1.0"),
        (["--resume", "made", "--seed", "1"], "another seed"),
    ],
)
def test_what_cannot_go_on_is_refused(cli: Cli, words: list[str], named: str) -> None:
    assert cli("--steps", "2", "-o", "made")[0] == 0
    for report in ("report.json", "report.html"):
        (Path("made") / report).unlink(missing_ok=True)
    code, said = cli(*words)
    assert code in (1, 2)
    assert named in said
    assert len([line for line in _tidy(said)[-3:] if line.startswith("Try: ")]) == 1


def test_a_finished_run_says_so(cli: Cli) -> None:
    assert cli("--steps", "2", "-o", "made")[0] == 0
    code, said = cli("--resume", "made")
    assert code == 1
    assert _tidy(said)[0] == "made is finished"


def test_a_full_disk_stops_with_the_room_needed_and_free(cli: Cli) -> None:
    """The disk has room for one checkpoint and a half, and the best model."""
    flags = ["--steps", "6", "--validate-every", "2", "-o"]
    assert cli(*flags, "whole")[0] == 0
    size = sum(path.stat().st_size for path in Path("whole/checkpoints/last").iterdir())
    best = sum(path.stat().st_size for path in Path("whole/checkpoints/best").iterdir())
    Path("made").mkdir()

    def small(work: Callable[[], object]) -> int:
        def and_look() -> None:
            try:
                work()
            finally:
                os.write(2, f"kept step {_newest(Path('made'))}\n".encode())

        return on_a_small_disk(Path("made"), int(1.5 * size + best + 20_000), and_look)

    code, said = cli(*flags, "made", within=small)
    assert code == 1
    *_, what, why, hint, kept = _tidy(said)
    assert what == "cannot write made/checkpoints/last"
    assert why.startswith("No space left on device (")
    assert " MB needed, " in why
    assert why.endswith(" MB free there)")
    assert hint.startswith("Try: ")
    assert kept == "kept step 2"


@pytest.mark.parametrize("limit", [1_000, 3_000])
def test_a_disk_that_is_full_for_metrics_is_loud(tmp_path: Path, source: Path, limit: int) -> None:
    folder = tmp_path / "run"
    training = Training(folder, source, steps=40, validate_every=100)

    def limit_it(report: StepReport) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    def limited() -> None:
        with pytest.raises(SeqimgError, match=r"cannot write .*metrics.jsonl\nFile too large"):
            training(limit_it)

    assert in_child(limited) == 0
    steps = _logged(folder)  # whole lines only
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) < 40


def test_a_limit_on_files_keeps_the_checkpoint_before(tmp_path: Path, source: Path) -> None:
    training = Training(tmp_path / "run", source, save_every=2)
    with pytest.raises(Died):
        training(dies_after(5))
    kept = _newest(training.folder)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        with pytest.raises(SeqimgError, match=r"cannot write .*checkpoints/last\nFile too large"):
            training()

    assert in_child(limited) == 0
    assert _newest(training.folder) == kept == 4


def test_a_read_only_folder_is_refused_before_the_first_step(cli: Cli) -> None:
    Path("locked").mkdir()
    code, said = cli("-o", "locked/run", within=lambda work: read_only(Path("locked"), work))
    assert code == 1
    assert "cannot start a run in locked/run" in said
    assert "Read-only file system" in said
    assert cli("--steps", "2", "-o", "locked/run")[0] == 0
    for report in ("report.json", "report.html"):
        (Path("locked/run") / report).unlink()
    code, said = cli("--resume", "locked/run", within=lambda work: read_only(Path("locked"), work))
    assert code == 1
    assert "Read-only file system" in said
    assert "step " not in said


def test_memory_that_runs_out_is_one_line(cli: Cli) -> None:
    assert cli("--steps", "2", "-o", "made")[0] == 0

    def scarce(work: Callable[[], object]) -> int:
        def limited() -> None:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * os.sysconf("SC_PAGE_SIZE") + 200_000_000
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            work()

        return in_child(limited)

    large = ["--batch-size", "4000", "--widths", "64", "--patch", "1", "--no-cuts", "-o", "large"]
    code, said = cli(*large, within=scarce)
    assert code == 1
    what, _, hint = _tidy(said)[-3:]
    assert what == "out of memory"
    assert "smaller batch" in hint
    assert not Path("large").exists()
    assert _newest(Path("made")) == 2


def test_two_runs_cannot_share_a_folder(tmp_path: Path, source: Path) -> None:
    training = Training(tmp_path / "run", source)

    def second(report: StepReport) -> None:
        if report.step == 4:
            with pytest.raises(SeqimgError, match=rf"run is in use\nprocess {os.getpid()} writes it"):
                Run.resume(training.folder)
            assert in_child(lambda: _expect_refusal(training.folder)) == 0
            raise Died

    with pytest.raises(Died):
        training(second)
    training()  # the owner is gone


def _expect_refusal(folder: Path) -> None:
    with pytest.raises(SeqimgError, match="in use"):
        Run.resume(folder)


def test_a_lock_ends_with_its_owner_though_its_children_live_on(tmp_path: Path) -> None:
    ready, told = os.pipe()

    def owner() -> None:
        FolderLock(tmp_path)
        owner = os.getpid()
        if not os.fork():
            os.write(told, f"{os.getpid()}\n".encode())
            os.kill(owner, signal.SIGKILL)  # not by the owner: a child that has not run yet holds the lock
        signal.pause()

    assert in_child(owner) == -signal.SIGKILL
    orphan = int(os.read(ready, 100))
    FolderLock(tmp_path).close()
    os.kill(orphan, signal.SIGKILL)
    os.close(ready), os.close(told)


def test_a_process_that_prepares_clips_and_is_killed_is_named(tmp_path: Path, source: Path) -> None:
    import multiprocessing

    training = Training(tmp_path / "run", source, steps=12, save_every=1, workers=1)

    def kill(report: StepReport) -> None:
        if report.step == 3:
            (worker,) = [
                child for child in multiprocessing.active_children() if "Loader" in str(child) or child.daemon
            ]
            os.kill(worker.pid or 0, signal.SIGKILL)

    def named() -> None:  # not here: torch raises at any point of the process
        with pytest.raises(SeqimgError, match="a process that prepares clips was ended"):
            training(kill)

    assert in_child(named) == 0
    assert _newest(training.folder) >= 2
    straight = Training(tmp_path / "straight", source, steps=12)
    assert training().fingerprint == straight().fingerprint  # no clip was lost or seen twice


class _Steep(PredictTask):
    """Its loss is finite and its gradient is not, from the third step on."""

    calls = 0

    def loss(self, outputs, batch):  # type: ignore[no-untyped-def]
        losses = super().loss(outputs, batch)
        type(self).calls += 1
        total = losses.total
        if type(self).calls > 2:
            total = total + (total - total.detach()).sqrt()  # the slope of a root at 0
        return type(losses)(total, losses.parts)


def test_a_gradient_that_is_not_finite_stops_before_the_update(tmp_path: Path, source: Path) -> None:
    _Steep.calls = 0
    training = Training(tmp_path / "run", source, _Steep, save_every=1)
    with pytest.raises(SeqimgError, match=r"the gradient is not finite at step 3\n.*frames.npy from frame"):
        training()
    found = newest_checkpoint(training.folder / "checkpoints", _no_warning)
    assert found is not None
    assert found[1].value("step") == 2
    assert all(
        torch.isfinite(tensor).all() for tensor in found[1].tensors.values() if tensor.is_floating_point()
    )
