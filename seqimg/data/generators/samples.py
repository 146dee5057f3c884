"""What a generator knows of a sequence it made: frames, and what a task could learn from them."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Flow", "Frames8", "Sample", "Tracks"]

Frames8: TypeAlias = NDArray[np.uint8]
"""Frames of 8 bits: `[T, H, W, C]`, values 0..255."""


@dataclass(frozen=True)
class Tracks:
    """Boxes of objects that keep their identity: one row for each object in each frame it touches.

    Attributes:
        frame: `[N]` int64, the frame's number from 0; rows are sorted by frame, then by track.
        track: `[N]` int64, the object's number from 1.
        category: `[N]` int64, place of the object's kind in `categories`.
        box: `[N, 4]` float32, left, top, right, bottom in pixels: the edges of the smallest rectangle around
            the object's pixels inside the frame, hidden ones included; right and bottom are exclusive.
        visibility: `[N]` float32, 0..1: share of the object's pixels that can be seen in the frame; the rest
            is beyond the border, behind something, or lost in noise.
        categories: Names of the kinds of objects.
        seen: `[T, H, W]` uint8, which track each pixel shows, 0 for none.
        noise: `[T]` bool, which frames are nothing but noise.

    Example:
        >>> from seqimg.data.generators import tracks
        >>> made = tracks(0, length=3, size=(64, 64), seed=0, split="test", objects=2).tracks
        >>> made.box.shape[1], len(made.visible) == len(made.track)
        (4, True)
    """

    frame: NDArray[np.int64]
    track: NDArray[np.int64]
    category: NDArray[np.int64]
    box: NDArray[np.float32]
    visibility: NDArray[np.float32]
    categories: tuple[str, ...]
    seen: NDArray[np.uint8]
    noise: NDArray[np.bool_]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """`[N]`, whether anything of the object can be seen."""
        return self.visibility > 0


@dataclass(frozen=True)
class Flow:
    """Where each pixel goes, and where it came from.

    The point seen at pixel (x, y) of frame t is at (x, y) + `forward[t, y, x]` in frame t + 1, and the one at
    (x, y) of frame t + 1 was at (x, y) + `backward[t, y, x]` in frame t. Pixels have whole-numbered centres,
    x to the right, y down.

    Attributes:
        forward: `[T-1, H, W, 2]` float32, x then y, in pixels.
        backward: `[T-1, H, W, 2]` float32.
        occluded: `[T-1, H, W]` bool, pixels of frame t that frame t + 1 does not show.
        disoccluded: `[T-1, H, W]` bool, pixels of frame t + 1 that frame t did not show.

    Example:
        >>> from seqimg.data.generators import pan
        >>> flow = pan(0, length=3, size=(16, 16), seed=0, split="test").flow
        >>> flow.forward.shape, flow.occluded.shape
        ((2, 16, 16, 2), (2, 16, 16))
    """

    forward: NDArray[np.float32]
    backward: NDArray[np.float32]
    occluded: NDArray[np.bool_]
    disoccluded: NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """A sequence and what is known of it.

    Attributes:
        frames: `[T, H, W, C]` uint8, 0..255.
        label: Its class, if it has one.
        classes: All the classes that the generator's sequences can have, in the order of their numbers.
        tracks: Boxes of the objects in it, if it has any.
        flow: The motion of every pixel, if it is known.

    Example:
        >>> Sample(np.zeros((4, 8, 8, 3), np.uint8), label="left", classes=("left", "right")).label
        'left'
    """

    frames: Frames8
    label: str | None = None
    classes: tuple[str, ...] = ()
    tracks: Tracks | None = None
    flow: Flow | None = None
