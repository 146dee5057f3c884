"""From a detector's maps to boxes: thresholds, and one box for each thing."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Detections", "box_overlaps", "centres", "detections", "suppressed"]

_CANDIDATES = 1000  # the best answers of a frame that are looked at, however low the threshold


@dataclass(frozen=True)
class Detections:
    """Boxes that were found in one frame, the surest first.

    Attributes:
        corners: `[N, 4]` float32: left, top, right, bottom in pixels, measured along the pixels' edges.
        scores: `[N]` float32 in [0, 1].
        labels: `[N]` int64, the class of each, counted from 0.

    Example:
        >>> found = Detections(torch.tensor([[-1.0, 0, 4, 4]]), torch.tensor([0.9]), torch.tensor([2]))
        >>> found.scaled((8, 8), (16, 32)).within((16, 10)).corners
        tensor([[ 0.,  0., 10.,  8.]])
    """

    corners: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.corners)

    def keep(self, which: Tensor) -> "Detections":
        """Return those that a bool or index tensor `[N]` names."""
        return Detections(self.corners[which], self.scores[which], self.labels[which])

    def scaled(self, before: tuple[int, int], after: tuple[int, int]) -> "Detections":
        """Return them for frames resized from one size (height, width) to another."""
        times, parts = (self.corners.new_tensor([size[1], size[0]] * 2) for size in (after, before))
        return Detections(self.corners * times / parts, self.scores, self.labels)

    def within(self, size: tuple[int, int]) -> "Detections":
        """Return them cut off at the edges of a frame of `size` (height, width); what has no area is dropped."""
        limit = self.corners.new_tensor([size[1], size[0]] * 2)
        cut = Detections(torch.minimum(self.corners.clamp(min=0), limit), self.scores, self.labels)
        return cut.keep((cut.corners[:, 2:] > cut.corners[:, :2]).all(1))

    def to(self, device: torch.device | str) -> "Detections":
        """Return them on `device`."""
        return Detections(self.corners.to(device), self.scores.to(device), self.labels.to(device))


def centres(height: int, width: int, stride: int, device: torch.device | None = None) -> Tensor:
    """Return the pixel place (x, y) that each position of a map stands for, `[h, w, 2]` float32.

    Example:
        >>> centres(1, 2, stride=4)
        tensor([[[2., 2.],
                 [6., 2.]]])
    """
    rows, columns = (
        (torch.arange(side, device=device, dtype=torch.float32) + 0.5) * stride for side in (height, width)
    )
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)


def detections(
    outputs: Tensor, *, stride: int, threshold: float = 0.05, most: int = 100, overlap: float = 0.5
) -> Detections:
    """Read the boxes of one frame from a detector's maps.

    Of boxes of one class that overlap by more than `overlap` only the surest stays.

    Args:
        outputs: `[classes + 4, h, w]`: class logits, then distances left, top, right, bottom in strides.
        stride: Pixels that one position stands for.
        threshold: Least score of a box.
        most: Most boxes of a frame.
        overlap: Intersection over union.

    Example:
        >>> maps = torch.full((5, 2, 3), -9.0)
        >>> maps[:, 0, 1] = torch.tensor([9.0, 1.0, 0.5, 1.0, 0.5])
        >>> detections(maps, stride=8)
        Detections(corners=tensor([[ 4.,  0., 20.,  8.]]), scores=tensor([0.9999]), labels=tensor([0]))
    """
    maps = outputs.detach().float()
    classes, (height, width) = len(maps) - 4, maps.shape[1:]
    scores = maps[:classes].sigmoid().flatten()  # class by class, [K * h * w]
    sure = (scores >= threshold).nonzero()[:, 0]
    # Stable, so that equal scores come out alike everywhere.
    order = sure[scores[sure].argsort(descending=True, stable=True)[:_CANDIDATES]]
    labels, places = order // (height * width), order % (height * width)
    points = centres(height, width, stride, maps.device).flatten(0, 1)[places]
    reach = maps[classes:].flatten(1).T[places].clamp(min=0) * stride
    found = Detections(torch.cat([points - reach[:, :2], points + reach[:, 2:]], 1), scores[order], labels)
    return found.keep(suppressed(found.corners, labels, overlap).logical_not().nonzero()[:most, 0])


def suppressed(corners: Tensor, labels: Tensor, overlap: float) -> Tensor:
    """Return which boxes, the surest first, have to give way to a surer one of their class, bool `[N]`.

    A box gives way to those that stay, not to those that give way themselves.

    Example:
        >>> corners = torch.tensor([[0.0, 0, 4, 4], [1, 0, 5, 4], [2, 0, 6, 4]])
        >>> suppressed(corners, torch.zeros(3), overlap=0.5)
        tensor([False,  True, False])
    """
    rivals = (box_overlaps(corners, corners) > overlap) & (labels[:, None] == labels)
    rivals = rivals.triu(1)  # [surer, less sure]
    gone = torch.zeros(len(corners), dtype=torch.bool, device=corners.device)
    # Each pass settles at least one more link of every chain of overlapping boxes.
    for _ in range(len(corners)):
        now = (rivals & ~gone[:, None]).any(0)
        if torch.equal(now, gone):
            break
        gone = now
    return gone


def box_overlaps(some: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union of each of `[N, 4]` with each of `[M, 4]`, `[N, M]`; 0 without area.

    Example:
        >>> box_overlaps(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6]]))
        tensor([[0.3333, 0.0000]])
    """
    upper = torch.maximum(some[:, None, :2], others[None, :, :2])
    lower = torch.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = (lower - upper).clamp(min=0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1) for boxes in (some, others)]
    return shared / (areas[0][:, None] + areas[1] - shared).clamp(min=1e-12)
