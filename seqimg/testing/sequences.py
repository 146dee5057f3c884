"""Small sequences to try things on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["moving_square"]


def moving_square(
    frames: int = 24,
    size: tuple[int, int] = (24, 32),
    channels: int = 3,
    dtype: str = "uint8",
    seed: int = 0,
) -> NDArray[Any]:
    """Return `[T, H, W, C]`: a bright square that moves and bounces over a dark, noisy ground.

    Args:
        frames: T.
        size: H and W in pixels.
        channels: C; each sees the square in another brightness.
        dtype: `"uint8"`, `"uint16"` (the whole range is used) or a float (values in [0, 1]).
        seed: Another seed is another noise.

    Example:
        >>> moving_square(5, (8, 12), 1).shape
        (5, 8, 12, 1)
    """
    height, width = size
    side = max(1, min(size) // 3)
    rng = np.random.default_rng(seed)
    clip = rng.uniform(0, 0.2, (frames, height, width, channels))
    for time in range(frames):
        top, left = (_bounced(time * step, room - side) for step, room in ((1, height), (2, width)))
        brightness = np.linspace(0.5, 0.7, channels)
        clip[time, top : top + side, left : left + side] += brightness
    if np.issubdtype(np.dtype(dtype), np.integer):
        clip = np.round(clip * np.iinfo(dtype).max)
    return clip.astype(dtype)


def _bounced(way: int, room: int) -> int:
    return 0 if room <= 0 else room - abs(way % (2 * room) - room)
