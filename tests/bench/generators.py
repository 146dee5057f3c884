"""How long `moving_digits_batch` takes beside loops that paste one digit into one frame at a time.

Run by hand, on a machine with nothing else to do: `python tests/bench/generators.py`. Loop and batch get the same
pictures from an IDX file in memory, make as many frames of the same size, and are measured in turns, so that a
busy machine slows both alike; freed memory is kept in the process, as `seqimg data make` has it. Figures are
ratios of medians. The rows are

- `script`: a loop written as the generation scripts of the papers are: paths step by step in NumPy scalars,
  then `data[i, top:bottom, left:right] = np.maximum(…)`. This ratio must be at least 20.
- `lean`: the same loop made as quick as it can be while it is one: paths in Python's floats, frames as views,
  maximum in place.
- `Pillow`: each digit pasted into a picture of its own, as the oldest script does.
- `between pixels`: digits placed exactly, against the lean loop with a bilinear shift of each picture.
- `drawn`: exact places again, and the digits drawn in Pillow's font by both.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seqimg.data.generators import moving_digits_batch
from seqimg.data.generators.digits import glyph
from seqimg.kernels.allocator import keep_freed_memory

LIMIT = 20.0
LENGTH, SIDE, DIGITS, PICTURE = 20, 64, 2, 28
SPEED = 0.1
Frames = NDArray[np.uint8]
Paste = Callable[[Frames, Frames, np.random.Generator], None]


def path(rng: np.random.Generator, number: Callable[[float], float]) -> tuple[list[float], list[float]]:
    """Walk through the unit square and bounce, step by step."""
    y, x = number(rng.random()), number(rng.random())
    angle = rng.random() * 2 * np.pi
    down, across = number(np.sin(angle)), number(np.cos(angle))
    ys, xs = [], []
    for _ in range(LENGTH):
        y += down * SPEED
        x += across * SPEED
        if x <= 0:
            x, across = number(0), -across
        if x >= 1:
            x, across = number(1), -across
        if y <= 0:
            y, down = number(0), -down
        if y >= 1:
            y, down = number(1), -down
        ys.append(y * (SIDE - PICTURE))
        xs.append(x * (SIDE - PICTURE))
    return ys, xs


def as_scripts_do(data: Frames, picture: Frames, rng: np.random.Generator) -> None:
    """Paste a digit's way through a sequence as the papers' scripts do."""
    tops, lefts = (np.array(way).astype(np.int32) for way in path(rng, np.float64))
    for i in range(LENGTH):
        top, left = tops[i], lefts[i]
        bottom, right = top + PICTURE, left + PICTURE
        data[i, top:bottom, left:right] = np.maximum(data[i, top:bottom, left:right], picture)


def lean(data: Frames, picture: Frames, rng: np.random.Generator) -> None:
    """Paste as quickly as a loop can."""
    for frame, top, left in zip(data, *path(rng, float), strict=True):
        row, column = int(top), int(left)
        place = frame[row : row + PICTURE, column : column + PICTURE]
        np.maximum(place, picture, out=place)


def by_pillow(data: Frames, picture: Frames, rng: np.random.Generator) -> None:
    """Paste into a picture of its own for each frame."""
    image = Image.fromarray(picture)
    for frame, top, left in zip(data, *path(rng, float), strict=True):
        canvas = Image.new("L", (SIDE, SIDE))
        canvas.paste(image, (int(left), int(top)))
        np.maximum(frame, np.asarray(canvas), out=frame)


def between(data: Frames, picture: Frames, rng: np.random.Generator) -> None:
    """Paste between pixels, by bilinear weights."""
    wide = np.zeros((PICTURE + 2, PICTURE + 2), np.float32)
    wide[1:-1, 1:-1] = picture
    for frame, top, left in zip(data, *path(rng, float), strict=True):
        row, column = min(int(top), SIDE - PICTURE - 1), min(int(left), SIDE - PICTURE - 1)
        down, across = top - row, left - column
        rows = wide[1:] * (1 - down) + wide[:-1] * down
        moved = rows[:, 1:] * (1 - across) + rows[:, :-1] * across
        place = frame[row : row + PICTURE + 1, column : column + PICTURE + 1]
        np.maximum(place, (moved + np.float32(0.5)).astype(np.uint8), out=place)


def loop(sequences: int, pick: Callable[[], Frames], paste: Paste, rng: np.random.Generator) -> Frames:
    """Make sequences one frame and one digit at a time."""
    made = np.zeros((sequences, LENGTH, SIDE, SIDE), np.uint8)
    for sequence in made:
        for _ in range(DIGITS):
            paste(sequence, pick(), rng)
    return made


def measure(sequences: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return microseconds a sequence of each row, and their ratio, after one round that nobody counts."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (10_000, PICTURE, PICTURE), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        idx = Path(folder) / "pictures-idx3-ubyte"
        idx.write_bytes(bytes.fromhex("00000803 00002710 0000001c 0000001c") + pictures.tobytes())
        blocks = count()

        def batch(**options: object) -> None:
            first = next(blocks) * sequences  # new sequences every time, as training has
            common = {"length": LENGTH, "size": (SIDE, SIDE), "seed": 0, "split": "train"}
            moving_digits_batch(range(first, first + sequences), **common, **options)  # type: ignore[arg-type]

        def any_picture() -> Frames:
            return pictures[rng.integers(8000)]

        def drawn() -> Frames:
            return glyph(int(rng.integers(10)), int(rng.integers(8000)), PICTURE)

        whole = partial(batch, idx=idx, placement="pixel")
        rows = {
            "script": (partial(loop, sequences, any_picture, as_scripts_do, rng), whole),
            "lean": (partial(loop, sequences, any_picture, lean, rng), whole),
            "Pillow": (partial(loop, sequences, any_picture, by_pillow, rng), whole),
            "between pixels": (partial(loop, sequences, any_picture, between, rng), partial(batch, idx=idx)),
            "drawn": (partial(loop, sequences, drawn, between, rng), partial(batch)),
        }
        return {name: _compare(*both, sequences=sequences, repeats=repeats) for name, both in rows.items()}


def _compare(
    slow: Callable[[], object], quick: Callable[[], object], *, sequences: int, repeats: int
) -> dict[str, float]:
    seconds: tuple[list[float], list[float]] = ([], [])
    for round_number in range(repeats + 1):
        for run, times in zip((slow, quick), seconds, strict=True):
            started = perf_counter()
            run()
            if round_number:
                times.append(perf_counter() - started)
    loops, batches = (statistics.median(times) / sequences * 1e6 for times in seconds)
    return {"loop_us": loops, "batch_us": batches, "ratio": loops / batches}


def main() -> int:
    """Measure, print, and return 0 if the ratio is at least the limit, 4 if not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=256, help="made in one call [256]")
    parser.add_argument("--repeats", type=int, default=7, help="rounds that count [7]")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    options = parser.parse_args()
    keep_freed_memory()
    rows = measure(options.sequences, options.repeats)
    ratio = rows["script"]["ratio"]
    if options.json:
        print(json.dumps({"ratio": ratio, "limit": LIMIT, "rows": rows}))
    else:
        print(f"{'µs a sequence of 20 frames, 64×64':<36}{'loop':>9}{'batch':>9}{'ratio':>8}")
        for name, figures in rows.items():
            print("{:<36}{:>9.1f}{:>9.1f}{:>8.1f}".format(name, *figures.values()))
        print(f"The batch takes 1/{ratio:.1f} of the time of the scripts' loop; 1/{LIMIT:g} is asked for.")
    return 0 if ratio >= LIMIT else 4


if __name__ == "__main__":
    sys.exit(main())
