"""Parts of frames, and other sizes of them."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from seqimg.data.clips import Clip
from seqimg.data.picking import crop_corners
from seqimg.data.pixels import resize
from seqimg.errors import UsageError

__all__ = ["Crop", "Resize"]


@dataclass(frozen=True)
class Crop:
    """Cut a part out of every frame, the same of each.

    Boxes are cut off at the edges, and dropped if nothing is left of them.

    Args:
        size: Height and width; a side longer than the frame's is the frame's.
        place: `"random"`, `"middle"`, or `"three"` and `"five"` for the part number `number` of three
            along the longer side, or of the middle and the four corners.
        number: Which of several.

    Raises:
        UsageError: The size is empty, or there is no such part.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.rand(4, 3, 16, 16), ClipSource("a", 0))
        >>> Crop((8, 12), "middle")(clip, np.random.default_rng(0)).frames.shape
        torch.Size([4, 3, 8, 12])
    """

    size: tuple[int, int]
    place: Literal["random", "middle", "three", "five"] = "random"
    number: int = 0

    keeps_labels = True

    def __post_init__(self) -> None:
        count = {"three": 3, "five": 5}.get(self.place, 1)
        if min(self.size) < 1 or not 0 <= self.number < count:
            raise UsageError(
                f"part {self.number} of {self.size[0]} by {self.size[1]} pixels",
                why=f"sizes are 1 or more, and {self.place!r} has {count}",
            )

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Cut the clip."""
        frame = (clip.frames.shape[-2], clip.frames.shape[-1])
        height, width = min(self.size[0], frame[0]), min(self.size[1], frame[1])
        if self.place == "random":
            top, left = int(rng.integers(frame[0] - height + 1)), int(rng.integers(frame[1] - width + 1))
        else:
            count = {"three": 3, "five": 5}.get(self.place, 1)
            top, left = crop_corners(frame, (height, width), count)[self.number]
        rows, columns = slice(top, top + height), slice(left, left + width)
        boxes = clip.boxes
        if boxes is not None:
            corner = torch.tensor([left, top, left, top], dtype=torch.float32)
            boxes = boxes.moved(boxes.corners - corner, (height, width))
        mask = None if clip.mask is None else clip.mask[..., rows, columns]
        return replace(clip, frames=clip.frames[..., rows, columns], mask=mask, boxes=boxes)


@dataclass(frozen=True)
class Resize:
    """Resample every frame; missing values count for nothing.

    Args:
        size: Height and width, or one number for the shorter side, which keeps the aspect.

    Raises:
        UsageError: The size is empty.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.rand(4, 3, 16, 16), ClipSource("a", 0))
        >>> Resize(8)(clip, np.random.default_rng(0)).frames.shape
        torch.Size([4, 3, 8, 8])
    """

    size: tuple[int, int] | int

    keeps_labels = True

    def __post_init__(self) -> None:
        if min(self.size if isinstance(self.size, tuple) else (self.size,)) < 1:
            raise UsageError(f"size is {self.size}", why="it must be 1 or more")

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Resample the clip."""
        before = (clip.frames.shape[-2], clip.frames.shape[-1])
        after = self.size if isinstance(self.size, tuple) else _by_shorter(before, self.size)
        frames = clip.frames if clip.mask is None else clip.frames.masked_fill(~clip.mask, torch.nan)
        small = resize(frames, after)
        mask = None
        if clip.mask is not None:
            mask = ~small.isnan()
            small = small.nan_to_num(0.0)
        boxes = None if clip.boxes is None else clip.boxes.scaled(before, after)
        return replace(clip, frames=small, mask=mask, boxes=boxes)


def _by_shorter(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    scale = shorter / min(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
