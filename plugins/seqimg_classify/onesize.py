"""Pictures of several sizes, brought to the one that is read row by row."""

from dataclasses import replace

import torch
from torch.utils.data import Dataset

from seqimg.data import Clip, ClipDataset, Datasets, resize
from seqimg.errors import SeqimgError

__all__ = ["OneSize", "of_one_size"]

_NAMED = 3


class OneSize(Dataset[Clip]):
    """Clips of another data set, their frames resampled to one size.

    Args:
        clips: The clips.
        size: Height and width.
    """

    def __init__(self, clips: ClipDataset, size: tuple[int, int]) -> None:
        self.clips, self.size = clips, size

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its sequence."""
        return self.clips.owners

    @property
    def lengths(self) -> list[int] | None:
        """For each clip, its number of frames, if the data set knows."""
        return getattr(self.clips, "lengths", None)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """For each clip, height and width of its frames."""
        return [self.size] * len(self)

    @property
    def streamed(self) -> bool:
        """Whether clips follow one another, and have an answer at the end of their sequence only."""
        return getattr(self.clips, "streamed", False)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index]
        if clip.frames.shape[-2:] == self.size:
            return clip
        if clip.mask is None:
            return replace(clip, frames=resize(clip.frames, self.size))
        frames = resize(clip.frames.masked_fill(~clip.mask, torch.nan), self.size)
        return replace(clip, frames=frames.nan_to_num(), mask=~frames.isnan())


def of_one_size(data: Datasets, picture: tuple[int, ...]) -> Datasets:
    """Return data sets whose clips have the size of the pictures that a model reads, or that they all have themselves.

    Args:
        data: The data sets.
        picture: Height and width, or nothing to take what the data have.

    Raises:
        SeqimgError: They have several sizes, and none was given.
    """
    parts = (data.train, data.val, data.test)
    if picture:
        size = (picture[0], picture[1])
        train, val, test = (OneSize(part, size) for part in parts)
        return replace(data, train=train, val=val, test=test)
    sizes = sorted({size for part in parts for size in getattr(part, "sizes", None) or ()})
    if len(sizes) > 1:
        named = ", ".join(f"{width}×{height}" for height, width in sizes[:_NAMED])
        height, width = sizes[len(sizes) // 2]
        raise SeqimgError(
            f"the pictures have {len(sizes)} sizes, {named}{', …' if len(sizes) > _NAMED else ''}",
            why="rows are read of pictures of one height and width",
            hint=f"--picture {height},{width}, to resample all to that",
        )
    return data
