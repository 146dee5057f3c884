"""Rectangles taken out of frames."""

from dataclasses import dataclass, replace

import numpy as np

from seqimg.data.clips import Clip
from seqimg.data.transforms.base import check_share

__all__ = ["Cutout"]


@dataclass(frozen=True)
class Cutout:
    """Blank one rectangle, the same in all frames.

    It is an occlusion, not a gap in the data: its pixels become 0 and count as valid, and boxes stay.

    Args:
        share: Greatest share of each side, 0 to 1.

    Example:
        >>> import torch
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.ones(2, 1, 16, 16), ClipSource("a", 0))
        >>> bool((Cutout(0.5)(clip, np.random.default_rng(0)).frames == 0).any())
        True
    """

    share: float = 0.3

    keeps_labels = True

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Blank a part of the clip."""
        height, width = clip.frames.shape[-2:]
        tall, wide = (round(side * float(rng.uniform(0, self.share))) for side in (height, width))
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        frames = clip.frames.clone()
        frames[..., top : top + tall, left : left + wide] = 0
        return replace(clip, frames=frames)
