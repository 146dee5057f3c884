"""How well objects are found: COCO's mean average precision, of everything and of what is hard to see."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from seqimg.data import Boxes
from seqimg_detect.coco import Found, Precisions, Truth, check_installed, precisions
from seqimg_detect.config import GROUPS

if TYPE_CHECKING:
    from seqimg_detect.decoding import Detections

__all__ = ["CONVENTIONS", "GROUPS", "MeanAveragePrecision", "Prepare", "collection", "grouped"]

FoundBoxes: TypeAlias = "Sequence[Sequence[Detections]]"
Prepare: TypeAlias = Callable[[Tensor, Any], tuple[FoundBoxes, Sequence[Boxes]]]
"""From outputs and what was expected to the boxes found, by clip and frame, and the true ones, by clip."""

_SEEN = 0.25  # share of a thing below which it counts as hidden
_FIRST = 3  # frames of a track that count as its first
_CROWD = len(GROUPS)  # the bit of crowds, which are in no group
_DIGIT = 2**20
_KEPT = 9  # numbers that are kept of a box

_ABOUT = (
    "COCO's average precision (101 recalls, the 100 surest boxes of a class and frame), mean over the classes "
    "that there is truth of; without any truth 1 if nothing was found, else 0"
)
_ABOUT_GROUP = "map50 over the frames that hold such boxes; other true boxes there are ignored; 0 without any"
CONVENTIONS: Mapping[str, str] = {
    "map50": f"{_ABOUT}; a box is right from an intersection over union of 0.5",
    "map": f"{_ABOUT}; mean over intersections over union of 0.50, 0.55 to 0.95",
    "map50_visible": f"{_ABOUT_GROUP}: at least a quarter of the thing can be seen, or nobody knows",
    "map50_occluded": f"{_ABOUT_GROUP}: less than a quarter can be seen, in a frame that is not all noise",
    "map50_noisy": f"{_ABOUT_GROUP}: the frame shows nothing but noise",
    "map50_hidden": f"{_ABOUT_GROUP}: occluded or noisy",
    "map50_first": f"{_ABOUT_GROUP}: of the first three frames of its track in the clip",
}
"""What each metric of `collection` is, in a sentence."""


def grouped(boxes: Boxes) -> Tensor:
    """Return for each box of a clip which groups it is in, `[N]` int64: a bit for each name of `GROUPS`, or of crowds.

    Example:
        >>> boxes = Boxes.of([[0, 0, 1, 1]] * 4, [0, 2, 3, 4], [1, 1, 1, 1], visible=[1, 0.2, 0.9, 0])
        >>> [[name for bit, name in enumerate(GROUPS) if bits >> bit & 1] for bits in grouped(boxes).tolist()]
        [['visible', 'first'], ['occluded', 'hidden', 'first'], ['visible'], ['occluded', 'hidden']]
    """
    occluded = (boxes.visible < _SEEN) & ~boxes.noisy
    _, track = boxes.ids.unique(return_inverse=True)
    begins = torch.full_like(track, torch.iinfo(torch.int64).max)
    begins = begins.scatter_reduce(0, track, boxes.frames, "amin")
    first = (boxes.frames - begins[track] < _FIRST) & (boxes.ids >= 0)
    marks = (~(occluded | boxes.noisy), occluded, boxes.noisy, occluded | boxes.noisy, first)
    groups = torch.stack([mark.long() << bit for bit, mark in enumerate(marks)]).sum(0)
    return torch.where(boxes.crowds, 1 << _CROWD, groups)


class MeanAveragePrecision(Metric):  # type: ignore[misc]
    """Mean average precision by pycocotools, over all true boxes or over a group of them.

    Boxes are kept until `compute`, 36 bytes each. Metrics that have seen the same boxes compute once.

    Args:
        classes: Number of classes.
        which: `"half"` for an intersection over union of 0.5, `"every"` for the mean over 0.50 to 0.95, or a
            name of `GROUPS`.
        prepare: Makes boxes of what `update` gets; None if it gets boxes.

    Raises:
        UnavailableError: pycocotools is not installed.

    Example:
        >>> from seqimg_detect.decoding import Detections
        >>> found = Detections(torch.tensor([[1.0, 0, 4, 4]]), torch.tensor([0.9]), torch.tensor([0]))
        >>> metric = MeanAveragePrecision(1, "every")
        >>> metric.update([[found]], [Boxes.of([0, 0, 4, 4], 0)])  # one clip of one frame
        >>> metric.compute().round(decimals=3)  # overlaps of 0.50 to 0.75 are reached, those to 0.95 are not
        tensor(0.6000)
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False

    found: list[Tensor]
    truth: list[Tensor]
    frames: Tensor

    def __init__(self, classes: int, which: str, prepare: Prepare | None = None) -> None:
        super().__init__()
        check_installed()
        if which not in ("half", "every", *GROUPS):
            raise ValueError(f"{which!r} is none of half, every, {', '.join(GROUPS)}")
        self.classes, self.which, self.prepare = classes, which, prepare
        # Flat rows of float32: only such states can be put together with those of a process that saw nothing.
        self.add_state("found", default=[], dist_reduce_fx="cat")
        self.add_state("truth", default=[], dist_reduce_fx="cat")
        self.add_state("frames", default=torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, found: Any, expected: Any) -> None:
        """Add clips.

        Args:
            found: Outputs for `prepare`; without it, for each clip a sequence with the `Detections` of each frame.
            expected: What `prepare` takes; without it, for each clip its `Boxes`. Those of frames beyond
                the end of `found` do not count.
        """
        clips, boxes = (found, expected) if self.prepare is None else self.prepare(found, expected)
        for frames, true in zip(clips, boxes, strict=True):
            first = int(self.frames) + _offset()
            self.frames += len(frames)
            true = true.keep(true.frames < len(frames)).to(self.device)
            marks = torch.stack([true.labels, grouped(true)], 1)
            self.truth.append(_row(true.corners, marks, first + true.frames))
            if frames:
                places = torch.arange(first, first + len(frames)).repeat_interleave(
                    torch.tensor([len(some) for some in frames])
                )
                corners, scores, labels = (
                    torch.cat([getattr(some, name) for some in frames]).to(self.device)
                    for name in ("corners", "scores", "labels")
                )
                self.found.append(_row(corners, torch.stack([scores, labels], 1), places.to(self.device)))

    def compute(self) -> Tensor:
        """Return the mean average precision, 0 to 1, a scalar."""
        return torch.tensor(self.precisions().mean(self.which), device=self.device)

    def precisions(self) -> Precisions:
        """Return the average precision of every class and group."""
        return _computed(_Seen(_joined(self.found), _joined(self.truth), self.classes))


def collection(
    classes: Sequence[str], prepare: Prepare | None = None, *, groups: Sequence[str] = GROUPS
) -> MetricCollection:
    """Return `map50`, `map` and a `map50_GROUP` for each group; boxes are prepared, kept and compared once for all.

    Args:
        classes: Names of the classes.
        prepare: Makes boxes of what `update` gets.
        groups: Which of `GROUPS` have figures of their own.

    Raises:
        UnavailableError: pycocotools is not installed.

    Example:
        >>> sorted(collection(["car"], groups=["noisy"]))
        ['map', 'map50', 'map50_noisy']
    """
    which = {"map50": "half", "map": "every", **{f"map50_{group}": group for group in groups}}
    metrics = {name: MeanAveragePrecision(len(classes), kind, prepare) for name, kind in which.items()}
    return MetricCollection(metrics, compute_groups=[list(metrics)])


def _offset() -> int:
    """Return where this process begins to number frames, so that no two of several processes have one number."""
    return dist.get_rank() << 40 if dist.is_available() and dist.is_initialized() else 0


def _row(corners: Tensor, marks: Tensor, images: Tensor) -> Tensor:
    """Return boxes as flat rows of four corners, two marks and three digits of the image's number."""
    digits = torch.stack([images // _DIGIT**power % _DIGIT for power in range(3)], 1)
    return torch.cat([corners.float(), marks.float(), digits.float()], 1).flatten()


class _Seen:
    """All boxes seen, equal to others by content."""

    def __init__(self, found: "np.ndarray[Any, Any]", truth: "np.ndarray[Any, Any]", classes: int) -> None:
        self.found, self.truth, self.classes = found, truth, classes
        parts = (str(classes).encode(), found.tobytes(), b"|", truth.tobytes())
        self._digest = hashlib.blake2b(b"".join(parts)).digest()

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Seen) and self._digest == other._digest


def _joined(rows: "list[Tensor] | Tensor") -> "np.ndarray[Any, Any]":
    # Processes that have been put together have one tensor.
    whole = torch.cat(rows) if isinstance(rows, list) and rows else rows
    flat = whole.cpu().numpy() if isinstance(whole, Tensor) else np.zeros(0, np.float32)
    return flat.reshape(-1, _KEPT)


@lru_cache(maxsize=4)
def _computed(seen: _Seen) -> Precisions:
    sides = []
    for rows in (seen.found, seen.truth):
        wide = rows.astype(np.float64)
        images = wide[:, 6:].astype(np.int64) @ _DIGIT ** np.arange(3)
        sides.append((wide[:, :4], wide[:, 4], wide[:, 5].astype(np.int64), images))
    corners, scores, kinds, images = sides[0]
    found = Found(corners, scores, kinds, images)
    corners, labels, bits, images = sides[1]
    truth = Truth(corners, labels.astype(np.int64), images, bits, bits >> _CROWD & 1 == 1)
    return precisions(truth, found, classes=seen.classes, groups=GROUPS)
