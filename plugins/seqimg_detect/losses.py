"""How far a detector's maps are from what they should have said."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from seqimg_detect.decoding import centres
from seqimg_detect.targets import inside, targets
from seqimg_detect.truth import ClipTruth

__all__ = ["clip_losses", "focal_loss", "generalised_overlaps", "kind_loss", "overlap_loss"]


def clip_losses(
    maps: Tensor, truths: Sequence[ClipTruth], *, stride: int, classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses of the scores, of telling classes apart, and of the boxes, each `[R]`, of R networks.

    The first is a focal loss of every score by itself, the second the cross-entropy of what a thing is where there
    is one, the third that of the boxes' overlaps. All are per true box, or position that stands for one. Frames of
    padding count for nothing, nor do positions that stand for a box which does not count, or lie in a crowd, and stand
    for none that does.

    Args:
        maps: `[B, R, T, K + 4, h, w]`.
        truths: What is right about each clip.
        stride: Pixels that one position stands for.
        classes: Number K of classes.
    """
    networks, frames, _, *size = maps.shape[1:]
    grid = (int(size[0]), int(size[1]))
    points = centres(*grid, stride, maps.device)
    scores, kinds, boxes = (torch.zeros(networks, device=maps.device) for _ in range(3))
    count, weight = 0, torch.zeros((), device=maps.device)
    for clip, truth in zip(maps.float(), truths, strict=True):
        right, unclear = (
            targets(some, frames=frames, grid=grid, stride=stride, classes=classes)
            for some in (truth.boxes, truth.uncounted)
        )
        unclear_there = (unclear.weights > 0) | inside(truth.crowds, points, frames)
        fair = ~unclear_there | (right.weights > 0)  # [T, h, w]
        fair[truth.frames :] = False
        wrong = focal_loss(clip[:, :, :classes], right.scores.expand(networks, *right.scores.shape))
        scores = scores + (wrong * fair[:, None]).flatten(1).sum(1)
        kinds = kinds + kind_loss(clip[:, :, :classes], right.scores, right.weights)
        reach = clip[:, :, classes:].movedim(2, -1) * stride  # [R, T, h, w, 4]
        boxes = boxes + torch.stack(
            [
                overlap_loss(one, points.expand(frames, *grid, 2), right.corners, right.weights)
                for one in reach
            ]
        )
        count, weight = count + len(truth.boxes), weight + right.weights.sum()
    return scores / max(count, 1), kinds / weight.clamp(min=1), boxes / weight.clamp(min=1)


def kind_loss(logits: Tensor, scores: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy of the classes against each other where there is a thing, `[R]`, weighted and summed.

    The focal loss hardly cares which class it is as long as it is unsure of all; this one does.

    Args:
        logits: `[R, T, K, h, w]`, of R networks.
        scores: `[T, K, h, w]` in [0, 1]: what there is; the classes of several things at one place share it.
        weights: `[T, h, w]`.

    Example:
        >>> logits = torch.tensor([[[0.0], [0.0]]])[..., None, None]
        >>> kind_loss(logits.transpose(1, 2), torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1), torch.ones(1, 1, 1))
        tensor([0.6931])
    """
    share = scores / scores.sum(1, keepdim=True).clamp(min=1e-6)
    each = -(share * logits.log_softmax(2)).sum(2)  # [R, T, h, w]
    return (each * weights).flatten(1).sum(1)


def focal_loss(logits: Tensor, scores: Tensor, power: float = 2.0) -> Tensor:
    """Return the focal loss for soft targets, of each value.

    Its cross-entropy counts as much as the answer is wrong, to the power of `power` (Li et al., "Generalized
    Focal Loss", NeurIPS 2020, eq. 1; with targets 0 and 1 it is Lin et al., "Focal Loss for Dense Object
    Detection", ICCV 2017, without alpha).

    Args:
        logits: Of any shape.
        scores: What their sigmoid should be, of the same shape, in [0, 1].
        power: 0 is plain cross-entropy.

    Example:
        >>> focal_loss(torch.zeros(2), torch.tensor([0.0, 1.0]))
        tensor([0.1733, 0.1733])
    """
    wrong = (logits.sigmoid() - scores).abs() ** power
    return wrong * binary_cross_entropy_with_logits(logits, scores, reduction="none")


def generalised_overlaps(some: Tensor, others: Tensor) -> Tensor:
    """Return the generalised intersection over union of boxes `[…, 4]` one by one, `[…]` in [-1, 1].

    It falls on where boxes do not touch any more (Rezatofighi et al., "Generalized Intersection over Union",
    CVPR 2019).

    Example:
        >>> apart = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), torch.tensor([[0.0, 0, 1, 1], [2, 0, 3, 1]])
        >>> generalised_overlaps(*apart)
        tensor([ 1.0000, -0.3333])
    """
    upper, lower = (
        torch.maximum(some[..., :2], others[..., :2]),
        torch.minimum(some[..., 2:], others[..., 2:]),
    )
    shared = (lower - upper).clamp(min=0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1) for boxes in (some, others)]
    union = (areas[0] + areas[1] - shared).clamp(min=1e-6)
    around = torch.maximum(some[..., 2:], others[..., 2:]) - torch.minimum(some[..., :2], others[..., :2])
    hull = around.clamp(min=0).prod(-1).clamp(min=1e-6)
    return shared / union - (hull - union) / hull


def overlap_loss(distances: Tensor, points: Tensor, corners: Tensor, weights: Tensor) -> Tensor:
    """Return one minus the generalised overlap of answered and true boxes, weighted and summed.

    Args:
        distances: `[…, 4]` pixels from each position to the left, top, right and bottom.
        points: `[…, 2]` pixels, the positions.
        corners: `[…, 4]` pixels, the true boxes.
        weights: `[…]`; where it is 0 nothing counts, not even what is not finite.

    Example:
        >>> overlap_loss(torch.ones(1, 4), torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 0, 2, 2]]), torch.ones(1))
        tensor(0.)
    """
    there = weights > 0
    near, far = distances[there].split(2, dim=-1)
    place = points[there]
    answered = torch.cat([place - near, place + far], -1)
    return (weights[there] * (1 - generalised_overlaps(answered, corners[there]))).sum()
