"""Boxes read from maps: thresholds, one box for each thing, edges."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqimg_detect.decoding import Detections, box_overlaps, centres, detections, suppressed


def _boxes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=generator) * 12
    sides = torch.rand(count, 2, generator=generator) * 8
    labels = torch.randint(3, (count,), generator=generator)
    return torch.cat([corners, corners + sides], 1), labels


def _one_by_one(corners: list[list[float]], labels: list[int], overlap: float) -> list[bool]:
    """Suppression as everyone writes it first: a box at a time, an area at a time."""
    gone = [False] * len(corners)
    for one in range(len(corners)):
        if gone[one]:
            continue
        for other in range(one + 1, len(corners)):
            wide = min(corners[one][2], corners[other][2]) - max(corners[one][0], corners[other][0])
            tall = min(corners[one][3], corners[other][3]) - max(corners[one][1], corners[other][1])
            shared = max(wide, 0.0) * max(tall, 0.0)
            areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (corners[one], corners[other]))
            if labels[one] == labels[other] and shared / max(areas - shared, 1e-12) > overlap:
                gone[other] = True
    return gone


@given(count=st.integers(0, 60), seed=st.integers(0, 10**6), overlap=st.floats(0.05, 0.95))
@settings(max_examples=80, deadline=None)
def test_boxes_give_way_as_in_the_plain_loop(count: int, seed: int, overlap: float) -> None:
    corners, labels = _boxes(count, seed)
    corners = corners.double()  # an overlap at the very threshold must not depend on rounding
    assert suppressed(corners, labels, overlap).tolist() == _one_by_one(
        corners.tolist(), labels.tolist(), overlap
    )


def test_a_chain_of_boxes_is_settled_link_by_link() -> None:
    lefts = torch.arange(40.0)
    corners = torch.stack([lefts, torch.zeros(40), lefts + 3, torch.ones(40)], 1)
    # Each overlaps the next by a half, and the next but one by a fifth: every other one stays.
    assert suppressed(corners, torch.zeros(40), 0.4).tolist() == [False, True] * 20


def test_maps_say_where_a_box_is_and_how_sure_they_are() -> None:
    maps = torch.full((3 + 4, 5, 6), -20.0)
    maps[1, 2, 3] = 2.0
    maps[3:, 2, 3] = torch.tensor([1.0, 2.0, 0.5, -3.0])  # what is not positive has no reach
    found = detections(maps, stride=4, threshold=0.5)
    assert found.corners.tolist() == [[14 - 4, 10 - 8, 14 + 2, 10]]
    assert (found.labels.tolist(), found.scores.tolist()) == ([1], [torch.tensor(2.0).sigmoid().item()])
    assert len(detections(maps, stride=4, threshold=0.9)) == 0


def test_the_surest_come_first_and_no_more_than_asked_for() -> None:
    maps = torch.randn(2 + 4, 8, 8, generator=torch.Generator().manual_seed(0))
    maps[2:] = 0.2  # small boxes: none overlaps another
    found = detections(maps, stride=8, threshold=0.0, most=9)
    assert found.scores.tolist() == sorted(maps[:2].sigmoid().flatten().tolist(), reverse=True)[:9]


def test_two_classes_may_be_at_one_place_but_one_class_only_once() -> None:
    maps = torch.full((2 + 4, 4, 4), -20.0)
    maps[0, 1, 1], maps[0, 1, 2], maps[1, 1, 1] = 3.0, 2.0, 1.0
    maps[2:] = 2.0
    assert detections(maps, stride=4).labels.tolist() == [0, 1]
    assert detections(maps, stride=4, overlap=0.9).labels.tolist() == [0, 0, 1]


def test_nothing_found_is_no_boxes_of_the_right_shape() -> None:
    found = detections(torch.full((6, 3, 3), -20.0), stride=4)
    assert (found.corners.shape, found.scores.shape, found.labels.shape) == ((0, 4), (0,), (0,))
    assert len(found.scaled((3, 3), (6, 6)).within((4, 4))) == 0


def test_boxes_beyond_the_frame_are_cut_or_dropped() -> None:
    corners = torch.tensor([[-4.0, -4, 4, 4], [-9, 0, -2, 5], [6, 6, 30, 30]])
    found = Detections(corners, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 1, 2])).within((8, 10))
    assert found.corners.tolist() == [[0, 0, 4, 4], [6, 6, 10, 8]]
    assert found.labels.tolist() == [0, 2]


def test_overlaps_of_boxes_without_area_are_0() -> None:
    flat = torch.tensor([[1.0, 1, 1, 4], [3, 3, 2, 2]])
    assert box_overlaps(flat, flat).tolist() == [[0, 0], [0, 0]]


def test_positions_stand_for_the_middle_of_their_pixels() -> None:
    assert centres(2, 3, stride=8)[1, 2].tolist() == [20, 12]
