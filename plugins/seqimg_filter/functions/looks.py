"""Colour, exposure and geometry; frames are float `[H, W, C]`, 0 and 1 the ends of the declared range."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import color, exposure, transform

from seqimg.sequences.limits import check_size

__all__ = [
    "channel",
    "crop",
    "downscale_local_mean",
    "equalize_adapthist",
    "flip",
    "grey",
    "invert",
    "level",
    "pad",
    "rescale",
    "rescale_intensity",
    "resize",
    "rgb",
    "rotate",
    "saturate",
    "separate_stains",
    "swirl",
    "turn",
    "turn_hue",
    "warp_polar",
]

Floats = NDArray[np.floating[Any]]


def grey(image: Floats) -> Floats:
    """Return a grey picture `[H, W]` as it is."""
    return image


def rgb(image: Floats) -> Floats:
    """Return a grey picture `[H, W]` as `[H, W, 3]`."""
    return np.repeat(image[:, :, None], 3, axis=2)


def channel(frame: Floats, *, index: int) -> Floats:
    """Return one channel, `[H, W, 1]`."""
    if index >= frame.shape[2]:
        raise ValueError(f"there is no channel {index}: frames have {frame.shape[2]}, counted from 0")
    return frame[:, :, index : index + 1]


def saturate(image: Floats, *, factor: float) -> Floats:
    """Return RGB of another saturation."""
    hsv = color.rgb2hsv(image)
    hsv[..., 1] = np.minimum(hsv[..., 1] * factor, 1)
    done: Floats = color.hsv2rgb(hsv)
    return done


def turn_hue(image: Floats, *, degrees: float) -> Floats:
    """Return RGB with its hues turned."""
    hsv = color.rgb2hsv(image)
    hsv[..., 0] = (hsv[..., 0] + degrees / 360) % 1
    done: Floats = color.hsv2rgb(hsv)
    return done


def separate_stains(image: Floats) -> Floats:
    """Return the stains of RGB, each in [0, 1] where 1 is as much as black holds."""
    most = color.rgb2hed(np.zeros((1, 1, 3), image.dtype)).max()
    done: Floats = np.maximum(color.rgb2hed(image), 0) / most
    return done


def invert(image: Floats) -> Floats:
    """Return 1 minus the values."""
    return 1 - image


def equalize_adapthist(
    image: Floats, *, clip_limit: float, nbins: int, kernel_size: int | None = None
) -> Floats:
    """Return CLAHE of RGB, or of each channel where there are other than three."""
    if image.shape[2] == 3:
        done: Floats = exposure.equalize_adapthist(image, kernel_size, clip_limit, nbins)
        return done
    parts = [
        exposure.equalize_adapthist(image[..., i], kernel_size, clip_limit, nbins)
        for i in range(image.shape[2])
    ]
    return np.stack(parts, axis=-1)


def rescale_intensity(image: Floats, *, low: float, high: float) -> Floats:
    """Return values stretched so that these percentiles become 0 and 1."""
    if low >= high:
        raise ValueError(f"low ({low:g}) is not below high ({high:g})")
    least, most = np.percentile(image, (low, high))
    if least == most:
        return image
    done: Floats = exposure.rescale_intensity(image, (least, most), (0.0, 1.0))
    return done


def level(image: Floats, *, low: float, high: float) -> Floats:
    """Return values stretched so that `low` and `high` become 0 and 1."""
    if low >= high:
        raise ValueError(f"low ({low:g}) is not below high ({high:g})")
    return (image - low) / (high - low)


def resize(frame: Floats, *, order: int, width: int | None = None, height: int | None = None) -> Floats:
    """Return a frame of another size."""
    old_height, old_width = frame.shape[:2]
    if width is None and height is None:
        raise ValueError("give a width, a height or both")
    new_width = max(1, round(old_width * (height or 0) / old_height)) if width is None else width
    new_height = max(1, round(old_height * new_width / old_width)) if height is None else height
    return _resized(frame, new_height, new_width, order)


def rescale(frame: Floats, *, scale: float, order: int) -> Floats:
    """Return a frame of another size, by a factor."""
    height, width = (max(1, round(side * scale)) for side in frame.shape[:2])
    return _resized(frame, height, width, order)


def rotate(frame: Floats, *, angle: float, resize: bool, order: int, mode: str) -> Floats:
    """Return a frame rotated."""
    if resize:
        check_size("the rotated frame", 2 * frame.shape[0], 2 * frame.shape[1], frame.shape[2])
    done: Floats = transform.rotate(frame, angle, resize, order=order, mode=mode, preserve_range=True)
    return done


def turn(frame: Floats, *, quarters: int) -> Floats:
    """Return a frame turned by quarters."""
    return np.ascontiguousarray(np.rot90(frame, quarters))


def flip(frame: Floats, *, axis: str) -> Floats:
    """Return a frame mirrored."""
    return np.ascontiguousarray(frame[:, ::-1] if axis == "horizontal" else frame[::-1])


def crop(
    frame: Floats, *, left: int, top: int, width: int | None = None, height: int | None = None
) -> Floats:
    """Return a part of a frame."""
    right = frame.shape[1] if width is None else left + width
    bottom = frame.shape[0] if height is None else top + height
    if right > frame.shape[1] or bottom > frame.shape[0] or left >= right or top >= bottom:
        raise ValueError(f"the part reaches beyond the frame, which is {frame.shape[1]}×{frame.shape[0]}")
    return np.ascontiguousarray(frame[top:bottom, left:right])


def pad(frame: Floats, *, left: int, right: int, top: int, bottom: int, mode: str, value: float) -> Floats:
    """Return a frame with a border."""
    height, width = frame.shape[0] + top + bottom, frame.shape[1] + left + right
    check_size("the padded frame", height, width, frame.shape[2])
    widths = ((top, bottom), (left, right), (0, 0))
    if mode == "constant":
        return np.pad(frame, widths, constant_values=value)
    shown = {"edge": "edge", "symmetric": "symmetric", "reflect": "reflect", "wrap": "wrap"}
    done: Floats = np.pad(frame, widths, mode=shown[mode])  # type: ignore[call-overload]  # one of its literals
    return done


def downscale_local_mean(frame: Floats, *, factor: int) -> Floats:
    """Return means of blocks; what is left over at the right and lower edge is cut off."""
    height, width = (side // factor * factor for side in frame.shape[:2])
    if not height or not width:
        raise ValueError(f"blocks of {factor} pixels are larger than the frame")
    done: Floats = transform.downscale_local_mean(frame[:height, :width], (factor, factor, 1))
    return done


def swirl(frame: Floats, *, strength: float, radius: float, mode: str) -> Floats:
    """Return a frame with a swirl."""
    done: Floats = transform.swirl(frame, strength=strength, radius=radius, mode=mode, preserve_range=True)
    return done


def warp_polar(frame: Floats, *, scaling: str) -> Floats:
    """Return polar coordinates."""
    done: Floats = transform.warp_polar(frame, scaling=scaling, channel_axis=-1, preserve_range=True)
    return done


def _resized(frame: Floats, height: int, width: int, order: int) -> Floats:
    check_size(f"size {width}x{height}", height, width, frame.shape[2])
    smooth = order > 0 and (height < frame.shape[0] or width < frame.shape[1])
    done: Floats = transform.resize(
        frame, (height, width), order=order, mode="reflect", anti_aliasing=smooth, preserve_range=True
    )
    return done
