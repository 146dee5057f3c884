"""Shapes in frames: what is brighter than its ground, piece by piece, measured and named.

A shape is one connected region of a frame's grey. What it looks like is told from three ratios that neither
size nor turning changes:

| name | area / its smallest upright or turned box | area / the ellipse of its moments | box |
|---|---|---|---|
| square, rectangle | above 0.84 | 0.92 to 0.98 | sides within 15 %, or not |
| circle, ellipse | 0.68 to 0.88 | above 0.98 | sides within 15 %, or not |
| triangle | 0.4 to 0.62 | 0.75 to 0.88 | |

All of them have at least 0.9 of the pixels of their convex hull; anything else is `other`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from skimage import measure, segmentation

from seqimg.errors import UsageError, did_you_mean
from seqimg.rows import Row
from seqimg_filter.framewise import to_grey
from seqimg_filter.functions.regions import threshold, threshold_by
from seqimg_filter.pixels import Floats, filled

__all__ = ["COLUMNS", "KINDS", "Finder", "Kind", "Shape", "Wanted", "rows_of"]

Kind: TypeAlias = Literal["circle", "ellipse", "triangle", "square", "rectangle", "other"]
KINDS: tuple[Kind, ...] = ("circle", "ellipse", "triangle", "square", "rectangle", "other")

COLUMNS = (
    "frame", "time", "count", "shape", "kind", "x", "y", "area", "perimeter", "circularity", "eccentricity",
    "major", "minor", "angle", "solidity", "left", "top", "width", "height",
)  # fmt: skip
"""Of a row: place and time of the frame, shapes in it, and of one shape what was measured, in pixels and degrees."""

_METHODS = ("otsu", "isodata", "li", "mean", "minimum", "triangle", "yen")
_ALIKE = 1.15  # sides of a square, axes of a circle


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape.

    Attributes:
        kind: What it looks like.
        figures: What was measured, by the names in `COLUMNS`.
        outline: Rows and columns of the pixels along its edge, `[2, N]`.
    """

    kind: Kind
    figures: Mapping[str, float]
    outline: NDArray[np.intp]

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of its box, along the pixels' edges."""
        left, top = self.figures["left"], self.figures["top"]
        return left, top, left + self.figures["width"], top + self.figures["height"]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which shapes are looked for.

    Attributes:
        threshold: A method that finds one for each frame, or a value in [0, 1].
        dark: Whether they are darker than their ground.
        min_area: Least pixels.
        max_area: Most pixels.
        kinds: What they may look like; empty for anything.
        inside: Whether those that touch the frame's edge are left out.

    Raises:
        UsageError: The threshold or a kind is none.
    """

    threshold: str = "otsu"
    dark: bool = False
    min_area: int = 30
    max_area: int | None = None
    kinds: tuple[str, ...] = ()
    inside: bool = False

    def __post_init__(self) -> None:
        if self.threshold not in _METHODS and _value(self.threshold) is None:
            _refuse("--threshold", self.threshold, _METHODS, " or a number from 0 to 1")
        for kind in self.kinds:
            if kind not in KINDS:
                _refuse("--kind", kind, KINDS)
        if self.max_area is not None and self.max_area < self.min_area:
            raise UsageError(f"--max-area {self.max_area} is less than --min-area {self.min_area}")


class Finder:
    """Finds shapes in one frame after another.

    Args:
        wanted: Which.
        channels: Of the frames, without alpha.

    Example:
        >>> frame = np.zeros((60, 60, 1), np.float32)
        >>> frame[10:30, 20:40] = 1
        >>> shape, = Finder(Wanted(), 1)(frame)
        >>> shape.kind, shape.figures["area"], shape.figures["x"], shape.figures["y"]
        ('square', 400.0, 29.5, 19.5)
    """

    def __init__(self, wanted: Wanted, channels: int) -> None:
        self._wanted, self._channels = wanted, channels

    def __call__(self, values: Floats) -> list[Shape]:
        """Return the shapes of a frame `[H, W, C]`, largest first; missing values belong to the ground."""
        there, missing = filled(values)
        mask = self._mask(to_grey(there[..., : self._channels]))
        if missing is not None:
            mask &= ~missing[..., : self._channels].any(axis=2)
        if self._wanted.inside:
            mask = segmentation.clear_border(mask)
        labels = self._of_wanted_size(measure.label(mask))
        shapes = [_measured(region) for region in measure.regionprops(labels)]
        kinds = self._wanted.kinds
        chosen = [shape for shape in shapes if not kinds or shape.kind in kinds]
        return sorted(chosen, key=lambda shape: -shape.figures["area"])

    def _mask(self, grey: Floats) -> NDArray[np.bool_]:
        value = _value(self._wanted.threshold)
        if value is None:
            return threshold_by(grey, method=self._wanted.threshold, below=self._wanted.dark)
        return threshold(grey, value=value, below=self._wanted.dark)

    def _of_wanted_size(self, labels: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        """Leave only regions of the wanted size: noise is never measured."""
        counts = np.bincount(labels.ravel())
        fits = counts >= self._wanted.min_area
        if self._wanted.max_area is not None:
            fits &= counts <= self._wanted.max_area
        fits[0] = False
        numbers = np.where(fits, np.cumsum(fits), 0)
        chosen: NDArray[np.integer[Any]] = numbers[labels]
        return chosen


def rows_of(shapes: Sequence[Shape], frame: int, time: float) -> tuple[Row, ...]:
    """Return a row for each shape of a frame; one without a shape if there is none."""
    head = {"frame": frame, "time": round(time, 6), "count": len(shapes)}
    if not shapes:
        return (head,)
    return tuple(
        {**head, "shape": number, "kind": shape.kind, **{k: round(v, 4) for k, v in shape.figures.items()}}
        for number, shape in enumerate(shapes, 1)
    )


def _measured(region: Any) -> Shape:
    area, perimeter = float(region.area), float(region.perimeter_crofton)
    top, left, bottom, right = map(float, region.bbox)
    major, minor = float(region.axis_major_length), float(region.axis_minor_length)
    corners = _hull(region.coords)
    long, short = _smallest_box(corners)
    solidity = area / _pixels_within(corners)
    figures = {
        "x": float(region.centroid[1]),
        "y": float(region.centroid[0]),
        "area": area,
        "perimeter": perimeter,
        "circularity": min(1.0, 4 * math.pi * area / perimeter**2) if perimeter else 0.0,
        "eccentricity": float(region.eccentricity),
        "major": major,
        "minor": minor,
        "angle": (math.degrees(float(region.orientation)) - 90)
        % 180,  # from the horizontal, counterclockwise
        "solidity": solidity,
        "left": left,
        "top": top,
        "width": right - left,
        "height": bottom - top,
    }
    ellipse = math.pi / 4 * major * minor
    kind = _kind(solidity, area / (long * short), area / ellipse if ellipse else 0.0, long / short)
    edge = region.image & ~_inner(region.image)
    outline = np.array(np.nonzero(edge)) + np.array([[int(top)], [int(left)]])
    return Shape(kind, figures, outline)


def _kind(solidity: float, filled_box: float, filled_ellipse: float, aspect: float) -> Kind:
    """Return what a shape looks like."""
    if solidity < 0.9:
        return "other"
    if filled_box > 0.84 and 0.92 < filled_ellipse <= 0.98:
        return "square" if aspect < _ALIKE else "rectangle"
    if 0.68 < filled_box <= 0.88 and filled_ellipse > 0.98:
        return "circle" if aspect < _ALIKE else "ellipse"
    if 0.4 < filled_box < 0.62 and 0.75 < filled_ellipse < 0.88:
        return "triangle"
    return "other"


def _hull(places: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the corners of the convex hull of pixels `[N, 2]`, in turn; of those in one line its ends."""
    try:
        hull: NDArray[np.int64] = places[ConvexHull(places).vertices].astype(np.int64)
    except (QhullError, ValueError):  # pixels in one line, or fewer than three
        order = np.lexsort(places.T)
        hull = places[[order[0], order[-1]]].astype(np.int64)
    return hull


def _pixels_within(corners: NDArray[np.int64]) -> float:
    """Return how many pixels have their middle within a hull, by Pick's theorem.

    Example:
        >>> _pixels_within(np.array([[0, 0], [0, 2], [2, 2], [2, 0]]))
        9.0
    """
    following = np.roll(corners, -1, axis=0)
    area = abs(float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum())) / 2
    on_edge = float(np.gcd(*np.abs(following - corners).T).sum())
    return area + on_edge / 2 + 1


def _smallest_box(corners: NDArray[np.int64]) -> tuple[float, float]:
    """Return the longer and the shorter side of the smallest box, however turned, about a hull `[N, 2]`."""
    edges = np.roll(corners, -1, axis=0) - corners
    length = np.linalg.norm(edges, axis=1, keepdims=True)
    if not length.all():
        return 1.0, 1.0  # one pixel
    along = edges / length  # [N, 2]
    across = along[:, ::-1] * (-1, 1)
    # A pixel reaches half its side beyond its middle.
    lengths = np.ptp(along @ corners.T, axis=1) + 1
    widths = np.ptp(across @ corners.T, axis=1) + 1
    best = int(np.argmin(lengths * widths))
    sides = sorted((float(lengths[best]), float(widths[best])))
    return sides[1], sides[0]


def _inner(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours all belong to the shape."""
    wide = np.pad(image, 1)
    inner: NDArray[np.bool_] = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return inner


def _value(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _refuse(option: str, text: str, known: Sequence[str], more: str = "") -> None:
    near = did_you_mean(text, known)
    raise UsageError(
        f"{option} {text} is none" + (f"; did you mean {near}?" if near else ""),
        why=f"one of {', '.join(known)}{more}",
    )
