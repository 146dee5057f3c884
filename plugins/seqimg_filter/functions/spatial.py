"""Smoothing, edges and features; pictures are float in [0, 1], `[H, W]` unless stated."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import feature, filters, restoration
from skimage.morphology import diamond, disk

__all__ = [
    "box",
    "footprint",
    "frangi",
    "hessian",
    "hog",
    "local_binary_pattern",
    "median",
    "meijering",
    "rolling_ball",
    "sato",
    "shape_index",
]

Floats = NDArray[np.floating[Any]]


def footprint(shape: str, radius: int) -> NDArray[np.uint8]:
    """Return the neighbourhood of a pixel, `[2 radius + 1, 2 radius + 1]`.

    Example:
        >>> footprint("diamond", 1).tolist()
        [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    """
    made: NDArray[np.uint8]
    if shape == "square":
        made = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    else:
        made = disk(radius) if shape == "disk" else diamond(radius)
    return made


def median(image: Floats, *, radius: int, shape: str, mode: str) -> Floats:
    """Return the local median."""
    done: Floats = filters.median(image, footprint(shape, radius), mode=mode)
    return done


def box(image: Floats, *, radius: int, mode: str) -> Floats:
    """Return the mean of the square about each pixel."""
    done: Floats = ndimage.uniform_filter(image, 2 * radius + 1, mode=mode)
    return done


def rolling_ball(image: Floats, *, radius: float) -> Floats:
    """Return the picture without its background."""
    # The ball is as high as it is wide, in steps of 8-bit values.
    background = restoration.rolling_ball(image * 255, radius=radius) / 255
    done: Floats = image - background
    return done


def frangi(image: Floats, *, smallest: float, largest: float, step: float, black_ridges: bool) -> Floats:
    """Return Frangi's vesselness."""
    done: Floats = filters.frangi(image, _sigmas(smallest, largest, step), black_ridges=black_ridges)
    return done


def sato(image: Floats, *, smallest: float, largest: float, step: float, black_ridges: bool) -> Floats:
    """Return Sato's tubeness."""
    done: Floats = filters.sato(image, _sigmas(smallest, largest, step), black_ridges=black_ridges)
    return done


def meijering(image: Floats, *, smallest: float, largest: float, step: float, black_ridges: bool) -> Floats:
    """Return Meijering's neuriteness."""
    done: Floats = filters.meijering(image, _sigmas(smallest, largest, step), black_ridges=black_ridges)
    return done


def hessian(image: Floats, *, smallest: float, largest: float, step: float, black_ridges: bool) -> Floats:
    """Return the hybrid Hessian filter."""
    done: Floats = filters.hessian(image, _sigmas(smallest, largest, step), black_ridges=black_ridges)
    return done


def local_binary_pattern(image: Floats, *, points: int, radius: float, method: str) -> Floats:
    """Return each pixel's pattern, scaled so that the greatest there can be is 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that floats may differ by rounding: 8 bits tell enough here
        codes = feature.local_binary_pattern(image, points, radius, method)
    greatest = points + 1 if method == "uniform" else 2**points - 1
    done: Floats = codes / greatest
    return done


def hog(image: Floats, *, orientations: int, cell: int) -> Floats:
    """Return the picture `[H, W, 1]` of gradients of a picture `[H, W, C]`, the strongest 1."""
    picture: Floats = feature.hog(
        image,
        orientations=orientations,
        pixels_per_cell=(cell, cell),
        cells_per_block=(1, 1),
        visualize=True,
        feature_vector=False,
        channel_axis=-1,
    )[1]
    done: Floats = (picture / max(float(picture.max()), 1e-12))[:, :, None]
    return done


def shape_index(image: Floats, *, sigma: float) -> Floats:
    """Return the shape index, from cups (-1) to caps (1); flat places are 0."""
    done: Floats = np.nan_to_num(feature.shape_index(image, sigma=sigma))
    return done


def _sigmas(smallest: float, largest: float, step: float) -> Floats:
    if largest < smallest:
        raise ValueError(f"largest ({largest:g}) is less than smallest ({smallest:g})")
    return np.arange(smallest, largest + step * 1e-6, step)
