"""Clips of frames that have nothing to do with each other, before those that do."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seqimg.data import Boxes, Clip, ClipDataset

__all__ = ["WithStills"]

_APART = 2**20  # more than the tracks of a sequence: things of two frames are never one
_STREAM = 5  # of random numbers
_MANY = 2**20


class WithStills(Dataset[Clip]):
    """Clips of another data set, the first of them replaced by as many frames from anywhere.

    What things look like is learnt from many things, and the frames of a clip show a few again and again. So
    training begins with single frames, and goes on with what there is to remember.

    Args:
        clips: The clips.
        stills: The same sequences as clips of one frame.
        length: Frames of a clip.
        until: Number of the first clip that is left as it is.
        seed: Seed of the choices: a clip depends on (seed, number) alone.
    """

    def __init__(
        self, clips: ClipDataset, stills: ClipDataset, *, length: int, until: int, seed: int
    ) -> None:
        self.clips, self.stills, self.length, self.until, self.seed = clips, stills, length, until, seed

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its sequence."""
        return self.clips.owners

    @property
    def lengths(self) -> list[int] | None:
        """For each clip, its number of frames, if the data set knows."""
        return getattr(self.clips, "lengths", None)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        if index >= self.until:
            return self.clips[index]
        rng = np.random.default_rng((self.seed, index, _STREAM))
        chosen = [self.stills[int(number)] for number in rng.integers(_MANY, size=self.length)]
        if len({clip.frames.shape for clip in chosen}) > 1:
            return self.clips[index]  # whole frames of several sizes do not go into one clip
        return _joined(chosen)


def _joined(stills: Sequence[Clip]) -> Clip:
    masks: Tensor | None = None
    if any(clip.mask is not None for clip in stills):
        masks = torch.cat(
            [
                torch.ones_like(clip.frames, dtype=torch.bool) if clip.mask is None else clip.mask
                for clip in stills
            ]
        )
    boxes = [clip.boxes for clip in stills if clip.boxes is not None]
    return Clip(
        torch.cat([clip.frames for clip in stills]),
        stills[0].source,
        mask=masks,
        boxes=_following(boxes) if len(boxes) == len(stills) else None,
    )


def _following(boxes: Sequence[Boxes]) -> Boxes:
    """Return the boxes of single frames as those of a clip of them."""
    frames = [torch.full_like(some.frames, number) for number, some in enumerate(boxes)]
    ids = [
        torch.where(some.ids < 0, some.ids, some.ids % _APART + number * _APART)
        for number, some in enumerate(boxes)
    ]
    return replace(Boxes.joined(boxes), frames=torch.cat(frames), ids=torch.cat(ids))
