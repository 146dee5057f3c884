"""A data set whose clips are changed as they are read."""

import numpy as np
from torch.utils.data import Dataset

from seqimg.data.clips import Clip
from seqimg.data.datasets import ClipDataset
from seqimg.data.transforms import Transform
from seqimg.errors import UsageError

__all__ = ["Transformed"]

_STREAM = 3  # of random numbers: others are drawn for crops, jitter and a task's own augmentation


class Transformed(Dataset[Clip]):
    """Clips of another data set, each changed at random as its number says.

    Args:
        clips: The clips to change.
        transform: What happens to them.
        seed: Seed of the draws: a clip depends on (seed, number) alone.
        labels: Whether labels must stay right.

    Raises:
        UsageError: `labels` is set, and the transform does not keep them right.

    Example:
        >>> from seqimg.data import GeneratedDataset
        >>> from seqimg.data.generators import pans
        >>> from seqimg.data.transforms import Flip
        >>> clips = GeneratedDataset({"pans": pans}, "train", length=4, side=32, seed=0)
        >>> Transformed(clips, Flip(), seed=0)[0].frames.shape
        torch.Size([4, 3, 32, 32])
    """

    def __init__(self, clips: ClipDataset, transform: Transform, seed: int, *, labels: bool = False) -> None:
        if labels and not transform.keeps_labels:
            raise UsageError(f"{transform} does not keep labels right", why="a class may be wrong after it")
        self.clips, self.transform, self.seed = clips, transform, seed

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
        return self.transform(self.clips[index], np.random.default_rng((self.seed, index, _STREAM)))
