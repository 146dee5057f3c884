"""Morphology, thresholds and regions; pictures are float in [0, 1], `[H, W]` unless stated."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import skimage.morphology as morphology
from numpy.typing import NDArray
from scipy import ndimage
from skimage import color, filters, measure, segmentation

from seqimg_filter.functions.spatial import footprint

__all__ = [
    "area_of",
    "black_tophat",
    "boundaries",
    "clear_border",
    "closing",
    "convex_hull",
    "dilation",
    "distance",
    "erosion",
    "felzenszwalb",
    "fill_holes",
    "hysteresis",
    "label",
    "label_colours",
    "opening",
    "remove_small_holes",
    "remove_small_objects",
    "skeletonize",
    "superpixels",
    "thin",
    "threshold",
    "threshold_by",
    "threshold_local",
    "threshold_multiotsu",
    "threshold_niblack",
    "threshold_sauvola",
    "white_tophat",
]

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
_MOST_LABELS = 65535


def _morphology(name: str) -> Callable[..., Floats]:
    work = getattr(morphology, name)

    def apply(image: Floats, *, radius: int, shape: str) -> Floats:
        done: Floats = work(image, footprint(shape, radius))
        return done

    apply.__name__, apply.__doc__ = name, f"Return the grey {name} of a picture."
    return apply


erosion = _morphology("erosion")
dilation = _morphology("dilation")
opening = _morphology("opening")
closing = _morphology("closing")
white_tophat = _morphology("white_tophat")
black_tophat = _morphology("black_tophat")


def area_of(work: Callable[..., Mask], mask: Mask, *, area: int, connectivity: int) -> Mask:
    """Call a function of scikit-image that removes what has fewer pixels, however its version spells that."""
    # 0.26 counts what is removed ("at most"), older versions what stays.
    if "max_size" in signature(work).parameters:
        return work(mask, max_size=area - 1, connectivity=connectivity)
    words = {"remove_small_objects": "min_size", "remove_small_holes": "area_threshold"}
    return work(mask, **{words[work.__name__]: area}, connectivity=connectivity)


def remove_small_objects(image: Floats, *, area: int, connectivity: int) -> Mask:
    """Return the mask without objects of fewer pixels."""
    return area_of(morphology.remove_small_objects, _mask(image), area=area, connectivity=connectivity)


def remove_small_holes(image: Floats, *, area: int, connectivity: int) -> Mask:
    """Return the mask without holes of fewer pixels."""
    return area_of(morphology.remove_small_holes, _mask(image), area=area, connectivity=connectivity)


def fill_holes(image: Floats) -> Mask:
    """Return the mask without holes."""
    done: Mask = ndimage.binary_fill_holes(_mask(image))
    return done


def clear_border(image: Floats, *, buffer_size: int) -> Mask:
    """Return the mask without objects at the edge."""
    done: Mask = segmentation.clear_border(_mask(image), buffer_size=buffer_size)
    return done


def skeletonize(image: Floats) -> Mask:
    """Return the skeleton of a mask."""
    done: Mask = morphology.skeletonize(_mask(image))
    return done


def thin(image: Floats, *, max_num_iter: int | None = None) -> Mask:
    """Return a mask thinned."""
    done: Mask = morphology.thin(_mask(image), max_num_iter)
    return done


def convex_hull(image: Floats) -> Mask:
    """Return the hulls of a mask's objects."""
    mask = _mask(image)
    done: Mask = morphology.convex_hull_object(mask) if mask.any() else mask
    return done


def boundaries(image: Floats, *, mode: str) -> Mask:
    """Return the edges of a mask's objects."""
    done: Mask = segmentation.find_boundaries(_mask(image), mode=mode)
    return done


def distance(image: Floats, *, longest: float) -> Floats:
    """Return how far inside an object each pixel lies, 1 at `longest` and beyond."""
    done: Floats = np.minimum(ndimage.distance_transform_edt(_mask(image)) / longest, 1)
    return done


def threshold(image: Floats, *, value: float, below: bool) -> Mask:
    """Return where a picture is above a value, or below it."""
    done: Mask = image < value if below else image > value
    return done


def threshold_by(image: Floats, *, method: str, below: bool, **values: int) -> Mask:
    """Return where a picture is above the threshold that a method finds; a picture of one value has nothing above."""
    if image.min() == image.max():
        return np.zeros(image.shape, np.bool_)
    return threshold(image, value=getattr(filters, f"threshold_{method}")(image, **values), below=below)


def threshold_local(image: Floats, *, block_size: int, method: str, offset: float, below: bool) -> Mask:
    """Return where a picture is above the mean of the neighbourhood."""
    return _above(image, filters.threshold_local(image, _odd(block_size), method, offset), below)


def threshold_niblack(image: Floats, *, window_size: int, k: float, below: bool) -> Mask:
    """Return where a picture is above Niblack's threshold."""
    return _above(image, filters.threshold_niblack(image, _odd(window_size), k), below)


def threshold_sauvola(image: Floats, *, window_size: int, k: float, below: bool) -> Mask:
    """Return where a picture is above Sauvola's threshold."""
    return _above(image, filters.threshold_sauvola(image, _odd(window_size), k, r=0.5), below)


def threshold_multiotsu(image: Floats, *, classes: int, nbins: int) -> Floats:
    """Return each pixel's class, the first 0 and the last 1."""
    if len(np.unique(image)) < classes:
        return np.zeros_like(image)
    found = np.digitize(image, filters.threshold_multiotsu(image, classes, nbins))
    return (found / (classes - 1)).astype(image.dtype)


def hysteresis(image: Floats, *, low: float, high: float) -> Mask:
    """Return where a picture is above `high`, or above `low` and connected with that."""
    if low > high:
        raise ValueError(f"low ({low:g}) is above high ({high:g})")
    done: Mask = filters.apply_hysteresis_threshold(image, low, high)
    return done


def label(image: Floats, *, connectivity: int) -> NDArray[np.int32]:
    """Return the number of each pixel's region, 0 for none."""
    found: NDArray[np.int32] = measure.label(_mask(image), connectivity=connectivity)
    if found.max() > _MOST_LABELS:
        raise ValueError(
            f"{found.max()} regions are more than 16 bits can number; remove_small_objects first"
        )
    return found


def label_colours(image: Floats, *, connectivity: int) -> Floats:
    """Return `[H, W, 3]`, each region in a colour."""
    done: Floats = color.label2rgb(measure.label(_mask(image), connectivity=connectivity), bg_label=0)
    return done


def superpixels(image: Floats, *, n_segments: int, compactness: float, max_num_iter: int) -> Floats:
    """Return a picture `[H, W, C]` of patches by SLIC, each in its mean colour."""
    found = segmentation.slic(
        image, n_segments, compactness, max_num_iter=max_num_iter, start_label=1, channel_axis=-1
    )
    return _means(image, found)


def felzenszwalb(image: Floats, *, scale: float, sigma: float, min_size: int) -> Floats:
    """Return a picture `[H, W, C]` of segments, each in its mean colour."""
    return _means(image, segmentation.felzenszwalb(image, scale, sigma, min_size, channel_axis=-1) + 1)


def _means(image: Floats, labels: NDArray[np.integer[Any]]) -> Floats:
    """Return `[H, W, C]` with every region's values replaced by their mean."""
    flat = labels.ravel()
    counts = np.maximum(np.bincount(flat), 1)
    means = [np.bincount(flat, image[..., i].ravel()) / counts for i in range(image.shape[2])]
    done: Floats = np.stack([mean[labels] for mean in means], axis=-1).astype(image.dtype)
    return done


def _mask(image: Floats) -> Mask:
    done: Mask = image > 0.5
    return done


def _above(image: Floats, limits: Floats, below: bool) -> Mask:
    done: Mask = image < limits if below else image > limits
    return done


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"the window needs an odd side, not {size}")
    return size
