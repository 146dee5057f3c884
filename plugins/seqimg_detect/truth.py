"""Which true boxes count, and how found ones are set beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqimg.data import Batch, Boxes
from seqimg.errors import SeqimgError
from seqimg_detect.decoding import Detections, box_overlaps

__all__ = ["ClipTruth", "counted", "truths", "without_uncounted"]

_SEEN = 0.5  # share of a thing that must have been in sight before it counts
_SAME = 0.5  # intersection over union from which a found box is about a true one


@dataclass(frozen=True)
class ClipTruth:
    """What is right about a clip.

    Attributes:
        boxes: The boxes that count.
        uncounted: Boxes of things that nobody could know of yet: finding them is neither right nor wrong.
        crowds: Boxes around many things that nobody counted; nor is it to find any of them there.
        frames: Real frames of the clip; what comes after is padding.
        size: Height and width of the frames.
    """

    boxes: Boxes
    uncounted: Boxes
    crowds: Boxes
    frames: int
    size: tuple[int, int]


def truths(batch: Batch) -> tuple[ClipTruth, ...]:
    """Return what is right about each clip of a batch.

    Raises:
        SeqimgError: A clip has no boxes, not even an empty list of them.
    """
    if batch.boxes is None:
        named = ", ".join(sorted({source.path for source in batch.sources})[:3])
        raise SeqimgError(
            f"there are no boxes with the frames of {named}", hint="data in the layout coco-vid or mot"
        )
    length, size = batch.frames.shape[1], (batch.frames.shape[-2], batch.frames.shape[-1])
    lengths = [length] * len(batch.boxes) if batch.lengths is None else batch.lengths.tolist()
    return tuple(_truth(boxes, frames, size) for boxes, frames in zip(batch.boxes, lengths, strict=True))


def counted(boxes: Boxes) -> Tensor:
    """Return which boxes of a clip count, bool `[N]`.

    Those of a track do from the first frame in which at least half of the thing could be seen, hidden or not
    from then on: what was in sight can be remembered. Where nobody knows what could be seen, all was. A box
    without a track stands for itself.

    Example:
        >>> counted(Boxes.of([[0, 0, 1, 1]] * 4, frames=range(4), ids=[7] * 4, visible=[0.2, 0.9, 0, 0.1]))
        tensor([False,  True,  True,  True])
    """
    seen = boxes.visible.isnan() | (boxes.visible >= _SEEN)
    _, tracks = boxes.ids.unique(return_inverse=True)
    never = torch.iinfo(torch.int64).max
    firsts = torch.full((len(boxes),), never, device=seen.device)
    firsts = firsts.scatter_reduce(0, tracks, torch.where(seen, boxes.frames, never), "amin")
    return torch.where(boxes.ids < 0, seen, boxes.frames >= firsts[tracks])


def without_uncounted(found: Sequence[Detections], truth: ClipTruth) -> list[Detections]:
    """Return the boxes found in each frame, but for those about a true box that does not count.

    They overlap it by at least half, and no box of their class that counts.
    """
    kept = []
    for number, some in enumerate(found):
        about = box_overlaps(some.corners, truth.uncounted.in_frame(number).corners) >= _SAME
        right = truth.boxes.in_frame(number)
        alike = some.labels[:, None] == right.labels
        fair = (box_overlaps(some.corners, right.corners) >= _SAME) & alike
        kept.append(some.keep(~about.any(1) | fair.any(1)))
    return kept


def _truth(boxes: Boxes, frames: int, size: tuple[int, int]) -> ClipTruth:
    boxes = boxes.keep(boxes.frames < frames)
    single, crowds = boxes.keep(~boxes.crowds), boxes.keep(boxes.crowds)
    counts = counted(single)
    return ClipTruth(single.keep(counts), single.keep(~counts), crowds, frames, size)
