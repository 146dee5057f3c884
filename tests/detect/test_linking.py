"""Boxes get the numbers of the things they are around."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.data.generators import tracks
from seqimg_detect.decoding import Detections
from seqimg_detect.linking import Linker


def _at(*centres: tuple[float, float], labels: Sequence[int] | None = None, side: float = 10) -> Detections:
    middle = torch.tensor(centres, dtype=torch.float32).reshape(-1, 2)
    corners = torch.cat([middle - side / 2, middle + side / 2], 1)
    kinds = torch.zeros(len(middle)) if labels is None else torch.tensor(labels)
    return Detections(corners, torch.ones(len(middle)), kinds.long())


def test_things_that_cross_keep_their_numbers() -> None:
    linker, numbers = Linker(), []
    for frame in range(21):
        # They meet in frame 10 at one place, and come in either order.
        pair = [(10.0 + 4 * frame, 50.0), (90.0 - 4 * frame, 50.0 + 0.1 * frame)]
        found = linker.step(_at(*(pair if frame % 2 else pair[::-1]))).tolist()
        numbers.append(found if frame % 2 else found[::-1])
    assert all(found == numbers[0] for found in numbers)
    assert set(numbers[0]) == {1, 2}


@pytest.mark.parametrize("hidden", [1, 4, 8])
def test_a_hidden_thing_keeps_its_number(hidden: int) -> None:
    linker = Linker(gap=8)
    for frame in range(5):
        linker.step(_at((10.0 + 5 * frame, 30), (80, 80)))
    for _ in range(hidden):
        assert linker.step(_at((80, 80))).tolist() == [2]
    back = 10.0 + 5 * (5 + hidden)
    # A little off the way it was on, and another thing where it would be had it stopped.
    assert linker.step(_at((back, 33), (30, 30), (80, 80))).tolist() == [1, 3, 2]


def test_a_thing_hidden_for_longer_than_the_gap_is_new() -> None:
    linker = Linker(gap=3)
    linker.step(_at((50, 50)))
    for _ in range(4):
        linker.step(_at())
    assert linker.step(_at((50, 50))).tolist() == [2]


def test_classes_are_told_apart_and_cuts_begin_anew() -> None:
    linker = Linker()
    assert linker.step(_at((50, 50), (51, 50), labels=[0, 1])).tolist() == [1, 2]
    assert linker.step(_at((51, 50), (50, 50), labels=[1, 0])).tolist() == [2, 1]
    assert linker.step(_at((50, 50), labels=[4])).tolist() == [3]
    linker.leave()
    assert linker.step(_at((50, 50), labels=[4])).tolist() == [4]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(0, 4))
def test_numbers_are_unique_and_never_come_back_for_something_else(seed: int, speed: bool, gap: int) -> None:
    rng = np.random.default_rng(seed)
    linker, kinds = Linker(gap=gap, speed=speed), {}
    for _ in range(15):
        count = int(rng.integers(0, 6))
        found = _at(*(rng.random((count, 2)) * 40).tolist(), labels=rng.integers(0, 2, count).tolist())
        numbers = linker.step(found)
        assert numbers.dtype == torch.int64
        assert len(set(numbers.tolist())) == count
        for number, label in zip(numbers.tolist(), found.labels.tolist(), strict=True):
            assert kinds.setdefault(number, label) == label
    assert sorted(kinds) == list(range(1, len(kinds) + 1))


def test_what_is_kept_does_not_grow() -> None:
    linker, rng = Linker(gap=5), np.random.default_rng(0)
    for _ in range(300):
        linker.step(_at(*(rng.random((4, 2)) * 1000).tolist()))
    assert len(linker._tracks) <= 4 * 6


def _switches(gap: int) -> tuple[int, int]:
    """Return how often a thing got another number, and the number of boxes, over generated sequences."""
    switches, boxes = 0, 0
    for index in range(8):
        truth = tracks(index, length=48, size=(96, 96), seed=1, split="test", objects=5, bars=4).tracks
        assert truth is not None
        linker, last = Linker(gap=gap), {}
        for frame in range(48):
            here = (truth.frame == frame) & (truth.visibility >= 0.25)
            some = [torch.from_numpy(part[here]) for part in (truth.box, truth.visibility, truth.category)]
            numbers = linker.step(Detections(*some)).tolist()
            for track, number in zip(truth.track[here].tolist(), numbers, strict=True):
                switches += last.setdefault(track, number) != number
                last[track] = number
            boxes += len(numbers)
    return switches, boxes


def test_few_numbers_are_mixed_up_on_generated_tracks() -> None:
    switches, boxes = _switches(12)
    assert switches <= boxes / 200
    assert _switches(0)[0] > 5 * switches
