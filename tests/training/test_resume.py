"""A run that was broken off and gone on with ends as if nothing had happened, to the last bit."""

import json
import os
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from seqimg.errors import SeqimgError, UsageError
from seqimg.fingerprint import fingerprint
from seqimg.training.checkpoint import newest_checkpoint, save_checkpoint, settle
from seqimg.training.state import State
from seqimg_predict.task import PredictTask
from tests.support.killing import count_changes, killed_at
from tests.training.conftest import Died, RandomTask, Training, dies_after

TASKS = [PredictTask, RandomTask]
TIMES = {"frames_per_second", "data_share", "data_seconds", "compute_seconds"}


def _end(folder: Path) -> tuple[object, ...]:
    """Return all that must not depend on interruptions."""
    found = newest_checkpoint(folder / "checkpoints", _no_warning)
    assert found is not None
    state = found[1]
    values = {
        key: value for key, value in state.values.items() if key not in ("seconds", "metrics_bytes", "config")
    }
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    metrics = [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
    return fingerprint(state.tensors), values, metrics, (folder / "model/model.safetensors").read_bytes()


def _no_warning(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Callable[..., tuple[object, ...]]:
    """What uninterrupted runs end with."""
    known: dict[str, tuple[object, ...]] = {}

    def end(task: type[PredictTask], **changes: object) -> tuple[object, ...]:
        key = f"{task.__name__} {changes}"
        if key not in known:
            training = Training(tmp_path_factory.mktemp("straight") / "run", source, task, **changes)
            training()
            known[key] = _end(training.folder)
        return known[key]

    return end


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("save_every", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_broken_off_after_any_step(
    tmp_path: Path, source: Path, straight: Callable[..., Any], task: type[PredictTask], save_every: int
) -> None:
    """Each run is broken off many times, once after each step."""
    training = Training(tmp_path / "run", source, task, save_every=save_every)
    for step in range(1, 7):
        with pytest.raises(Died):
            training(dies_after(step))
    training()
    assert _end(training.folder) == straight(task)
    assert training.warnings == []


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", range(1, 7))
def test_broken_off_with_workers_and_parts(
    tmp_path: Path, source: Path, straight: Callable[..., Any], step: int, workers: int, accumulate: int
) -> None:
    training = Training(
        tmp_path / "run", source, RandomTask, workers=workers, accumulate=accumulate, save_every=2, average=0
    )
    with pytest.raises(Died):
        training(dies_after(step))
    training()
    assert _end(training.folder) == straight(RandomTask, accumulate=accumulate, average=0)


def test_in_the_middle_of_a_later_epoch(tmp_path: Path, source: Path, straight: Callable[..., Any]) -> None:
    """With other numbers of workers before and after."""
    changes = {"steps": 16, "validate_every": 5, "holdout": 0.5}
    training = Training(tmp_path / "run", source, **changes, workers=1)
    with pytest.raises(Died):
        training(dies_after(13))
    again = Training(tmp_path / "run", source, **changes, save_every=7)
    epochs: list[float] = []
    again(lambda report: epochs.append(report.epoch))
    assert epochs[0] > 2
    assert _end(training.folder) == straight(PredictTask, **changes)


@pytest.fixture
def saving(tmp_path: Path, source: Path) -> tuple[Path, Callable[[int], Path]]:
    """A folder of checkpoints, and what saves step N there."""
    training = Training(tmp_path / "run", source)
    task = training.task(training.config).with_config(channels=1)
    weights = {name: tensor.clone() for name, tensor in task.build_model().state_dict().items()}

    def save(step: int) -> Path:
        state = State({"step": step}, {"network/a": torch.full((1000,), float(step))})
        return save_checkpoint(tmp_path / "checkpoints", task, weights, {"steps": step}, state)

    return tmp_path / "checkpoints", save


def _step(folder: Path) -> int:
    found = newest_checkpoint(folder, _no_warning)
    assert found is not None
    path, state = found
    settle(folder, path)
    assert {item.name for item in folder.iterdir()} <= {"last", "previous"}
    assert bool((state.part("network")["a"] == state.value("step")).all())
    return int(state.value("step"))


def test_killed_at_every_change_of_saving_and_rotating(saving: tuple[Path, Callable[[int], Path]]) -> None:
    folder, save = saving
    save(1), save(2)
    number, step, seen = 0, 2, set()
    while killed_at(number, partial(save, step + 1)):
        found = _step(folder)
        assert found in (step, step + 1)
        seen.add(found - step)
        step = found
        number += 1
    assert number > 30
    assert seen == {0, 1}
    assert _step(folder) == step + 1


def test_a_disk_that_does_not_keep_what_it_was_given(
    saving: tuple[Path, Callable[[int], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fsync fails at, what failed is not published, nor is it tried again."""
    folder, save = saving
    save(1)
    calls = 0
    with monkeypatch.context() as patch:
        original = os.fsync
        patch.setattr(os, "fsync", lambda handle: original(handle))
        total = _calls_of_fsync(patch, lambda: save(2))
    assert total >= 8
    for failing in range(total - 1):  # the last is of the folder that holds what is whole already

        def fails(handle: int, failing: int = failing) -> None:
            nonlocal calls
            calls += 1
            if calls - 1 == failing:
                raise OSError(5, "Input/output error")
            original(handle)

        calls = 0
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fails)
            with pytest.raises(SeqimgError, match=r"cannot write .*checkpoints/last\nInput/output error"):
                save(3)
        assert calls == failing + 1
        assert _step(folder) == 2


def _calls_of_fsync(patch: pytest.MonkeyPatch, action: Callable[[], object]) -> int:
    calls, original = 0, os.fsync

    def counted(handle: int) -> None:
        nonlocal calls
        calls += 1
        original(handle)

    patch.setattr(os, "fsync", counted)
    action()
    return calls


@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", "state.json", "state.safetensors", "manifest.json"]
)
@pytest.mark.parametrize("harm", ["cut", "flipped", "missing", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    saving: tuple[Path, Callable[[int], Path]], file: str, harm: str
) -> None:
    folder, save = saving
    save(1), save(2)
    path = folder / "last" / file
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        flipped = bytes([content[0] ^ 1]) + content[1:]
        path.write_bytes({"cut": content[:-1], "flipped": flipped, "empty": b""}[harm])
    warnings: list[str] = []
    found = newest_checkpoint(folder, warnings.append)
    assert found is not None
    assert found[1].value("step") == 1
    if (file, harm) != ("manifest.json", "missing"):  # then there is no checkpoint at all
        assert len(warnings) == 1
        assert "last is damaged" in warnings[0]
    settle(folder, found[0])
    assert _step(folder) == 1
    save(3)
    assert _step(folder) == 3


def test_all_checkpoints_damaged_is_an_error(saving: tuple[Path, Callable[[int], Path]]) -> None:
    folder, save = saving
    save(1), save(2)
    for name in ("last", "previous"):
        (folder / name / "state.json").write_text("{}")
    with pytest.raises(SeqimgError, match=r"no checkpoint in .* can be used"):
        newest_checkpoint(folder, lambda text: None)


def test_times_of_files_mean_nothing(saving: tuple[Path, Callable[[int], Path]]) -> None:
    folder, save = saving
    save(1), save(2)
    for path in folder.rglob("*"):
        os.utime(path, (0, 0) if "last" in path.parts else (2e9, 2e9))
    assert _step(folder) == 2


def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = Training(tmp_path / "straight", source, RandomTask)()
    jumps = count(0)
    monkeypatch.setattr(time, "time", lambda: 2e9 - 3600.0 * next(jumps))  # an hour back at every look
    training = Training(tmp_path / "run", source, RandomTask)
    with pytest.raises(Died):
        training(dies_after(5))
    fitted = training()
    assert fitted.fingerprint == straight.fingerprint
    reports = fitted.trained.history
    assert [report.step for report in reports] == list(range(1, len(reports) + 1))
    assert all(0 <= report.data_share <= 1 and report.frames_per_second > 0 for report in reports)
    assert fitted.trained.seconds > 0


def test_every_piece_of_state_is_needed(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(tmp_path / "run", source, RandomTask)
    with pytest.raises(Died):
        training(dies_after(5))
    found = newest_checkpoint(training.folder / "checkpoints", _no_warning)
    assert found is not None
    path, state = found
    pieces = [("value", name) for name in state.values if name != "seqimg"]
    pieces += [("random", name) for name in ("python", "numpy", "torch")]
    pieces += [
        ("tensor", name) for name in state.tensors if name.split("/")[1] in ("0", "stem", "stem.0.weight")
    ]
    pieces += [("tensor", next(name for name in state.tensors if name.startswith("chosen/")))]
    assert len(pieces) > 15
    for kind, name in pieces:
        values, tensors = json.loads(json.dumps(state.values)), dict(state.tensors)
        if kind == "random":
            del values["random"][0][name]
        else:
            del (values if kind == "value" else tensors)[name]
        harmed = State(values, tensors, str(path))
        monkeypatch.setattr("seqimg.training.fit.newest_checkpoint", lambda *_, harmed=harmed: (path, harmed))
        with pytest.raises(SeqimgError, match="cannot be gone on from") as caught:
            training()
        assert name in str(caught.value).replace("network/", "").replace("optimizer/", "") or name in str(
            caught.value
        )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.1}, "learning_rate"),
        ({"steps": 7}, "steps"),
        ({"widths": (5,)}, "widths"),
        ({"batch_size": 2}, "batch_size"),
        ({"seed": 1}, "seed"),
    ],
)
def test_another_configuration_is_refused_and_named(
    tmp_path: Path, source: Path, change: dict[str, object], named: str
) -> None:
    with pytest.raises(Died):
        Training(tmp_path / "run", source)(dies_after(4))
    with pytest.raises(UsageError, match=f"another {named}|its data have changed"):
        Training(tmp_path / "run", source, **change)()


class _Other(PredictTask):
    name = "other"


def test_a_run_of_another_task_is_refused(tmp_path: Path, source: Path) -> None:
    with pytest.raises(Died):
        Training(tmp_path / "run", source)(dies_after(4))
    with pytest.raises(UsageError, match="a run of predict, not of other"):
        Training(tmp_path / "run", source, _Other)()


def test_metrics_that_were_cut_are_noticed(tmp_path: Path, source: Path) -> None:
    training = Training(tmp_path / "run", source)
    with pytest.raises(Died):
        training(dies_after(4))
    path = training.folder / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SeqimgError, match=r"metrics.jsonl is damaged[\s\S]*the checkpoint knows of"):
        training()


@pytest.mark.parametrize("task", TASKS)
def test_killed_at_places_all_over_a_run(
    tmp_path: Path, source: Path, straight: Callable[..., Any], task: type[PredictTask]
) -> None:
    _kill_again_and_again(
        Training(tmp_path / "run", source, task, save_every=2), straight(task), range(11, 400, 53)
    )


@pytest.mark.slow
@pytest.mark.parametrize("share", range(6))
@pytest.mark.parametrize("task", TASKS)
def test_killed_at_every_change_of_a_run(
    tmp_path: Path, source: Path, straight: Callable[..., Any], task: type[PredictTask], share: int
) -> None:
    changes = count_changes(Training(tmp_path / "counted", source, task, save_every=2))
    assert changes > 150
    for number in range(share, changes, 6):
        training = Training(tmp_path / str(number), source, task, save_every=2)
        _kill_again_and_again(training, straight(task), [number])


def _kill_again_and_again(training: Training, expected: object, places: Any) -> None:
    for place in places:
        if not killed_at(place, training):
            break
    else:
        training()
    assert _end(training.folder) == expected
    assert not list(training.folder.rglob(".seqimg-*"))
    assert training.warnings == []
