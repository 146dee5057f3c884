"""Mirror images and turns."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from seqimg.data.boxes import Boxes
from seqimg.data.clips import Clip
from seqimg.errors import UsageError

__all__ = ["Flip", "Rotate", "mirrored"]


def mirrored(clip: Clip, axis: Literal[-1, -2]) -> Clip:
    """Return a clip sideways (-1) or upside down (-2), boxes and mask included.

    Args:
        clip: The clip.
        axis: -1 for left and right, -2 for up and down.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.arange(3.0).reshape(1, 1, 1, 3), ClipSource("a", 0), boxes=Boxes.of([0, 0, 1, 1], 0))
        >>> other = mirrored(clip, -1)
        >>> other.frames.flatten().tolist(), other.boxes.corners.tolist()
        ([2.0, 1.0, 0.0], [[2.0, 0.0, 3.0, 1.0]])
    """
    boxes = clip.boxes
    if boxes is not None:
        first, second = (0, 2) if axis == -1 else (1, 3)
        corners = boxes.corners.clone()
        size = clip.frames.shape[axis]
        corners[:, first], corners[:, second] = (
            size - boxes.corners[:, second],
            size - boxes.corners[:, first],
        )
        boxes = replace(boxes, corners=corners)
    mask = None if clip.mask is None else clip.mask.flip(axis)
    return replace(clip, frames=clip.frames.flip(axis), mask=mask, boxes=boxes)


@dataclass(frozen=True)
class Flip:
    """Mirror half of the clips.

    Left and right, or up and down, change places: a class that means a side is wrong afterwards.

    Args:
        way: `"sideways"` or `"upside-down"`.
        share: Probability, 0 to 1.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.arange(3.0).view(1, 1, 1, 3), ClipSource("a", 0))
        >>> Flip(share=1)(clip, np.random.default_rng(0)).frames.flatten().tolist()
        [2.0, 1.0, 0.0]
    """

    way: Literal["sideways", "upside-down"] = "sideways"
    share: float = 0.5

    keeps_labels = False

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Mirror the clip, or not."""
        if rng.random() >= self.share:
            return clip
        return mirrored(clip, -1 if self.way == "sideways" else -2)


@dataclass(frozen=True)
class Rotate:
    """Turn about the middle by a random angle; the size stays, what comes from outside is missing.

    A box becomes the upright one around its turned corners.

    Args:
        degrees: Greatest angle, either way.

    Raises:
        UsageError: The angle is not one from 0 to 180.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.rand(4, 3, 16, 16), ClipSource("a", 0))
        >>> Rotate(90)(clip, np.random.default_rng(0)).frames.shape, Rotate(90).keeps_labels
        (torch.Size([4, 3, 16, 16]), False)
    """

    degrees: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.degrees <= 180:
            raise UsageError(f"degrees is {self.degrees}", why="it must be 0 to 180")

    @property
    def keeps_labels(self) -> bool:
        """Whether up stays up."""
        return self.degrees <= 45

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Turn the clip."""
        angle = math.radians(float(rng.uniform(-self.degrees, self.degrees)))
        height, width = clip.frames.shape[-2:]
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        grid = _grid(height, width, turn).expand(len(clip.frames), -1, -1, -1)
        present = torch.ones_like(clip.frames) if clip.mask is None else clip.mask.to(clip.frames.dtype)
        share = grid_sample(present, grid, padding_mode="zeros", align_corners=False)
        mask = share > 0.5
        frames = grid_sample(clip.frames * present, grid, padding_mode="zeros", align_corners=False)
        frames = torch.where(mask, frames / share.clamp(min=0.5), 0)
        boxes = clip.boxes
        if boxes is not None:
            boxes = boxes.moved(_turned(boxes, turn, height, width), (height, width))
        return replace(clip, frames=frames, mask=None if bool(mask.all()) else mask, boxes=boxes)


def _grid(height: int, width: int, turn: Tensor) -> Tensor:
    """Return where each pixel comes from, `[1, H, W, 2 (x, y)]` from -1 to 1."""
    rows = torch.arange(height) + 0.5 - height / 2
    columns = torch.arange(width) + 0.5 - width / 2
    offsets = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)  # [H, W, 2 (x, y)]
    return (offsets @ turn / torch.tensor([width / 2, height / 2]))[None]


def _turned(boxes: Boxes, turn: Tensor, height: int, width: int) -> Tensor:
    middle = torch.tensor([width / 2, height / 2])
    left, top, right, bottom = boxes.corners.unbind(-1)
    points = torch.stack(
        [torch.stack(point, -1) for point in ((left, top), (right, top), (left, bottom), (right, bottom))], 1
    )  # [N, 4, 2 (x, y)]
    moved = (points - middle) @ turn.T + middle
    return torch.cat([moved.amin(1), moved.amax(1)], dim=-1)
