"""The data set keeps the contract of generated data sets."""

from seqimg_example.data import sweeps

from seqimg.testing import DatasetContract


class TestSweeps(DatasetContract):
    name = "sweeps"


def test_the_bar_moves_as_its_class_says() -> None:
    for index in range(6):
        sample = sweeps(index, length=2, size=(8, 40), seed=0, split="train")
        bright = [set((frame[0, :, 0] > 120).nonzero()[0]) for frame in sample.frames]
        step = 1 if sample.label == "right" else -1
        moved = {(column + 2 * step) % 40 for column in bright[0]}
        assert len(moved ^ bright[1]) <= 2
