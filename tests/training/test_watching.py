"""Who looks on at a run: told everything, and never able to stop it."""

import json
import mmap
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqimg.cli.main import main
from seqimg.cli.resident import resident_bytes
from seqimg.cli.watch import memory_words
from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.plugins import RunInfo
from seqimg.plugins.events import EVENTS
from seqimg.plugins.manager import plugin_host, reset_plugin_host
from seqimg.training import trackers
from seqimg.training.loop import StepReport
from seqimg.training.trackers import TrackerWatcher, check_trackers, open_trackers
from seqimg.training.watching import EventWatcher, Watch, Watcher, plugin_watchers
from tests.support.distributions import Site

RUN = RunInfo("predict", "runs/predict/1", {"seed": 3, "widths": [4]}, 2, "cpu")


def _report(step: int, **more: Any) -> StepReport:
    figures = {"loss": 0.5, "parts": {"mse": 0.1}, "learning_rate": 0.01, "frames_per_second": 9.0}
    return StepReport(step=step, steps=2, data_share=0.25, **{**figures, **more})


class _Memory(Watcher):
    def __init__(self, failing: str = "", error: type[BaseException] = RuntimeError) -> None:
        self.seen: list[str] = []
        self.outcome: Mapping[str, object] = {}
        self._failing, self._error = failing, error

    def _see(self, what: str) -> None:
        self.seen.append(what)
        print("noise")
        if what.split()[0] == self._failing:
            raise self._error("on fire")

    def started(self, run: RunInfo) -> None:
        self._see("started")

    def step(self, run: RunInfo, report: StepReport) -> None:
        self._see(f"step {report.step}")

    def finished(self, run: RunInfo, outcome: Mapping[str, object]) -> None:
        self.outcome = outcome
        self._see("finished")


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, MemoryError])
@pytest.mark.parametrize("failing", ["started", "step", "finished"])
def test_one_that_fails_is_told_once_and_left_out(
    failing: str, error: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    bad, good = _Memory(failing, error), _Memory()
    with Watch(RUN, [("bad", bad), ("good", good)], said.append) as watch:
        for step in (1, 2):
            watch(_report(step))
    assert good.seen == ["started", "step 1", "step 2", "finished"]
    assert bad.seen == good.seen[: good.seen.index(failing if failing != "step" else "step 1") + 1]
    assert len(said) == 1
    assert said[0].startswith("bad failed and is left out from here on: ")
    assert capsys.readouterr().out == ""


def test_ctrl_c_in_a_watcher_is_the_users() -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Watch(RUN, [("a", _Memory("step", KeyboardInterrupt))], print) as watch,
    ):
        watch(_report(1))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, "finished"),
        (SeqimgError("the loss is not finite", why="a.mp4"), "failed"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(143), "interrupted"),
    ],
)
def test_the_end_is_told_as_it_was(error: BaseException | None, state: str) -> None:
    seen = _Memory()
    seconds = iter([10.0, 12.5])

    def train() -> None:
        with Watch(RUN, [("a", seen)], print, clock=lambda: next(seconds)) as watch:
            watch(_report(1))
            if error is not None:
                raise error
            watch.finish({"model": "m"})

    if error is None:
        train()
    else:
        with pytest.raises(type(error)):
            train()
    assert (seen.outcome["state"], seen.outcome["step"], seen.outcome["seconds"]) == (state, 1, 2.5)
    assert seen.outcome.get("model") == (None if error else "m")
    assert ("reason" in seen.outcome) == (error is not None)


def test_events_are_plain_and_in_order() -> None:
    events: list[Mapping[str, object]] = []
    with Watch(RUN, [("events", EventWatcher(events.append))], print) as watch:
        watch(_report(1))
        watch(_report(2, validation={"mse": 0.2}))
    lines = [json.loads(json.dumps(event)) for event in events]
    assert [line["event"] for line in lines] == ["started", "step", "step", "validation", "finished"]
    assert lines[0]["config"] == {"seed": 3, "widths": [4]}
    assert (lines[1]["step"], lines[1]["loss"], lines[1]["parts"]) == (1, 0.5, {"mse": 0.1})
    assert lines[3] == {"event": "validation", "step": 2, "metrics": {"mse": 0.2}}
    assert (lines[4]["state"], lines[4]["step"]) == ("finished", 2)


def test_a_reader_of_events_that_went_away_stops_the_run() -> None:
    def gone(event: Mapping[str, object]) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), Watch(RUN, [("events", EventWatcher(gone))], print):
        pass


LISTENING = """
    from seqimg.plugins import hookimpl
    SEQIMG_API = 1
    heard = []

    @hookimpl
    def seqimg_run_started(run):
        heard.append(f"started {run.task}")

    @hookimpl
    def seqimg_run_step(figures):
        heard.append(f"step {figures['step']} {figures['loss']}")
        raise ValueError("no disk")

    @hookimpl
    def seqimg_run_finished(run, outcome):
        print("to the wrong place")
        heard.append(f"{outcome['state']} {run.folder}")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    site = Site(tmp_path / "site")
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delenv("SEQIMG_PLUGINS", raising=False)

    def add(source: str) -> None:
        site.add("radar", source)
        reset_plugin_host()

    yield add
    reset_plugin_host()
    for name in [name for name in sys.modules if name.endswith("_radar")]:
        del sys.modules[name]


def _heard() -> list[str]:
    module = next(module for name, module in sys.modules.items() if name.endswith("_radar"))
    found: list[str] = module.heard
    return found


def test_plugins_hear_of_real_runs_and_cannot_stop_them(
    install: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    install(LISTENING)
    flags = [
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
        "--batch-size",
        "2",
        "--steps",
        "2",
    ]
    code = main(["predict", "train", "--data", "demo:moving-digits", *flags, "--json", "-o", "mine"])
    said = capfd.readouterr()
    assert code == 0, said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["event"] for line in lines] == ["started", "step", "step", "validation", "finished"]
    assert lines[-1]["model"] == str(Path("mine/model"))
    heard = _heard()
    assert [heard[0], heard[1].split()[:2], heard[2]] == ["started predict", ["step", "1"], "finished mine"]
    assert len(heard) == 3
    warnings = [line for line in said.err.splitlines() if line.startswith("Warning: ")]
    assert warnings == [
        "Warning: seqimg_run_step of the plugin radar failed and is left out from here on: ValueError: no disk"
    ]
    report = next(report for report in plugin_host().reports if report.name == "radar")
    assert report.registered == tuple(f"listener {name}" for name in EVENTS)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (LISTENING.replace("run_step(figures)", "run_stp(figures)"), "did you mean seqimg_run_step?"),
        (LISTENING.replace("(run, outcome)", "(run, result)"), "result"),
        (LISTENING.replace("@hookimpl", "#", 1), "lacks the @hookimpl decorator"),
    ],
)
def test_mistakes_in_listeners_are_found_when_plugins_load(
    install: Callable[[str], None], source: str, reason: str
) -> None:
    install(source)
    report = next(report for report in plugin_host(strict=False).reports if report.name == "radar")
    assert report.state == "failed"
    assert reason in (report.reason or "")
    assert plugin_watchers(plugin_host(strict=False), EVENTS) == []


def test_unknown_and_missing_trackers_are_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean mlflow"):
        check_trackers(["mlfow"])
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    for name in ("tensorboard", "wandb", "mlflow"):
        with pytest.raises(UnavailableError) as caught:
            open_trackers([name], RUN)
        assert caught.value.hint == f"pip install 'seqimg[{name}]'"


def test_a_tracker_that_does_not_start_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*given: object, **named: object) -> None:
        raise ConnectionError("nobody is logged in")

    monkeypatch.setattr(trackers, "find_spec", lambda name: True)
    module = SimpleNamespace(WandBTracker=start, PartialState=lambda cpu: None)
    monkeypatch.setattr(trackers, "import_module", lambda name: module)
    with pytest.raises(SeqimgError, match="--track wandb: it does not start") as caught:
        open_trackers(["wandb"], RUN)
    assert caught.value.why == "ConnectionError: nobody is logged in"


def test_a_tracker_gets_every_figure() -> None:
    got: list[object] = []
    tracker = SimpleNamespace(
        store_init_configuration=got.append,
        log=lambda values, step: got.append((step, values)),
        finish=lambda: got.append("finished"),
    )
    with Watch(RUN, [("t", TrackerWatcher(tracker))], print) as watch:
        watch(_report(1, validation={"mse": 0.2}))
    step, values = got[1]  # type: ignore[misc]
    assert got[0] == {"seed": 3, "widths": "[4]"}
    assert (step, values["loss"], values["loss/mse"], values["validation/mse"]) == (1, 0.5, 0.1, 0.2)
    assert got[2] == "finished"


def test_tensorboard_holds_the_curves(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = RunInfo("predict", str(tmp_path), {"seed": 3, "widths": [4]}, 2, "cpu")
    with Watch(run, open_trackers(["tensorboard"], run), print) as watch:
        watch(_report(1))
        watch(_report(2, validation={"mse": 0.25}))
    found = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("loss")] == [1, 2]
    assert [event.value for event in found.Scalars("validation/mse")] == [0.25]


def test_memory_is_that_of_now() -> None:
    before = resident_bytes()
    with mmap.mmap(-1, 50_000_000) as block:  # fresh pages: freed memory could be given out again
        block.write(b"\1" * 50_000_000)
        assert resident_bytes() - before > 40_000_000
    assert float(memory_words().split()[0]) > 0.05
