"""Training, evaluating and running from the command line: what is said where, and what is written."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from seqimg import modelfolder, open_sequence, save_sequence
from tests.support.cli import Result, assert_refused, contents, seqimg, start

Cli = Callable[..., Result]
FIGURES = {"model", "copy_last", "mean_frame", "linear", "flow"}


def test_the_same_seed_gives_the_same_metrics(media: Path, tiny: list[str]) -> None:
    """In processes of their own: nothing that one leaves behind may help the other."""
    found = []
    for seed in ("5", "5", "6"):
        done = seqimg("predict", "train", media / "good.mp4", *tiny, "--seed", seed, "--json", "--quiet")
        assert (done.returncode, done.stderr) == (0, "")
        found.append(json.loads(done.stdout.splitlines()[-1])["validation_clips"])
    assert found[0] == found[1]
    assert found[0]["model"] != found[2]["model"]
    assert [run.name[-1] for run in sorted(Path("runs/predict").iterdir())] == ["1", "2", "3"]


def test_train_eval_run_one_after_the_other(cli: Cli, media: Path, tiny: list[str]) -> None:
    """With names that a shell would split, and each command's hint taken at its word."""
    source = Path("my clip ü.mp4")
    source.write_bytes((media / "good.mp4").read_bytes())
    trained = cli("predict", "train", "--data", source, *tiny)
    assert trained.returncode == 0, trained.stderr
    said = trained.stderr.splitlines()
    assert said[0].startswith(f"Read {source} as 30 frames")
    assert said[1].startswith("Computing on ")
    assert any(line.startswith("Kernel for conv_gru: ") for line in said)
    report = Path(said[-2].removeprefix("Saved "))
    assert report.name == "report.html"
    assert report.is_file()
    assert trained.stdout.splitlines()[0].split()[:4] == ["sequence", "answer", "mse", "mae"]

    evaluated = cli(*_hinted(trained))
    assert evaluated.returncode == 0, evaluated.stderr
    assert {line.split()[-9] for line in evaluated.stdout.splitlines()[1:]} == FIGURES

    ran = cli(*_hinted(evaluated))
    assert (ran.returncode, ran.stdout) == (0, "Saved my clip ü.predict.mp4 (5 frames)\n"), ran.stderr
    assert json.loads(Path("my clip ü.predict.json").read_text(encoding="utf-8"))["frames_read"] == 30
    assert cli(*_hinted(ran)).returncode == 0


def _hinted(result: Result) -> list[str]:

    last = result.stderr.splitlines()[-1]
    assert last.startswith("Try: seqimg ")
    return shlex.split(last)[2:]


def test_stdout_is_data_and_json_parses(cli: Cli, media: Path, model: Path) -> None:
    evaluated = cli(
        "predict", "eval", "--model", model, media / "good.mp4", "--json", "-o", "new/figures.json"
    )
    found = json.loads(evaluated.stdout)
    assert found == json.loads(Path("new/figures.json").read_text())
    assert (found["task"], found["part"], found["metric"], found["clips"]) == ("predict", "all", "mse", 14)
    assert set(found["overall"]) == FIGURES
    ran = json.loads(cli("predict", "run", "--model", model, media / "good.mp4", "--json").stdout)
    assert ran == json.loads(Path("good.predict.json").read_text())
    assert (ran["frames_read"], ran["frames_written"], ran["output"]) == (30, 5, "good.predict.mp4")


def test_no_step_but_the_first_needs_a_configuration(cli: Cli, media: Path, tiny: list[str]) -> None:
    Path("mine.toml").write_text("[predict]\nseed = 7\nhorizon = 3\n")
    trained = cli(
        "predict", "train", media / "good.mp4", *tiny, "--config", "mine.toml", "-o", "made", "--quiet"
    )
    assert (trained.returncode, trained.stderr) == (0, "")
    kept = Path("made/config.toml").read_text()
    assert "seed = 7  # mine.toml" in kept
    assert "horizon = 2  # flag" in kept
    again = cli("predict", "train", "--config", "made/config.toml", "-o", "again", "--quiet", "--json")
    first, second = (modelfolder.load(Path(run) / "model") for run in ("made", "again"))
    assert again.returncode == 0
    assert first.task.config == second.task.config
    assert first.training["validation"] == second.training["validation"]
    assert not Path("runs").exists()


def test_a_video_and_json_do_not_mix(cli: Cli, media: Path, model: Path) -> None:
    done = cli("predict", "run", media / "good.mp4", "--model", model, "-o", "-", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["why"] == "--json prints there"


@pytest.mark.parametrize("out", ["out.gif", "out.webm", "a/b/out.npy", "folder", "folder/"])
def test_run_writes_what_the_name_says(cli: Cli, media: Path, model: Path, out: str) -> None:
    flags = ["--model", model, "-o", out, "--horizon", "3", "--lead-in", "2"]
    done = cli("predict", "run", media / "good.mp4", *flags)
    assert done.returncode == 0, done.stderr
    with open_sequence(out) as sequence:
        assert len(list(sequence)) == 5
    assert list(contents(Path.cwd())) == [name for name in contents(Path.cwd()) if name.split("/")[0] in out]


def test_run_stands_in_a_pipe(media: Path, model: Path) -> None:
    with open_sequence(media / "good.mp4") as sequence:
        frames, info = list(sequence), sequence.info
    run = [sys.executable, "-m", "seqimg", "predict", "run"]
    flags = ["--model", model, "--horizon", "3", "--lead-in", "2"]
    raw = f"{info.width}x{info.height}@{info.fps}"
    done = subprocess.run(
        [*run, "-", "--raw", raw, *flags, "-o", "-"],
        input=b"".join(frame.tobytes() for frame in frames),
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert f"-pixel_format rgb24 -video_size {info.width}x{info.height} -framerate {info.fps} -i -" in said
    assert "Try:" not in said
    made = np.frombuffer(done.stdout, np.uint8).reshape(5, info.height, info.width, 3)
    np.testing.assert_array_equal(made[:2], frames[-2:])
    assert list(contents(Path.cwd())) == []
    # What one process writes the next one reads; raw or not, the frames are the same.
    again = [sys.executable, "-m", "seqimg", "predict", "run", media / "good.mp4", *flags, "-o", "-"]
    with subprocess.Popen(again, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        second = subprocess.run(
            [*run, "-", "--raw", raw, *flags, "-o", "out.npy"],
            stdin=first.stdout,
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert np.load("out.npy").shape == made.shape
    np.testing.assert_array_equal(np.load("out.npy")[:2], made[-2:])


def test_a_reader_that_goes_away_is_no_error(media: Path, model: Path) -> None:
    run = [sys.executable, "-m", "seqimg", "predict", "run", media / "good.mp4", "--model", model]
    with subprocess.Popen(
        [*run, "--horizon", "400", "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 141
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("Writing raw pixels")


def test_damaged_frames_are_left_out_when_asked_and_reported(
    cli: Cli, media: Path, model: Path, tiny: list[str]
) -> None:
    with open_sequence(media / "good.mp4") as frames:
        save_sequence(frames, "clip")
    damaged = sorted(Path("clip").iterdir())[7]
    damaged.write_bytes(damaged.read_bytes()[:-200])
    refused = cli("predict", "run", "clip", "--model", model, "--quiet")
    assert_refused(refused, 1, damaged.name, "--on-error skip")
    done = cli("predict", "run", "clip", "--model", model, "--on-error", "skip", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["frames_read"], [lost["index"] for lost in found["frames_left_out"]]) == (29, [7])
    assert "Left out of clip: 1 from frame 7" in done.stderr
    trained = cli("predict", "train", "clip", *tiny, "--on-error", "skip")
    assert trained.returncode == 0, trained.stderr
    assert "Left out of clip: 1 from frame 7" in trained.stderr


def test_the_progress_on_a_terminal_shows_loss_speed_and_time_left(media: Path, tiny: list[str]) -> None:
    shown = _on_a_terminal("predict", "train", media / "good.mp4", *tiny, "--steps", "5")
    assert re.search(r"Training .* 5/5 loss \d\S* +\d+ frames/s .* \d:\d\d:\d\d left", shown), shown


def _on_a_terminal(*arguments: str | Path) -> str:
    """Run a command whose output is a terminal and return what it showed, without the control codes."""
    reader, writer = os.openpty()
    shown = b""
    with start(*arguments, terminal=writer) as process:
        os.close(writer)
        with suppress(OSError):  # Linux's way to say that the other end is closed
            while chunk := os.read(reader, 65536):
                shown += chunk
        assert process.wait(timeout=60) == 0, shown
    os.close(reader)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
