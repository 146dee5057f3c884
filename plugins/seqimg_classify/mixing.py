"""Training clips blended in pairs."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.utils.data import Dataset

from seqimg.data import Clip, ClipDataset, collate

__all__ = ["Mixed"]

_STREAM = 5  # of random numbers: others are drawn for crops, jitter and other changes


class Mixed(Dataset[Clip]):
    """Clips of another data set, each blended with one drawn at random; their labels become shares.

    Args:
        clips: The clips to blend, of one size.
        classes: How many classes there are.
        alpha: The share is drawn from Beta(alpha, alpha).
        seed: Seed of the draws: a clip depends on (seed, number) alone.
    """

    def __init__(self, clips: ClipDataset, classes: int, alpha: float, seed: int) -> None:
        self.clips, self.classes, self.alpha, self.seed = clips, classes, alpha, seed

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
        rng = np.random.default_rng((self.seed, index, _STREAM))
        share, epoch = float(rng.beta(self.alpha, self.alpha)), index // len(self)
        other = int(rng.integers(len(self))) + epoch * len(self)
        first, second = self.clips[index], self.clips[other]
        both = collate([first, second])  # of one length, or else an error that names them
        label = share * self._shares(first) + (1 - share) * self._shares(second)
        return replace(
            first,
            frames=share * both.frames[0] + (1 - share) * both.frames[1],
            label=label,
            mask=None if both.mask is None else both.mask[0] & both.mask[1],
            length=None if both.lengths is None else int(both.lengths.max()),
            times=None,
            boxes=None,
        )

    def _shares(self, clip: Clip) -> Tensor:
        if isinstance(clip.label, Tensor):
            return clip.label
        assert isinstance(clip.label, int)
        return one_hot(torch.tensor(clip.label), self.classes).float()
