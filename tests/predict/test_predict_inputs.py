"""What people hand in: black and constant video, gaps, other channels, sizes and rates, too little of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqimg.cli.main import main
from seqimg.sequences import save_sequence
from tests.predict.clips import drifting
from tests.training.conftest import Died, Training, dies_after

TINY = "--widths 4 --context 3 --horizon 2 --steps 2 --batch-size 2 --crop 8 --size 16"


def _stack(frames: int = 40, channels: int = 1, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    return drifting(1, frames, channels, size)[0].clamp(0, 1).permute(0, 2, 3, 1).numpy()


def _trained(data: Path, out: Path, *flags: str) -> None:
    assert main(["predict", "train", str(data), *TINY.split(), *flags, "-o", str(out)]) == 0


@pytest.mark.parametrize("value", [0, 128])
def test_a_video_in_which_nothing_happens_is_learnt_measured_and_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], value: int
) -> None:
    video = tmp_path / "still.npy"
    np.save(video, np.full((30, 12, 16, 1), value, np.uint8))
    events = ("--thresholds", "0.3", "--loss", "relative+gradient+ssim+balanced_mse")
    _trained(video, tmp_path / "run", *events)
    capfd.readouterr()
    assert main(["--json", "predict", "eval", "--model", str(tmp_path / "run/model"), str(video)]) == 0
    figures = json.loads(capfd.readouterr().out)["overall"]
    assert set(figures) == {"model", "copy_last", "mean_frame", "linear", "flow"}
    assert all(np.isfinite(number) for answers in figures.values() for number in answers.values())
    for name in ("copy_last", "linear", "flow"):
        assert (figures[name]["mse"], figures[name]["psnr"], figures[name]["ssim"]) == (0, 100, 1)
        assert (figures[name]["sharpness"], figures[name]["csi_30"]) == (1, 1)
    run = ["predict", "run", str(video), "--model", str(tmp_path / "run/model"), "--rolling"]
    assert main([*run, "-o", "side.npy"]) == 0
    assert np.load("side.npy").shape == (27, 12, 48, 1)


def test_pixels_without_values_are_no_trouble_to_the_autoregressive_model(tmp_path: Path) -> None:
    stack = _stack()
    stack[np.random.default_rng(0).random(stack.shape) < 0.2] = np.nan
    stack[7] = np.nan
    np.save(tmp_path / "gaps.npy", stack)
    _trained(tmp_path / "gaps.npy", tmp_path / "run", "--model", "next_frame", "--loss", "mse+0.1*ssim")
    run = ["predict", "run", str(tmp_path / "gaps.npy"), "--model", str(tmp_path / "run/model")]
    assert main([*run, "-o", "next.npy"]) == 0
    assert np.isfinite(np.load("next.npy")).all()


def test_another_size_and_rate_are_brought_to_those_of_the_training_and_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = (255 * _stack(40, 3, (24, 32))).round().astype(np.uint8)
    save_sequence(frames, tmp_path / "small.mp4", fps=10)
    save_sequence(frames.repeat(2, 1).repeat(2, 2).repeat(3, 0), tmp_path / "large.mp4", fps=30)
    _trained(tmp_path / "small.mp4", tmp_path / "run", "--fps", "10")
    for name, said in (
        ("small", "Resampled as in training: 32×24 pixels to 16×12.\n"),
        ("large", "Resampled as in training: 64×48 pixels to 16×12, 30 fps to 10.\n"),
    ):
        capfd.readouterr()
        run = [
            "--json",
            "predict",
            "run",
            str(tmp_path / f"{name}.mp4"),
            "--model",
            str(tmp_path / "run/model"),
        ]
        assert main([*run, "--rolling", "--horizon", "2"]) == 0
        talk = capfd.readouterr()
        assert said in talk.err
        summary = json.loads(talk.out.splitlines()[-1])
        assert (summary["frames_read"], summary["frames_written"], summary["fps"]) == (40, 37, 10)
    # The same scene at the same times: every third frame of the one is the other's.
    rows = [json.loads(Path(f"{name}.predict.json").read_text())["answers"] for name in ("small", "large")]
    assert [3 * row["frame"] for row in rows[0]] == [row["frame"] for row in rows[1]]


def test_another_rate_than_that_of_the_data_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    frames = (255 * _stack(40, 3, (24, 32))).round().astype(np.uint8)
    for name, rate in (("slow", 10), ("like", 10.2), ("fast", 50)):
        save_sequence(frames, f"{name}.mp4", fps=rate)
    np.save("timeless.npy", frames)
    _trained(Path("slow.mp4"), Path("run"))
    other = (
        "The model was trained at 10 fps, this source has 50: its frames are taken as they come; "
        "--fps 10 resamples.\n"
    )
    for source, flags, said, written in (
        ("slow.mp4", [], None, 37),
        ("like.mp4", [], None, 37),
        ("timeless.npy", [], None, 37),
        ("fast.mp4", [], other, 37),
        ("fast.mp4", ["--fps", "10"], "Resampled: 32×24 pixels to 16×12, 50 fps to 10.\n", 5),
        ("fast.mp4", ["--fps", "50"], "Resampled: 32×24 pixels to 16×12.\n", 37),
    ):
        capfd.readouterr()
        run = ["predict", "run", source, "--model", "run/model", "--rolling", "--horizon", "2", *flags]
        assert main([*run, "-o", "rows.csv", "--overwrite"]) == 0
        found = capfd.readouterr().err
        assert said is None or said in found
        assert ("The model was trained at" in found) == (said == other)
        assert len(Path("rows.csv").read_text().splitlines()) == 1 + written
    assert main(["predict", "run", "fast.mp4", "--model", "run/model", "--fps", "0"]) == 2


def test_channels_that_make_no_picture_go_to_an_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("two.npy", _stack(20, 2))
    assert main(["predict", "train", "two.npy", "--axes", "THWC", *TINY.split(), "-o", "run"]) == 0
    run = ["predict", "run", "two.npy", "--axes", "THWC", "--model", "run/model"]
    assert main([*run, "--horizon", "3"]) == 0
    assert "No video holds 2 channels; an array does.\n" in capfd.readouterr().err
    assert np.load("two.predict.npy").shape == (3, 12, 16, 2)
    assert json.loads(Path("two.predict.json").read_text())["output"] == "two.predict.npy"
    Path("two.predict.json").unlink()
    assert main(run) == 1
    assert "two.predict.npy" in capfd.readouterr().err
    assert main([*run, "-o", "two.mp4"]) == 1
    assert "video cannot hold 2 channels" in capfd.readouterr().err


def test_too_little_too_far_and_other_channels_are_refused_in_three_lines(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "grey.npy", _stack())
    np.save(tmp_path / "two.npy", _stack(2))
    np.save(tmp_path / "colour.npy", _stack(20, 3))
    _trained(tmp_path / "grey.npy", tmp_path / "run")
    model = ["--model", str(tmp_path / "run/model")]
    for words, code, why in (
        (["run", "two.npy", *model], 1, "has 2 frames, this model needs 3"),
        (["run", "grey.npy", *model, "--horizon", "0"], 2, "horizon"),
        (["run", "colour.npy", *model], 1, "frames of 1 channels, these have 3"),
        (["train", "two.npy", "--context", "5"], 1, "has 2 frames, a clip needs 10"),
        (["train", "grey.npy", "--horizon", "0"], 2, "horizon"),
        (["train", "grey.npy", "--loss", "mse+gradent"], 2, "did you mean 'gradient'"),
        (["train", "grey.npy", "--metrics", "lpips"], 2, "there is no 'lpips'"),
    ):
        capfd.readouterr()
        found = main(["predict", *(str(tmp_path / w) if w.endswith(".npy") else w for w in words)])
        said = capfd.readouterr().err
        assert (found, why in said) == (code, True), said
        lines = [line for line in said.strip().splitlines() if not line.startswith(("Read ", "Comput"))]
        assert len(lines) <= 3, said


def test_scheduled_sampling_goes_on_where_it_was(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", _stack(60, 1, (20, 20)))
    weights = []
    for name, stops in (("straight", ()), ("broken", (2, 3, 5))):
        training = Training(
            tmp_path / name,
            tmp_path / "a.npy",
            model="next_frame",
            horizon=4,
            sampling=(0.1, 0.9),
            save_every=1,
        )
        for step in stops:
            with pytest.raises(Died):
                training(dies_after(step))
        weights.append(training().fingerprint)
    assert weights[0] == weights[1]
