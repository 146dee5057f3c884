"""Data sets that generators make on the fly."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqimg.data.boxes import Boxes
from seqimg.data.clips import Clip, ClipSource
from seqimg.data.generators.generator import Generator, Split
from seqimg.data.generators.requests import make_sample
from seqimg.data.generators.samples import Sample
from seqimg.sequences import SequenceInfo
from seqimg.sequences.prepared import Preparation
from seqimg.sequences.values import to_values

__all__ = ["GENERATED", "GENERATED_SIDE", "GeneratedDataset", "MadeFrames"]

GENERATED = "demo:"
"""What the names of generators begin with where sequences are named."""

GENERATED_SIDE = 64
"""Height and width of generated clips, in pixels, unless `crop` says otherwise."""

_GENERATED_CLIPS = {"train": 4096, "val": 48, "test": 96}


class GeneratedDataset:
    """Clips made on the fly by one or more generators, each making an equal share.

    Training never sees a sequence twice: a number beyond the length makes a new one.

    Args:
        generators: Generators by name.
        split: Photographs, glyphs and other sources of the three splits are disjoint.
        length: Frames a clip.
        side: Height and width in pixels.
        seed: Seed of everything drawn.
        pre: Operations on each frame.

    Example:
        >>> from seqimg.data.generators import pans
        >>> clips = GeneratedDataset({"pans": pans}, "train", length=4, side=32, seed=0)
        >>> clips[0].frames.shape
        torch.Size([4, 3, 32, 32])
    """

    def __init__(
        self,
        generators: dict[str, Generator],
        split: Split,
        *,
        length: int,
        side: int,
        seed: int,
        pre: Sequence[str] = (),
    ) -> None:
        self._prepared = MadeFrames(pre)
        self.names, self.generators = list(generators), list(generators.values())
        self.split, self.length, self.side, self.seed = split, length, side, seed
        firsts = [self.owners.index(which) for which in range(len(generators))]
        self.channels = max(self._sample(first).frames.shape[3] for first in firsts)

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its generator."""
        return [self._owner(item) for item in range(len(self))]

    def __len__(self) -> int:
        return _GENERATED_CLIPS[self.split]

    def __getitem__(self, index: int) -> Clip:
        sample = self._sample(index)
        frames = _tensor(sample).expand(-1, self.channels, -1, -1)  # grey beside colour becomes grey colour
        tracks, boxes = sample.tracks, None
        if tracks is not None:
            boxes = Boxes.of(
                tracks.box,
                tracks.frame,
                tracks.track,
                tracks.category,
                tracks.visibility,
                tracks.noise[tracks.frame],
            )
        label = None if sample.label is None else sample.classes.index(sample.label)
        source = ClipSource(GENERATED + self.names[self._owner(index)], index)
        return Clip(frames, source, label=label, boxes=boxes)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of clips, or else of boxes, if all come from one generator and have them."""
        if len(self.names) > 1:
            return ()
        sample = self._sample(0)
        return sample.classes or (sample.tracks.categories if sample.tracks is not None else ())

    def _owner(self, index: int) -> int:
        return index % len(self) * len(self.generators) // len(self)

    def _sample(self, index: int) -> Sample:
        size = (self.side, self.side)
        generator = self.generators[self._owner(index)]
        made = make_sample(generator, index, length=self.length, size=size, seed=self.seed, split=self.split)
        return replace(made, frames=self._prepared(made.frames))


class MadeFrames:
    """Applies operations to frames that a generator made, as to those of any sequence.

    Args:
        pre: The operations, in their order.

    Example:
        >>> MadeFrames(["invert"])(np.full((2, 4, 4, 3), 200, np.uint8)).max()
        np.uint8(55)
    """

    def __init__(self, pre: Sequence[str]) -> None:
        self._pre, self._preparations = tuple(pre), dict[int, Preparation]()

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return frames `[T, H, W, C]` after the operations; without any, the same."""
        if not self._pre:
            return frames
        channels = frames.shape[3]
        if channels not in self._preparations:
            self._preparations[channels] = Preparation(_info_of(frames), self._pre)
        preparation = self._preparations[channels]
        values = np.stack([to_values(preparation(frame), preparation.info) for frame in frames])
        made: NDArray[np.uint8] = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
        return made


def _info_of(frames: NDArray[np.uint8]) -> SequenceInfo:
    _, height, width, channels = frames.shape
    return SequenceInfo(
        path="generated frames",
        format="array",
        height=height,
        width=width,
        channels=channels,
        dtype="uint8",
        value_range=(0.0, 255.0),
    )


def _tensor(sample: Sample) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(sample.frames.transpose(0, 3, 1, 2))).float() / 255
