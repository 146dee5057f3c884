"""`seqimg TASK run` on many sequences: each result once, in its place, the same whoever makes it."""

import importlib.util
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from seqimg import save_sequence
from seqimg.cli.main import main
from tests.support.cli import Result, assert_refused, contents, start
from tests.support.killing import killed_at

Cli = Callable[..., Result]
RESULTS = ["clips/a/one.npy", "clips/a/two.gif", "clips/a/two.npy", "clips/b/one.mp4", "clips/b/shots"]
NAMES = [f"{name}.predict.npy" for name in ("a/one", "a/two.gif", "a/two.npy", "b/one", "b/shots")]
RUN = ("predict", "run", "clips", "--format", "npy")


def _frames(seed: int, count: int = 6) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)


@pytest.fixture
def clips() -> Path:
    """Five sequences in two folders, with names that meet."""
    for seed, name in enumerate(RESULTS):
        save_sequence(_frames(seed), name, fps=25)
    return Path("clips")


def _made(folder: str) -> dict[str, str]:
    """Return the results in a folder, without what is said about them."""
    return {name: digest for name, digest in contents(Path(folder)).items() if name.endswith(".npy")}


def _report(folder: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((Path(folder) / "seqimg-run.json").read_text())
    return found


def test_each_result_has_its_place_and_a_failure_stops_nothing(clips: Path, model: Path, cli: Cli) -> None:
    (clips / "b/bad.mp4").write_text("no video")
    done = cli(*RUN, "--model", model, "-o", "out")
    assert done.returncode == 1
    assert done.stdout == "Saved out (5 of 6 done, 1 failed)\n"
    assert "Took clips as a folder of 6 sequences" in done.stderr
    assert "Warning: cannot read clips/b/bad.mp4" in done.stderr
    assert "1 of 6 sequences failed" in done.stderr
    made = _made("out")
    assert sorted(made) == NAMES
    assert sorted(contents(Path("out"))) == sorted(["a", "b", *NAMES, "seqimg-run.json", "seqimg-run.jsonl"])
    report = _report("out")
    assert (report["state"], report["done"], report["failed"]) == ("finished", 5, 1)
    (failure,) = report["failures"]  # type: ignore[misc]
    assert failure["source"] == "clips/b/bad.mp4"
    assert "is not a video" in failure["error"]["why"]
    rows = [json.loads(line) for line in Path("out/seqimg-run.jsonl").read_text().splitlines()]
    assert sorted(row["output"] for row in rows if row["error"] is None) == NAMES

    # The same as one by one.
    assert cli("predict", "run", "clips/b/one.mp4", "--model", model, "-o", "one.npy").returncode == 0
    assert Path("one.npy").read_bytes() == Path("out/b/one.predict.npy").read_bytes()

    # Only what is missing is done again.
    shutil.copy(clips / "b/one.mp4", clips / "b/bad.mp4")
    Path("out/a/one.predict.npy").unlink()
    kept = Path("out/b/one.predict.npy").stat().st_mtime_ns
    again = cli(*RUN, "--model", model, "-o", "out", "--json")
    assert again.returncode == 0, again.stderr
    said = json.loads(again.stdout)
    assert (said["found"], said["already_there"], said["done"], said["failed"]) == (6, 4, 2, 0)
    assert Path("out/b/one.predict.npy").stat().st_mtime_ns == kept
    assert _made("out") == {**made, "b/bad.predict.npy": made["b/one.predict.npy"]}

    # Results of another recipe are not mixed in, and what fails then leaves nothing of before.
    other = cli("--quiet", *RUN, "--model", model, "-o", "out", "--horizon", "1")
    assert_refused(
        other, 1, "out holds results that cannot be added to", "different settings: horizon", "--overwrite"
    )
    (clips / "b/bad.mp4").write_text("no video")
    anew = cli(*RUN, "--model", model, "-o", "out", "--horizon", "1", "--overwrite")
    assert anew.returncode == 1
    assert sorted(_made("out")) == NAMES
    assert not set(_made("out").values()) & set(made.values())
    assert _report("out")["state"] == "finished"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["clips", "-o", "out.mp4"], 2, ["-o out.mp4 is no folder", "--format mp4"]),
        (["clips", "-o", "-"], 2, ["-o - is no folder"]),
        (["clips", "-o", "clips"], 2, ["clips holds the sources"]),
        (["clips", "--format", "mp5"], 2, ["--format mp5 cannot be written; did you mean mp4?"]),
        (["clips", "--ray-address", "auto"], 2, ["--ray-address means nothing without --engine ray"]),
        (["clips/a/one.npy", "--workers", "2"], 2, ["--workers means nothing for clips/a/one.npy"]),
        (["clips/a/one.npy", "--each"], 2, ["--each means nothing for clips/a/one.npy"]),
        (["clips", "--workers", "0"], 2, ["--workers"]),
        (["clips", "--model", "clips"], 1, ["clips is not a model folder"]),
    ],
)
def test_refused_before_any_work(
    clips: Path, model: Path, cli: Cli, words: list[str], code: int, said: list[str]
) -> None:
    before = contents(Path.cwd())
    done = cli("--quiet", "predict", "run", "--model", model, *words)
    assert_refused(done, code, *said)
    assert contents(Path.cwd()) == before


def test_without_ray_one_line_says_what_to_install(
    clips: Path, model: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqimg.batch.engines.find_spec", lambda name: None)
    done = cli("--quiet", *RUN, "--model", model, "--engine", "ray")
    assert_refused(done, 3, "--engine ray needs the package ray", "pip install 'seqimg[ray]'")


def test_a_cluster_that_is_not_there_is_one_line(
    clips: Path, model: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqimg.batch.engines.find_spec", lambda name: object())
    flags = ("--engine", "ray", "--ray-address", "127.0.0.1:1")
    assert_refused(cli("--quiet", *RUN, "--model", model, *flags), 2, "--ray-address needs --workers")
    done = cli("--quiet", *RUN, "--model", model, *flags, "--workers", "2", "-o", "out")
    assert_refused(done, 1, "no Ray cluster answers at 127.0.0.1:1", "refused")
    assert not Path("out").exists()


@contextmanager
def _killing(times: int, folder: str, marks: tuple[str, ...]) -> Iterator[list[int]]:
    """Kill, so many times, the worker that is writing the first result; return whom."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while len(killed) < times and not over.wait(0.03):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error, FileNotFoundError):
                    is_worker = any(mark in " ".join(process.cmdline()) for mark in marks)
                    if (
                        is_worker
                        and process.pid not in killed
                        and _writes(process.pid, f"{folder}/.seqimg-run/1/")
                    ):
                        process.send_signal(signal.SIGKILL)
                        killed.append(process.pid)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def _writes(process: int, place: str) -> bool:
    files = Path(f"/proc/{process}/fd")
    return any(place in os.readlink(file) for file in files.iterdir() if file.is_symlink())


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
LONG = ("--horizon", "400")


@needs_proc
def test_the_file_of_a_killed_worker_is_done_by_another(clips: Path, model: Path, cli: Cli) -> None:
    assert cli(*RUN, "--model", model, "-o", "alone", *LONG).returncode == 0
    with _killing(1, "shared", ("seqimg.batch.worker",)) as killed:
        done = cli(*RUN, "--model", model, "-o", "shared", *LONG, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert len(killed) == 1
    assert _made("shared") == _made("alone")
    assert sorted(contents(Path("shared"))) == sorted(contents(Path("alone"))), "nothing is left of the dead"
    report = _report("shared")
    assert (report["done"], report["failed"], report["retried"]) == (5, 0, 1)
    rows = [json.loads(line) for line in Path("shared/seqimg-run.jsonl").read_text().splitlines()]
    assert sorted(row["output"] for row in rows) == NAMES
    assert [row["output"] for row in rows if row["attempts"] == 2] == ["a/one.predict.npy"]
    assert not _workers(os.getpid())


def test_a_command_that_is_killed_does_only_the_rest_the_next_time(
    clips: Path, model: Path, cli: Cli
) -> None:
    words = [str(word) for word in (*RUN, "--model", model, "--quiet", "-o")]
    assert cli(*words, "straight").returncode == 0
    done_before = set[str]()
    for place in (3, 25, 60):
        killed_at(place, lambda: main([*words, "out"]))
        done = set(_made("out")) & set(NAMES) if Path("out").exists() else set()
        assert done >= done_before, "what was done stays"
        assert all(_made("out")[name] == _made("straight")[name] for name in done), "half a result is none"
        done_before = done
    assert 0 < len(done_before) < len(NAMES)
    times = {name: Path("out", name).stat().st_mtime_ns for name in done_before}
    assert cli(*words, "out").returncode == 0
    assert _made("out") == _made("straight")
    assert times == {name: Path("out", name).stat().st_mtime_ns for name in done_before}
    assert sorted(contents(Path("out"))) == sorted(contents(Path("straight")))


@needs_proc
@pytest.mark.slow
def test_a_file_whose_workers_always_die_is_reported(clips: Path, model: Path, cli: Cli) -> None:
    with _killing(3, "out", ("seqimg.batch.worker",)) as killed:
        done = cli(*RUN, "--model", model, "-o", "out", *LONG, "--workers", "1")
    assert done.returncode == 1
    assert len(killed) == 3
    assert sorted(_made("out")) == NAMES[1:]
    (failure,) = _report("out")["failures"]  # type: ignore[misc]
    assert failure["attempts"] == 3
    assert failure["error"]["message"] == "the worker for clips/a/one.npy died 3 times"
    assert "SIGKILL" in failure["error"]["why"]


def _workers(process: int) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(process).children(recursive=True)
        if "seqimg.batch.worker" in " ".join(child.cmdline())
    ]


def test_ctrl_c_ends_all_workers_and_leaves_no_half_a_result(clips: Path, model: Path) -> None:
    words = [*RUN, "--model", model, "-o", "out", "--horizon", "10000", "--workers", "2"]
    with start(*words) as process:
        deadline = time.monotonic() + 120
        while len(list(Path("out").glob(".seqimg-run/*/.seqimg-*"))) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(_workers(process.pid)) == 2
        os.killpg(process.pid, signal.SIGINT)
        _, alive = psutil.wait_procs(family, timeout=20)
        _, said = process.communicate(timeout=60)
    assert not [child for child in alive if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert process.returncode in (130, -signal.SIGINT), said
    assert said.splitlines()[-1] == "Interrupted."
    assert sorted(contents(Path("out"))) == ["seqimg-run.json"]
    assert _report("out")["state"] == "interrupted"


needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")


@needs_proc
@needs_ray
@pytest.mark.slow
def test_on_ray_the_results_are_the_same_though_a_worker_is_killed(clips: Path, model: Path) -> None:
    """In a process of its own: Ray changes what it is imported into."""
    with start(*RUN, "--model", model, "-o", "alone", *LONG) as process:
        assert process.wait(120) == 0
    with (
        _killing(1, "shared", ("ray::RayWorker",)) as killed,
        start(*RUN, "--model", model, "-o", "shared", *LONG, "--engine", "ray", "--workers", "2") as process,
    ):
        heard = _listening(process.pid)
        out, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert out == "Saved shared (5 of 5 done)\n"
    assert len(killed) == 1
    assert heard <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert heard, "Ray listens somewhere"
    assert _made("shared") == _made("alone")
    assert sorted(contents(Path("shared"))) == sorted(contents(Path("alone")))
    report = _report("shared")
    assert (report["engine"], report["done"], report["retried"]) == ("ray", 5, 1)


@needs_ray
@pytest.mark.slow
def test_on_ray_a_command_that_is_killed_does_only_the_rest_the_next_time(clips: Path, model: Path) -> None:
    words = (*RUN, "--model", model, *LONG, "-o")
    on_ray = ("--engine", "ray", "--workers", "1")
    with start(*words, "straight") as process:
        assert process.wait(120) == 0
    with start(*words, "out", *on_ray) as process:
        deadline = time.monotonic() + 120
        while not any(Path("out", name).exists() for name in NAMES) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait(30)
    done = {name: Path("out", name).stat().st_mtime_ns for name in set(_made("out")) & set(NAMES)}
    assert 0 < len(done) < len(NAMES)
    with start(*words, "out", *on_ray) as process:
        _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert _made("out") == _made("straight")
    assert done == {name: Path("out", name).stat().st_mtime_ns for name in done}


def _listening(process: int) -> set[str]:
    """Return where a command and its children listen while results appear."""
    heard: set[str] = set()
    deadline = time.monotonic() + 120
    while not list(Path("shared").rglob("*.npy")) and time.monotonic() < deadline:
        with suppress(psutil.Error):
            for child in psutil.Process(process).children(recursive=True):
                with suppress(psutil.Error):
                    found = child.net_connections("inet")
                    heard |= {at.laddr.ip for at in found if at.status == psutil.CONN_LISTEN}
        time.sleep(0.2)
    return heard
