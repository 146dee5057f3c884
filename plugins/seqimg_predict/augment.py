"""What training clips may become: the same scene turned, upside down, or backwards in time."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seqimg.data import Clip, ClipDataset

__all__ = ["Augmented"]


class Augmented(Dataset[Clip]):
    """Clips of another data set, each changed at random as its number says.

    Args:
        clips: The clips to change.
        ways: Of `turn` (upside down, and turned by 90 degrees where the clip is square) and `reverse`
            (backwards in time).
        seed: Seed of the choices: a clip depends on (seed, number) alone.
    """

    def __init__(self, clips: ClipDataset, ways: tuple[str, ...], seed: int) -> None:
        self.clips, self.ways, self.seed = clips, ways, seed

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its sequence."""
        return self.clips.owners

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index]
        upside_down, aside, backwards = np.random.default_rng((self.seed, index, 1)).random(3) < 0.5
        square = clip.frames.shape[-1] == clip.frames.shape[-2]
        real = len(clip.frames) if clip.length is None else clip.length

        def changed(frames: Tensor) -> Tensor:
            if "turn" in self.ways:
                frames = frames.flip(-2) if upside_down else frames
                frames = frames.transpose(-1, -2) if aside and square else frames
            if "reverse" in self.ways and backwards:  # padding stays at the end
                frames = torch.cat([frames[:real].flip(0), frames[real:]])
            return frames.contiguous()

        mask = None if clip.mask is None else changed(clip.mask)
        return replace(clip, frames=changed(clip.frames), mask=mask, boxes=None)
