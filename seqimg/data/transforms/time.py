"""Changes to the order of frames."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seqimg.data.clips import Clip
from seqimg.data.transforms.base import check_share

__all__ = ["DropFrames", "Reverse"]


@dataclass(frozen=True)
class Reverse:
    """Play half of the clips backwards; padding stays at the end.

    Opening becomes closing, growth becomes decay: not for what has a direction in time. `times` keep
    rising: they are when the frames are shown, and the source's frame indices go backwards.

    Args:
        share: Probability, 0 to 1.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.arange(4.0).view(4, 1, 1, 1), ClipSource("a", 0))
        >>> Reverse(share=1)(clip, np.random.default_rng(0)).frames.flatten().tolist()
        [3.0, 2.0, 1.0, 0.0]
    """

    share: float = 0.5

    keeps_labels = False

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Reverse the clip, or not."""
        if rng.random() >= self.share:
            return clip
        real = _real(clip)
        order = torch.cat([torch.arange(real).flip(0), torch.arange(real, len(clip.frames))])
        return _in_order(clip, order)


@dataclass(frozen=True)
class DropFrames:
    """Lose frames at random, as a bad camera does: the frame before is seen again. The first one stays.

    Args:
        share: Probability of each frame, 0 to 1.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.arange(4.0).view(4, 1, 1, 1), ClipSource("a", 0))
        >>> DropFrames(share=1)(clip, np.random.default_rng(0)).frames.flatten().tolist()
        [0.0, 0.0, 0.0, 0.0]
    """

    share: float = 0.1

    keeps_labels = True

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Drop frames of the clip."""
        lost = rng.random(len(clip.frames)) < self.share
        lost[0] = False
        lost[_real(clip) :] = False
        kept = np.where(lost, 0, np.arange(len(lost)))
        return _in_order(clip, torch.from_numpy(np.maximum.accumulate(kept)))


def _real(clip: Clip) -> int:
    return len(clip.frames) if clip.length is None else clip.length


def _in_order(clip: Clip, order: Tensor) -> Clip:
    source, mask, boxes = clip.source, clip.mask, clip.boxes
    places = source.indices or tuple(source.first + step * source.stride for step in range(_real(clip)))
    real = order[: len(places)].tolist()
    return replace(
        clip,
        frames=clip.frames[order],
        source=replace(source, indices=tuple(places[place] for place in real)),
        mask=None if mask is None else mask[order],
        boxes=None if boxes is None else boxes.at(order.tolist()),
    )
