"""A bright bar that sweeps over a dark ground, to the right or to the left, which is its class."""

import numpy as np

from seqimg.data.generators import Sample
from seqimg.data.generators.generator import Split, check_request, generator_rng

CLASSES = ("left", "right")


def sweeps(
    index: int, *, length: int, size: tuple[int, int], seed: int, split: Split, speed: float = 1.5
) -> Sample:
    """Make one sequence.

    Args:
        index: Which one: the same arguments always give the same frames.
        length: Frames.
        size: Height and width.
        seed: Which data set.
        split: Which part.
        speed: Pixels a frame. Keyword arguments like this one are options: `demo:sweeps?speed=2`.

    Returns:
        `[T, H, W, 1]` uint8, and the class.
    """
    check_request(index, length=length, size=size, seed=seed, split=split, channels=1)
    rng = generator_rng("sweeps", index, seed, split)
    label = CLASSES[int(rng.integers(2))]
    height, width = size
    begin, thickness = rng.uniform(0, width), rng.uniform(0.1, 0.3) * width
    ground = rng.uniform(0, 60, (height, width))
    columns = np.arange(width)
    frames = np.empty((length, height, width, 1), np.uint8)
    for time in range(length):
        place = begin + speed * time * (1 if label == "right" else -1)
        bar = (columns - place) % width < thickness
        frames[time, ..., 0] = ground + 180 * bar
    return Sample(frames, label=label, classes=CLASSES)
