"""What a detector's maps should have said: which positions stand for which box."""

from typing import NamedTuple

import torch
from torch import Tensor

from seqimg.data import Boxes
from seqimg_detect.decoding import centres

__all__ = ["Targets", "inside", "targets"]

_RADIUS = 1.5  # strides around a box's centre in which positions answer for it


class Targets(NamedTuple):
    """What the maps of a clip should have said.

    Attributes:
        scores: `[T, K, h, w]` in [0, 1]: 1 at the position nearest to the centre of a box, less farther out.
        corners: `[T, h, w, 4]` pixels: the box that a position answers for.
        weights: `[T, h, w]` in [0, 1]: how much its answer counts; 0 where it stands for none.
    """

    scores: Tensor
    corners: Tensor
    weights: Tensor


def targets(boxes: Boxes, *, frames: int, grid: tuple[int, int], stride: int, classes: int) -> Targets:
    """Say what maps should have said about the boxes of a clip.

    Positions within 1.5 strides of a box's centre and inside it answer for it, as much as they are in its
    middle (the centre-ness of Tian et al., "FCOS", ICCV 2019, eq. 3, over its greatest in the box). So does
    the one nearest to its centre, however small it is. Of several boxes the smallest is answered for.

    Args:
        boxes: The boxes.
        frames: Frames T of the clip.
        grid: Height and width of the maps.
        stride: Pixels that one position stands for.
        classes: Number K of classes.

    Example:
        >>> boxes = Boxes.of([[0, 0, 8, 8]], frames=[1], labels=[1])
        >>> found = targets(boxes, frames=2, grid=(2, 2), stride=4, classes=2)
        >>> found.scores[1, 1], found.weights[0].sum()
        (tensor([[1., 1.],
                [1., 1.]]), tensor(0.))
    """
    corners = boxes.corners
    points = centres(*grid, stride, corners.device)
    scores = corners.new_zeros(frames, classes, *grid)
    target = corners.new_zeros(frames, *grid, 4)
    weights = corners.new_zeros(frames, *grid)
    areas = (corners[:, 2:] - corners[:, :2]).prod(1)
    for frame in boxes.frames.unique().tolist():
        which = (boxes.frames == frame).nonzero()[:, 0]
        shares = _shares(corners[which], points, stride)  # [n, h, w]
        for label, share in zip(boxes.labels[which].tolist(), shares, strict=True):
            scores[frame, label] = torch.maximum(scores[frame, label], share)
        cost = torch.where(shares > 0, areas[which][:, None, None], torch.inf)
        chosen = cost.argmin(0, keepdim=True)
        weights[frame] = shares.gather(0, chosen)[0]
        target[frame] = corners[which][chosen[0]]
    return Targets(scores, target, weights)


def inside(boxes: Boxes, points: Tensor, frames: int) -> Tensor:
    """Return which places `[h, w, 2]` lie in any of the boxes, in each of T frames, bool `[T, h, w]`.

    Example:
        >>> inside(Boxes.of([0, 0, 3, 4], frames=[1]), centres(1, 2, stride=4), frames=2).tolist()
        [[[False, False]], [[True, False]]]
    """
    found = torch.zeros(frames, *points.shape[:2], dtype=torch.bool, device=points.device)
    for frame, (left, top, right, bottom) in zip(boxes.frames.tolist(), boxes.corners.tolist(), strict=True):
        across, down = points[..., 0], points[..., 1]
        found[frame] |= (across > left) & (across < right) & (down > top) & (down < bottom)
    return found


def _shares(corners: Tensor, points: Tensor, stride: int) -> Tensor:
    """Return how much each position answers for each box, `[n, h, w]` in [0, 1]."""
    before = points - corners[:, None, None, :2]
    after = corners[:, None, None, 2:] - points
    middles = (corners[:, :2] + corners[:, 2:]) / 2
    away = (points - middles[:, None, None]).abs().amax(-1)
    inside = (torch.minimum(before, after).amin(-1) > 0) & (away <= _RADIUS * stride)
    ratios = torch.minimum(before, after).clamp(min=0) / torch.maximum(before, after).clamp(min=1e-6)
    shares = torch.where(inside, ratios.prod(-1).sqrt(), 0)
    height, width = points.shape[:2]
    places = (middles / stride).long()
    columns, rows = places[:, 0].clamp(0, width - 1), places[:, 1].clamp(0, height - 1)
    boxes = torch.arange(len(corners), device=corners.device)
    shares[boxes, rows, columns] = torch.maximum(shares[boxes, rows, columns], shares.new_tensor(1e-3))
    return shares / shares.amax((1, 2), keepdim=True)
