"""Limits on what is read, checked before anything is allocated, and ranges of values.

| limit | at most | why |
|---|---|---|
| `MAX_PIXELS` | 2²⁸ in a frame | 16384 by 16384 |
| Pillow's own | 178,956,970 in a picture that Pillow reads, 1 MiB in a PNG's profile or text | |
| `MAX_CHANNELS` | 1,024 | |
| `MAX_VALUES` | 2³⁰ in a frame | height times width times channels |
| `MAX_FPS` | 1,000 | |
| `MAX_FRAMES` | 10 million pictures in a folder, pages in a TIFF, frames in an animation | |
| `MAX_FILES` | 20 million entries looked at in a folder | |
| `MAX_HEADER` | 16 MiB in one header, profile, tag or text, unpacked | bombs in metadata |
| `MAX_RATIO` | 1,100 times the packed size | more than deflate can honestly do |
| `MAX_CHUNK` | 2³⁰ bytes unpacked for a chunk of an HDF5 or Zarr array | |
| `MAX_FETCH` | 16 GiB fetched from an address | |
"""

import math

from seqimg.errors import UsageError
from seqimg.sequences.base import SequenceError

__all__ = [
    "MAX_CHUNK",
    "MAX_FETCH",
    "MAX_FILES",
    "MAX_FPS",
    "MAX_FRAMES",
    "MAX_HEADER",
    "MAX_PIXELS",
    "MAX_RATIO",
    "MAX_VALUES",
    "check_fill_value",
    "check_limit",
    "check_size",
    "check_value_range",
    "value_range_of",
]

MAX_PIXELS = 2**28
MAX_CHANNELS = 1024
MAX_FPS = 1000
MAX_VALUES = 2**30
MAX_FRAMES = 10_000_000
MAX_FILES = 20_000_000
MAX_HEADER = 2**24
MAX_RATIO = 1100
MAX_CHUNK = 2**30
MAX_FETCH = 2**34


def check_limit(path: object, what: str, value: int, limit: int) -> None:
    """Refuse what is over a limit.

    Args:
        path: The file, for the message.
        what: What is counted, in the plural.
        value: How many there are.
        limit: How many there may be.

    Raises:
        SequenceError: There are more; the message names the limit.

    Example:
        >>> check_limit("a.webp", "frames", 3, 2)
        Traceback (most recent call last):
        seqimg.sequences.base.SequenceError: cannot handle a.webp
        3 frames are over the limit (2)
    """
    if value > limit:
        raise SequenceError(f"cannot handle {path}", why=f"{value:,} {what} are over the limit ({limit:,})")


def check_size(path: object, height: int, width: int, channels: int) -> None:
    """Refuse frames too large to be meant, before anything is allocated for them.

    Args:
        path: What the message names.
        height: Of a frame, in pixels.
        width: Of a frame, in pixels.
        channels: Of a frame.

    Raises:
        SequenceError: A frame is empty or beyond the limits, which the message names.

    Example:
        >>> check_size("huge.raw", 0, 640, 3)
        Traceback (most recent call last):
        ...
        seqimg.sequences.base.SequenceError: cannot handle huge.raw
        frames of 640 by 0 with 3 channels are empty
    """
    if min(height, width, channels) < 1:
        raise SequenceError(
            f"cannot handle {path}", why=f"frames of {width} by {height} with {channels} channels are empty"
        )
    if height * width > MAX_PIXELS or channels > MAX_CHANNELS or height * width * channels > MAX_VALUES:
        raise SequenceError(
            f"cannot handle {path}",
            why=f"frames of {width} by {height} with {channels} channels are over the limit"
            f" ({MAX_PIXELS:,} pixels, {MAX_CHANNELS:,} channels, {MAX_VALUES:,} values)",
        )


def value_range_of(dtype: str) -> tuple[float, float]:
    """Return the range values of `dtype` have by default: all of an integer's, [0, 1] for floats.

    Args:
        dtype: dtype name: `uint8`, `uint16`, `float32`, …

    Example:
        >>> value_range_of("uint16"), value_range_of("float32")
        ((0.0, 65535.0), (0.0, 1.0))
    """
    return (0.0, float(2 ** int(dtype[4:]) - 1)) if dtype.startswith("uint") else (0.0, 1.0)


def check_value_range(value_range: tuple[float, float]) -> tuple[float, float]:
    """Return `value_range` as floats.

    Args:
        value_range: The values that mean black and white.

    Raises:
        UsageError: It is not two finite numbers, the smaller first.

    Example:
        >>> check_value_range((0, 4095))
        (0.0, 4095.0)
    """
    low, high = map(float, value_range)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(
            f"value range {low:g} to {high:g} is not one", why="two numbers, the smaller first, are needed"
        )
    return low, high


def check_fill_value(fill_value: float, dtype: str) -> float:
    """Return `fill_value` as a float, if frames of `dtype` can hold it.

    Args:
        fill_value: The value that is to stand for a missing one.
        dtype: dtype name of the frames.

    Raises:
        UsageError: They cannot.

    Example:
        >>> check_fill_value(255, "uint8")
        255.0
    """
    value = float(fill_value)
    if dtype.startswith("uint"):
        low, high = value_range_of(dtype)
        fits = low <= value <= high and value.is_integer()
    else:
        fits = True
    if not fits:
        raise UsageError(f"{value:g} cannot stand for missing values", why=f"{dtype} frames cannot hold it")
    return value
