"""Several processes learn what one would, measure what one would, and end together."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from seqimg.errors import SeqimgError
from seqimg.training import processes
from seqimg.training.evaluation import evaluate
from seqimg.training.loop import StepReport
from seqimg.training.order import Order
from seqimg.training.runs import Run
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.support.killing import in_child
from tests.support.together import ended_together
from tests.training.conftest import TINY, RandomTask, Training

Told = dict[str, object]


def _lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


class _Together(Training):
    """A training in several processes: the first writes, the others follow."""

    def __call__(self, watch: Callable[[StepReport], None] = lambda report: None) -> object:
        if processes.is_main():
            return super().__call__(watch)
        from seqimg.training.fit import fit

        task = self.task(self.config)
        resumed = os.environ.get("RESUMED") == "1"
        with task.datasets() as data:
            follow = Run.follow(self.folder, resumed=resumed)
            return fit(task.settled(data), data, follow, watch)


@pytest.mark.parametrize(
    "changes", [{}, {"batch_size": 5, "accumulate": 2}], ids=["even", "uneven, in parts"]
)
def test_two_processes_learn_what_one_does(tmp_path: Path, source: Path, changes: Told) -> None:
    """The loss over 20 steps, the weights, and the metrics of validation."""
    changes = {"steps": 20, "validate_every": 10, **changes}
    alone = Training(tmp_path / "alone", source, **{**changes, "accumulate": 1})
    alone()
    together = _Together(tmp_path / "together", source, **changes)
    assert ended_together(2, lambda rank: together()) == [0, 0]
    one, two = _lines(alone.folder), _lines(together.folder)
    assert len(one) == len(two) == 20
    for mine, theirs in zip(one, two, strict=True):
        assert theirs["loss"] == pytest.approx(mine["loss"], rel=1e-4)
        assert theirs["learning_rate"] == mine["learning_rate"]
        assert theirs["epoch"] == mine["epoch"]
    assert two[-1]["validation"] == pytest.approx(one[-1]["validation"], rel=1e-4)


@pytest.mark.parametrize("clips", [20, 21, 1])
def test_an_evaluation_counts_every_clip_once(tmp_path: Path, clips: int) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (2 + 2 * clips, 16, 16, 1), dtype=np.uint8)
    np.save(tmp_path / "frames.npy", frames)
    task = PredictTask(PredictConfig(**{**TINY, "data": (str(tmp_path / "frames.npy"),), "channels": 1}))
    torch.manual_seed(0)
    model = task.build_model()

    def measured() -> dict[str, object]:
        with task.datasets("all") as data:
            assert len(data.test) == clips
            found = evaluate(task, model, data.test, batch_size=3)
        notes = [panel.note for panel in found.panels]
        return {
            "clips": found.clips,
            "overall": found.overall,
            "sequences": dict(found.sequences),
            "notes": notes,
        }

    def tell(rank: int) -> None:
        (tmp_path / f"{rank}.json").write_text(json.dumps(measured()))

    alone = measured()
    assert ended_together(2, tell) == [0, 0]
    for rank in range(2):
        told = json.loads((tmp_path / f"{rank}.json").read_text())
        assert told["clips"] == alone["clips"] == clips
        assert told["notes"] or clips == 1  # of a single clip one process has nothing to show
        for note in told["notes"]:
            assert (f" of {clips} clips, those of one of 2 processes." in note) == (clips > 1)
        for part in ("overall",):
            for name, figures in alone[part].items():  # type: ignore[attr-defined]
                assert told[part][name] == pytest.approx(figures, rel=1e-6)
        assert told["sequences"].keys() == alone["sequences"].keys()  # type: ignore[attr-defined]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("lengths", [None, [3, 9, 3, 9, 3, 9, 3]])
def test_clips_come_in_one_order_whoever_works_them_through(
    world: int, accumulate: int, lengths: Sequence[int] | None
) -> None:
    class Clips(list[int]):
        pass

    data = Clips(range(7))
    if lengths is not None:
        data.lengths = list(lengths)  # type: ignore[attr-defined]
    config = PredictConfig(batch_size=4, accumulate=accumulate, seed=3)
    whole = Order(data, config.model_copy(update={"accumulate": 1})).shares()  # type: ignore[arg-type]
    ranks = [Order(data, config, rank=rank, world=world, start=2).shares() for rank in range(world)]  # type: ignore[arg-type]
    next(whole), next(whole)
    for _ in range(12):
        parts = [[next(shares) for shares in ranks] for _ in range(accumulate)]
        dealt = [share for part in parts for share in part]
        assert [item for share in dealt if share.weight for item in share.items] == next(whole).items
        assert sum(share.weight for share in dealt) == pytest.approx(1)
        assert all(share.items for share in dealt)


@pytest.mark.parametrize("how", ["raises", "is killed"])
def test_one_that_fails_ends_all_and_the_run_can_go_on(
    tmp_path: Path, source: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    straight = _Together(tmp_path / "straight", source, RandomTask)
    assert ended_together(2, lambda rank: straight()) == [0, 0]
    broken = _Together(tmp_path / "broken", source, RandomTask)

    def fail(report: StepReport) -> None:
        if report.step == 5 and processes.rank() == 1:
            if how == "is killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise SeqimgError("the camera fell down")

    began = time.monotonic()
    ends = ended_together(2, lambda rank: broken(fail))
    assert time.monotonic() - began < 30
    assert ends == [1, 1 if how == "raises" else -signal.SIGKILL]
    said = capfd.readouterr().out
    assert "process 0 of 2 cannot go on alone" in said
    assert ("the camera fell down" in said) == (how == "raises")
    os.environ["RESUMED"] = "1"
    try:
        assert ended_together(2, lambda rank: broken()) == [0, 0]
    finally:
        del os.environ["RESUMED"]
    for name in ("checkpoints/last/model.safetensors", "model/model.safetensors"):
        assert (broken.folder / name).read_bytes() == (straight.folder / name).read_bytes()
    assert [line["loss"] for line in _lines(broken.folder)] == [
        line["loss"] for line in _lines(straight.folder)
    ]


def test_a_signal_to_one_stops_all_at_the_same_step(tmp_path: Path, source: Path) -> None:
    training = _Together(tmp_path / "run", source, steps=50)

    def stop(report: StepReport) -> None:
        if report.step == 4 and processes.rank() == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    def stopped(rank: int) -> None:
        from seqimg.training.fit import TrainingInterrupted

        with pytest.raises(TrainingInterrupted) as caught:
            training(stop)
        assert caught.value.step == 5

    assert ended_together(2, stopped) == [0, 0]
    assert len(_lines(training.folder)) == 5


def test_a_disk_that_is_full_for_one_ends_all(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise SeqimgError("cannot write there", why="No space left on device")

    monkeypatch.setattr("seqimg.training.fit.save_checkpoint", refuse)
    training = _Together(tmp_path / "run", source)
    assert ended_together(2, lambda rank: training()) == [1, 1]
    assert capfd.readouterr().out.count("cannot write there") == 2


def test_other_numbers_of_processes_may_go_on(tmp_path: Path, source: Path) -> None:
    training = _Together(tmp_path / "run", source, steps=8)

    def die(report: StepReport) -> None:
        if report.step == 5:
            os._exit(9)

    assert ended_together(2, lambda rank: training(die)) == [9, 9]
    again = Training(tmp_path / "run", source, steps=8)
    again()
    assert len(_lines(training.folder)) == 8
    assert len(again.warnings) == 1
    assert "had 2 processes, now 1" in again.warnings[0]


def test_more_processes_than_clips_in_a_batch_are_refused(
    tmp_path: Path, source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    training = _Together(tmp_path / "run", source, batch_size=1)
    assert ended_together(2, lambda rank: training()) == [1, 1]
    assert "--batch-size 1 is too small for 2 processes" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_launchers(tmp_path: Path, source: Path, launcher: str) -> None:
    """The two that people use, with one message for all, and one result."""
    import subprocess

    tool = str(Path(sys.executable).with_name(launcher))
    many = {
        "torchrun": [tool, "--nproc-per-node", "2", "--master-addr", "127.0.0.1", "--master-port", "29533"],
        "accelerate": [tool, "launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
                       "--main_process_ip", "127.0.0.1", "--main_process_port", "29534",
                       "--mixed_precision", "no", "--dynamo_backend", "no"],
    }  # fmt: skip
    flags = [
        "--data",
        str(source),
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
    ]
    train = ["-m", "seqimg", "predict", "train", *flags, "--steps", "4", "--device", "cpu"]
    env = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    made = {}
    for name, start in {"one": [sys.executable], "two": many[launcher]}.items():
        done = subprocess.run(
            [*start, *train, "-o", name, "--json"],
            env=env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        made[name] = [json.loads(line) for line in done.stdout.splitlines()]
    one, two = _lines(Path("one")), _lines(Path("two"))
    assert [line["loss"] for line in two] == pytest.approx([line["loss"] for line in one], rel=1e-4)
    assert len(made["one"]) == len(made["two"])  # one process speaks


def test_messages_between_processes_are_no_pickles(tmp_path: Path) -> None:
    def talk(rank: int) -> None:
        told = processes.gather({"rank": rank, "text": "ü" * (rank + 1), "numbers": [0.1] * (5 * rank)})
        assert [one["rank"] for one in told] == [0, 1, 2]
        assert [len(one["text"]) for one in told] == [1, 2, 3]
        assert processes.share(rank) == 0
        assert processes.total([1.0, float(rank)]) == [3.0, 3.0]

    assert ended_together(3, talk) == [0, 0, 0]
    assert in_child(lambda: talk(0)) == 1
