"""Average precision as COCO defines it, computed by pycocotools, over all truth and over groups of it."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UnavailableError

__all__ = ["MOST_OF_A_CLASS", "Found", "Precisions", "Truth", "check_installed", "precisions"]

MOST_OF_A_CLASS = 100
"""Boxes of one class in one frame that count, the surest ones: COCO's limit."""

_INSIDE, _OUTSIDE = 1.0, 3.0  # areas that tell truth that counts from truth to be ignored
_RANGES = [[0.0, 2.0]]
_HALF = [0.5]


@dataclass(frozen=True)
class Truth:
    """Boxes that are to be found.

    Attributes:
        corners: `[N, 4]` left, top, right, bottom.
        labels: `[N]` class, from 0.
        images: `[N]` which frame, any number that no other frame has.
        groups: `[N]` a bit for each group that a box is in.
        crowds: `[N]` bool, COCO's `iscrowd`: boxes in it are neither right nor wrong. None for no crowds.
    """

    corners: NDArray[np.float64]
    labels: NDArray[np.int64]
    images: NDArray[np.int64]
    groups: NDArray[np.int64]
    crowds: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Found:
    """Boxes that were found.

    Attributes:
        corners: `[N, 4]` left, top, right, bottom.
        scores: `[N]`.
        labels: `[N]` class, from 0.
        images: `[N]` which frame, as in the truth.
    """

    corners: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    images: NDArray[np.int64]


@dataclass(frozen=True)
class Precisions:
    """Average precision of each class, NaN for those of which there is no truth.

    Attributes:
        every: `[K]`, the mean over intersections over union of 0.50, 0.55 to 0.95.
        half: `[K]`, at an intersection over union of 0.5.
        groups: `[K]` at 0.5 for each group, over the frames that hold some of it; other truth there is ignored.
        truths: `[K]` boxes to be found.
        founds: `[K]` boxes that were found.
        grouped: Boxes to be found in each group.
        curve: `[101]` precision at recalls of 0, 0.01 to 1 and an intersection over union of 0.5, the mean over
            the classes of which there is truth; NaN without any.
    """

    every: NDArray[np.float64]
    half: NDArray[np.float64]
    groups: Mapping[str, NDArray[np.float64]]
    truths: NDArray[np.int64]
    founds: NDArray[np.int64]
    grouped: Mapping[str, int]
    curve: NDArray[np.float64]

    def mean(self, which: str) -> float:
        """Return the mean over the classes of which there is truth.

        Without any truth it is 1 if nothing was found, and 0 otherwise; a group without truth has 0.

        Args:
            which: `"every"`, `"half"` or a group.
        """
        values = {"every": self.every, "half": self.half, **self.groups}[which]
        known = values[~np.isnan(values)]
        if len(known):
            return float(known.mean())
        return float(which not in self.groups and not self.founds.any())


def check_installed() -> None:
    """See to it that pycocotools can be used.

    Raises:
        UnavailableError: It is not installed.
    """
    if find_spec("pycocotools") is None:
        raise UnavailableError(
            "detections cannot be measured without pycocotools", hint="pip install 'seqimg[detect]'"
        )


def precisions(truth: Truth, found: Found, *, classes: int, groups: Sequence[str] = ()) -> Precisions:
    """Compute the average precision of every class.

    Args:
        truth: What was to be found.
        found: What was found; of a class the 100 surest of a frame count.
        classes: Number of classes K.
        groups: Names of the bits of `Truth.groups`, the lowest first.

    Raises:
        UnavailableError: pycocotools is not installed.

    Example:
        >>> corners, zero = np.array([[0.0, 0, 4, 4]]), np.zeros(1, np.int64)
        >>> right = Found(corners, np.array([0.9]), zero, zero)
        >>> precisions(Truth(corners, zero, zero, zero), right, classes=2).half.round(3)
        array([ 1., nan])
    """
    check_installed()
    images, (truth_images, found_images) = _numbered(truth.images, found.images)
    real = _side(truth.corners, truth.labels, truth_images, classes, images)
    said = _side(found.corners, found.labels, found_images, classes, images)
    for row, score in zip(said.dataset["annotations"], found.scores.tolist(), strict=True):
        row["score"] = score
    crowds = np.zeros(len(truth.labels), np.bool_) if truth.crowds is None else truth.crowds
    for row, crowd in zip(real.dataset["annotations"], crowds.tolist(), strict=True):
        row["iscrowd"] = int(crowd)
    every = _evaluated(real, said, range(1, images + 1), None)
    grouped, counts = {}, {}
    for bit, name in enumerate(groups):
        inside = (truth.groups >> bit) & 1 == 1
        for row, counts_here in zip(real.dataset["annotations"], inside.tolist(), strict=True):
            row["area"] = _INSIDE if counts_here else _OUTSIDE
        where = np.unique(truth_images[inside]).tolist()
        counts[name] = int(inside.sum())
        grouped[name] = (
            _averages(_evaluated(real, said, where, _HALF))[0] if where else np.full(classes, np.nan)
        )
    half, mean = _averages(every)
    return Precisions(
        every=mean,
        half=half,
        groups=grouped,
        truths=np.bincount(truth.labels[~crowds], minlength=classes)[:classes],
        founds=np.bincount(found.labels, minlength=classes)[:classes],
        grouped=counts,
        curve=_curve(every[0]),
    )


def _numbered(*several: NDArray[np.int64]) -> tuple[int, list[NDArray[np.int64]]]:
    """Number images from 1 in their order; return how many there are, and each side's."""
    known, places = np.unique(np.concatenate(several), return_inverse=True)
    return len(known), np.split(places.astype(np.int64) + 1, np.cumsum([len(part) for part in several])[:-1])


def _side(
    corners: NDArray[np.float64],
    labels: NDArray[np.int64],
    images: NDArray[np.int64],
    classes: int,
    count: int,
) -> Any:
    """Return one side of the comparison as pycocotools holds it."""
    from pycocotools.coco import COCO

    side = COCO.__new__(COCO)  # its constructor only reads files and talks
    side.dataset = {
        "images": [{"id": number} for number in range(1, count + 1)],
        "categories": [{"id": number} for number in range(1, classes + 1)],
        "annotations": list(_annotations(corners, labels, images)),
    }
    with redirect_stdout(io.StringIO()):
        side.createIndex()
    return side


def _annotations(
    corners: NDArray[np.float64], labels: NDArray[np.int64], images: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    sizes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    rows = zip(sizes.tolist(), labels.tolist(), images.tolist(), strict=True)
    # Numbers from 1: pycocotools takes 0 for "nothing matched".
    for number, (box, label, image) in enumerate(rows, 1):
        place = {"id": number, "image_id": image, "category_id": label + 1}
        yield {**place, "bbox": box, "area": _INSIDE, "iscrowd": 0}


def _evaluated(
    real: Any, said: Any, images: Sequence[int], overlaps: list[float] | None
) -> NDArray[np.float64]:
    """Return the precisions `[overlaps, 101 recalls, K]`, -1 where there is no truth."""
    from pycocotools.cocoeval import COCOeval

    evaluation = COCOeval(real, said, "bbox")
    options = evaluation.params
    options.imgIds, options.maxDets = list(images), [MOST_OF_A_CLASS]
    # Of the sizes COCO tells apart there is one left, which says what is to be ignored.
    options.areaRng, options.areaRngLbl = _RANGES, ["all"]
    if overlaps is not None:
        options.iouThrs = np.array(overlaps)
    if not options.imgIds:
        return -np.ones((len(options.iouThrs), len(options.recThrs), len(options.catIds)))
    with redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    found: NDArray[np.float64] = evaluation.eval["precision"][:, :, :, 0, 0]
    return found


def _curve(found: NDArray[np.float64]) -> NDArray[np.float64]:
    known = found[:, found[0] > -1]
    return known.mean(1) if known.shape[1] else np.full(len(found), np.nan)


def _averages(found: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each class the mean over recalls at the first overlap, and over all of them; NaN without truth."""
    known = found[0, 0] > -1
    half, every = found[0].mean(0), found.mean((0, 1))
    return np.where(known, half, np.nan), np.where(known, every, np.nan)
