"""Photographs to learn on: each is cropped in its own size, and put into motion."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from torch.utils.data import Dataset

from seqimg.data import Clip, ClipDataset, FrameSource, Part, SequenceCount, WindowDataset, split_sequences
from seqimg.data.datasets import small_crops
from seqimg.data.layouts import Index
from seqimg.data.sources import open_indices
from seqimg.data.stills import differing_pictures, is_picture, still_item
from seqimg.errors import UsageError
from seqimg_style.config import StyleConfig
from seqimg_style.moving import MovedClips

__all__ = ["Joined", "Stills", "named_stills"]

_FEW = 4  # fewer pictures than these are all learnt from


@dataclass(frozen=True)
class Stills:
    """Opened pictures.

    Attributes:
        train: Crops to learn on, one frame each.
        val: Crops of what is held back, in motion.
        test: The same of the part that is tested.
        readings: What was understood, in sentences.
        sequences: The pictures.
        skipped: How many were left out.
    """

    train: WindowDataset
    val: ClipDataset
    test: ClipDataset
    readings: tuple[str, ...]
    sequences: tuple[SequenceCount, ...]
    skipped: int

    @classmethod
    def open(
        cls, config: StyleConfig, indices: Sequence[Index], part: Part, resources: ExitStack
    ) -> "Stills":
        """Open pictures.

        Args:
            config: Says how to read and crop them.
            indices: The pictures.
            part: What is tested.
            resources: Takes what is to be closed in the end.

        Raises:
            SeqimgError: One cannot be read.
            UsageError: One has channels that are no colours.
        """
        opened = open_indices(config, indices, resources)
        stores = opened.stores
        for store in stores:
            _check_channels(store)
        few = len({store.path for store in stores}) < _FEW
        splits = None
        if not few:
            items = [store.item for store in stores]
            splits = split_sequences(items, holdout=config.holdout, validation=config.validation)

        def windows(which: Part, crops: int) -> WindowDataset:
            return WindowDataset(
                stores,
                "all" if few else which,
                splits=splits,
                crop=config.crop,
                crops=crops,
                seed=config.seed,
                at_most=config.validation_clips if which == "val" else None,
            )

        note = ("Of so few pictures none is held back: all are learnt from.",) if few else ()
        return cls(
            windows("train", 0),
            MovedClips(windows("val", 1), config.frames, config.seed),
            MovedClips(windows(part, 1), config.frames, config.seed),
            (*opened.readings, *small_crops(stores, config.crop), *note),
            tuple(SequenceCount(store.path, len(store), store.lost) for store in stores),
            opened.skipped,
        )


class Joined(Dataset[Clip]):
    """Clips of several data sets, one after the other.

    Args:
        parts: The data sets.
        size: Height and width that clips are cut to; None leaves them as they are.
    """

    def __init__(self, parts: Sequence[ClipDataset], size: tuple[int, int] | None = None) -> None:
        self.parts, self.size = list(parts), size

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its sequence."""
        found: list[int] = []
        for part in self.parts:
            first = max(found, default=-1) + 1
            found += [first + owner for owner in part.owners]
        return found

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, index: int) -> Clip:
        epoch, place = divmod(index, len(self))
        number = 0
        while place >= len(self.parts[number]):
            place -= len(self.parts[number])
            number += 1
        part = self.parts[number]
        clip = part[epoch * len(part) + place]
        if self.size is None:
            return clip
        return replace(clip, frames=clip.frames[..., : self.size[0], : self.size[1]])


def named_stills(config: StyleConfig) -> tuple[list[Index], list[str]]:
    """Return the pictures that `config.data` names, and the names of what is left.

    A folder of pictures that differ in size or kind can be no sequence: each is a picture, unless `fit` says otherwise.
    """
    indices: list[Index] = []
    others: list[str] = []
    for name in config.data:
        path = Path(name)
        if is_picture(path):
            indices.append(Index((still_item(path),)))
        elif config.layout == "auto" and config.fit == "error" and (found := differing_pictures(path)):
            sentence = f"Read {path} as {len(found):,} pictures that differ in size or kind, each by itself."
            indices.append(Index(tuple(map(still_item, found)), layout="pictures", sentence=sentence))
        else:
            others.append(name)
    return indices, others


def _check_channels(store: FrameSource) -> None:
    if store.channels not in (1, 3, 4):
        raise UsageError(
            f"{store.path} has {store.channels} channels",
            why="pictures to learn on are grey, or red, green and blue, with transparency or without",
        )
