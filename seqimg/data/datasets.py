"""The three data sets of a task, from what the user named with `--data`."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from seqimg.config import TaskConfig
from seqimg.data.clips import Clip, ClipSource
from seqimg.data.generator import Generator, Split
from seqimg.data.store import FrameStore
from seqimg.data.windows import Part, WindowDataset
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins.manager import plugin_host

__all__ = ["ClipDataset", "Datasets", "GeneratedDataset", "window_datasets"]

GENERATED = "demo:"
_SPLIT: dict[Part, Split] = {"all": "test", "train": "train", "val": "val", "test": "test"}
_GENERATED_CLIPS = {"train": 4096, "val": 48, "test": 96}
_GENERATED_SIDE = 64


class ClipDataset(Protocol):
    """Clips by number; numbers beyond the length are the same clips in a later epoch."""

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of the sequence it was cut from."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Clip: ...


class GeneratedDataset:
    """Clips made on the fly by one or more generators, each making an equal share.

    Training never sees a sequence twice: a number beyond the length makes a new one.

    Args:
        generators: Generators by name.
        split: Photographs, glyphs and other sources of the three splits are disjoint.
        length: Frames a clip.
        side: Height and width in pixels.
        seed: Seed of everything drawn.
    """

    def __init__(
        self, generators: dict[str, Generator], split: Split, *, length: int, side: int, seed: int
    ) -> None:
        self.names, self.generators = list(generators), list(generators.values())
        self.split, self.length, self.side, self.seed = split, length, side, seed
        firsts = [self.owners.index(which) for which in range(len(generators))]
        self.channels = max(self._make(first).shape[1] for first in firsts)

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its generator."""
        return [self._owner(item) for item in range(len(self))]

    def __len__(self) -> int:
        return _GENERATED_CLIPS[self.split]

    def __getitem__(self, index: int) -> Clip:
        frames = self._make(index).expand(-1, self.channels, -1, -1)  # grey beside colour becomes grey colour
        return Clip(frames, ClipSource(GENERATED + self.names[self._owner(index)], index))

    def _owner(self, index: int) -> int:
        return index % len(self) * len(self.generators) // len(self)

    def _make(self, index: int) -> Tensor:
        size = (self.side, self.side)
        frames = self.generators[self._owner(index)](
            index, length=self.length, size=size, seed=self.seed, split=self.split
        )
        return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float() / 255


@dataclass(frozen=True)
class Datasets:
    """What a task trains on, chooses the model by, and is tested with.

    `close`, or the end of a `with` block, gives up the frames they hold.

    Attributes:
        train: Clips to learn from.
        val: Clips that choose the best model.
        test: Clips that only `eval` touches.
        channels: Channels of all of them.
        readings: What was understood of each sequence, in a sentence.
        resources: What `close` closes.
    """

    train: ClipDataset
    val: ClipDataset
    test: ClipDataset
    channels: int
    readings: tuple[str, ...]
    resources: ExitStack = field(default_factory=ExitStack, repr=False, compare=False)

    def close(self) -> None:
        """Give up the frames; the clips cannot be read any more."""
        self.resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def window_datasets(config: TaskConfig, *, length: int, step: int, part: Part = "test") -> Datasets:
    """Cut the sequences in `config.data` into windows.

    Args:
        config: The task's configuration.
        length: Frames a clip.
        step: Frames from one validation or test window to the next; training takes every window.
        part: Share of each sequence that the test set covers.

    Raises:
        UsageError: No data is named, or generated and real data are mixed.
        SeqimgError: A sequence cannot be read, is shorter than a clip, or differs in channels.
    """
    if not config.data:
        raise UsageError("no data was named", hint="--data my_video.mp4, or --data demo:pans")
    generated = [name.removeprefix(GENERATED) for name in config.data if name.startswith(GENERATED)]
    if not generated:
        return _from_sequences(config, length, step, part)
    if len(generated) < len(config.data):
        raise UsageError(
            "--data names both generated and real sequences", why="a run learns from one or the other"
        )
    return _from_generators(config, generated, length, part)


def _from_generators(config: TaskConfig, names: Sequence[str], length: int, part: Part) -> Datasets:
    generators: dict[str, Generator] = {name: plugin_host().datasets.load(name) for name in names}
    side = config.crop or _GENERATED_SIDE

    def make(split: Split) -> GeneratedDataset:
        return GeneratedDataset(generators, split, length=length, side=side, seed=config.seed)

    train = make("train")
    readings = tuple(f"Generating {name} as {side}×{side} clips of {length} frames." for name in names)
    return Datasets(train, make("val"), make(_SPLIT[part]), train.channels, readings)


def _from_sequences(config: TaskConfig, length: int, step: int, part: Part) -> Datasets:
    with ExitStack() as opened:
        stores = [opened.enter_context(FrameStore.read(path, config.size, config)) for path in config.data]
        _check_alike(stores, length)
        windows = partial(
            WindowDataset, stores, length=length, holdout=config.holdout, validation=config.validation
        )
        return Datasets(
            train=windows("train", crop=config.crop, seed=config.seed),
            val=windows("val", step=step, at_most=config.validation_clips),
            test=windows(part, step=step),
            channels=stores[0].channels,
            readings=tuple(
                line for store in stores for line in (store.info.sentence(), store.losses) if line is not None
            ),
            resources=opened.pop_all(),
        )


def _check_alike(stores: Sequence[FrameStore], length: int) -> None:
    first = stores[0]
    for store in stores:
        if len(store) < length:
            raise SeqimgError(
                f"{store.path} has {len(store)} {'frame' if len(store) == 1 else 'frames'}, a clip needs {length}",
                why="a model learns from whole clips, and is measured on them",
                hint="a longer sequence, or a model of shorter clips",
            )
        if store.channels != first.channels:
            raise SeqimgError(
                f"{store.path} and {first.path} differ in channels: {store.channels} and {first.channels}",
                why="one model takes frames of one kind",
            )
