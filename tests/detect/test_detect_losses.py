"""What maps should have said, and how far from it they are."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqimg.data import Boxes
from seqimg_detect.decoding import centres, detections
from seqimg_detect.losses import clip_losses, focal_loss, generalised_overlaps, kind_loss
from seqimg_detect.targets import targets
from seqimg_detect.truth import ClipTruth

NONE = Boxes.of([], [])


def _truth(boxes: Boxes, frames: int = 1, uncounted: Boxes = NONE) -> ClipTruth:
    return ClipTruth(boxes, uncounted, NONE, frames, (32, 32))


def _perfect(boxes: Boxes, frames: int, grid: tuple[int, int], stride: int, classes: int) -> Tensor:
    """Maps that say exactly what they should, `[T, K + 4, h, w]`."""
    right = targets(boxes, frames=frames, grid=grid, stride=stride, classes=classes)
    points = centres(*grid, stride)
    reach = torch.cat([points - right.corners[..., :2], right.corners[..., 2:] - points], -1) / stride
    return torch.cat([right.scores.clamp(1e-6, 1 - 1e-6).logit(), reach.movedim(-1, 1)], 1)


def test_what_maps_should_say_is_read_back_as_the_boxes() -> None:
    corners = [[3.0, 2, 19, 12], [12, 14, 31, 30], [0, 0, 8, 9], [20, 1, 30, 13]]
    boxes = Boxes.of(corners, frames=[0, 0, 1, 1], labels=[0, 2, 1, 1])
    for frame, maps in enumerate(_perfect(boxes, 2, (8, 8), 4, 3)):
        found, right = detections(maps, stride=4, threshold=0.3), boxes.in_frame(frame)
        assert sorted(found.corners.round().tolist()) == sorted(right.corners.tolist())
        assert sorted(found.labels.tolist()) == sorted(right.labels.tolist())


@given(
    boxes=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40)), max_size=6
    ),
    stride=st.sampled_from([2, 4, 8]),
)
@settings(max_examples=60, deadline=None)
def test_every_box_has_a_position_that_stands_for_it(
    boxes: list[tuple[int, int, int, int]], stride: int
) -> None:
    corners = [[left, top, min(left + wide, 64), min(top + tall, 64)] for left, top, wide, tall in boxes]
    some = Boxes.of(corners, [0] * len(corners), labels=list(range(len(corners))))
    found = targets(some, frames=1, grid=(64 // stride, 64 // stride), stride=stride, classes=6)
    for label in range(len(corners)):
        assert found.scores[0, label].max() == 1
    assert found.scores[0, len(corners) :].sum() == 0
    assert bool(((found.scores >= 0) & (found.scores <= 1)).all())
    assert bool((found.weights > 0).any()) == bool(corners)


def test_the_smaller_of_two_boxes_is_answered_for() -> None:
    boxes = Boxes.of([[0, 0, 32, 32], [10, 10, 22, 22]], [0, 0], labels=[0, 1])
    found = targets(boxes, frames=1, grid=(8, 8), stride=4, classes=2)
    assert found.corners[0, 4, 4].tolist() == [10, 10, 22, 22]
    assert (found.scores[0, :, 4, 4] > 0).all()


def test_generalised_overlaps_of_known_boxes() -> None:
    one = torch.tensor([[0.0, 0, 2, 2]])
    others = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [3, 0, 4, 2], [0, 0, 0, 0]])
    # The same; a third shared and no gap; apart, a quarter of the hull between them; no area.
    torch.testing.assert_close(
        generalised_overlaps(one.expand(4, 4), others), torch.tensor([1.0, 1 / 3, -0.25, 0.0])
    )


def test_focal_loss_with_hard_targets_is_the_one_of_the_paper() -> None:
    logits = torch.linspace(-4, 4, 9, dtype=torch.float64)
    probability = logits.sigmoid()
    torch.testing.assert_close(
        focal_loss(logits, torch.ones(9).double()), -((1 - probability) ** 2) * probability.log()
    )
    torch.testing.assert_close(
        focal_loss(logits, torch.zeros(9).double()), -(probability**2) * (1 - probability).log()
    )


def test_perfect_maps_cost_nothing_and_gradients_agree_with_differences() -> None:
    boxes = Boxes.of([[3, 2, 19, 12], [12, 14, 31, 30]], [0, 1], labels=[0, 1])
    maps = _perfect(boxes, 2, (8, 8), 4, 2)[None, None]
    scores, kinds, overlaps = clip_losses(maps, [_truth(boxes, 2)], stride=4, classes=2)
    assert overlaps.item() == pytest.approx(0, abs=1e-5)
    assert scores.item() < 1e-4
    assert kinds.item() < 1e-3
    worse = maps.clone()
    worse[..., 2:, :, :] *= 1.3
    assert clip_losses(worse, [_truth(boxes, 2)], stride=4, classes=2)[2].item() > 0.2


def test_clips_without_boxes_teach_that_there_is_nothing() -> None:
    maps = torch.zeros(2, 1, 3, 5, 4, 4, requires_grad=True)
    scores, kinds, overlaps = clip_losses(maps, [_truth(NONE, 3)] * 2, stride=8, classes=1)
    (scores + kinds + overlaps).sum().backward()
    assert (overlaps.item(), kinds.item(), bool(scores > 0)) == (0, 0, True)
    assert maps.grad is not None
    assert bool((maps.grad[:, :, :, 0] > 0).all())


def test_padding_and_boxes_that_do_not_count_teach_nothing() -> None:
    boxes = Boxes.of([[0, 0, 8, 8]], [0])
    unclear = Boxes.of([[16, 16, 32, 32]], [0])
    maps = torch.zeros(1, 1, 2, 5, 4, 4, requires_grad=True)
    scores, kinds, overlaps = clip_losses(maps, [_truth(boxes, 1, unclear)], stride=8, classes=1)
    (scores + kinds + overlaps).sum().backward()
    assert maps.grad is not None
    taught = maps.grad[0, 0].abs().sum(1) > 0  # [T, h, w]
    assert not taught[1].any()
    assert taught[0, 0, 0]
    assert not taught[0, 2:, 2:].any()


def test_the_class_loss_is_the_cross_entropy_where_there_is_a_thing() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 3, 1, 2, generator=generator)
    scores = torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0]]).T.reshape(1, 3, 1, 2)  # of class 1, and nothing
    weights = torch.tensor([0.5, 0.0]).reshape(1, 1, 2)
    wanted = 0.5 * torch.nn.functional.cross_entropy(
        logits[:, 0, :, 0, 0], torch.tensor([1, 1]), reduction="none"
    )
    torch.testing.assert_close(kind_loss(logits, scores, weights), wanted)
    mixed = torch.tensor([1.0, 1.0, 0.0]).reshape(1, 3, 1, 1)
    balanced = torch.tensor([3.0, 3.0, -30.0]).reshape(1, 1, 3, 1, 1)
    torch.testing.assert_close(kind_loss(balanced, mixed, torch.ones(1, 1, 1)), torch.tensor([2.0]).log())


def test_nothing_is_learnt_inside_a_crowd_but_of_the_things_that_count_there() -> None:
    box = Boxes.of([[2.0, 2, 14, 14]], [0], labels=[0])
    crowd = Boxes.of([[0.0, 0, 32, 16]], [0], labels=[0], crowds=[True])
    maps = _perfect(box, 1, (4, 4), 8, 2)
    maps[0, 0, 1, 3] = 9.0  # something is said to be in the crowd

    def loss(crowds: Boxes) -> float:
        truth = ClipTruth(box, NONE, crowds, 1, (32, 32))
        return float(clip_losses(maps[None, None], [truth], stride=8, classes=2)[0])

    assert loss(crowd) < 0.1 < 1 < loss(NONE)
    below = replace(crowd, corners=crowd.corners + 16)
    assert loss(below) == loss(NONE)
