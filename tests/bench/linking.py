"""How often linked boxes of generated tracks change their number: `python tests/bench/linking.py`."""

import torch

from seqimg.data.generators import tracks
from seqimg_detect.decoding import Detections
from seqimg_detect.linking import Linker

SEQUENCES, FRAMES, SIDE = 40, 48, 128
IN_SIGHT = 0.25


def switches(gap: int) -> tuple[int, int, int]:
    """Return how often a thing got another number than before, and how many things and boxes there are."""
    changed = things = boxes = 0
    for index in range(SEQUENCES):
        truth = tracks(
            index, length=FRAMES, size=(SIDE, SIDE), seed=1, split="test", objects=5, bars=4, noise=0.06
        ).tracks
        assert truth is not None
        linker, last = Linker(gap=gap), {}
        for frame in range(FRAMES):
            here = (truth.frame == frame) & (truth.visibility >= IN_SIGHT)
            some = [torch.from_numpy(part[here]) for part in (truth.box, truth.visibility, truth.category)]
            for track, number in zip(
                truth.track[here].tolist(), linker.step(Detections(*some)).tolist(), strict=True
            ):
                changed += last.get(track, number) != number
                last[track] = number
                boxes += 1
        things += len(last)
    return changed, things, boxes


if __name__ == "__main__":
    for gap in (0, 8, 16):
        changed, things, boxes = switches(gap)
        print(f"gap {gap}: {changed} changes of number, {things} things, {boxes:,} boxes")
