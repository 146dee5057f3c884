"""The three data sets of a task, from what the user named with `--data`."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, Self

from seqimg.config import TaskConfig
from seqimg.data.clips import Clip
from seqimg.data.generators.dataset import GENERATED, GENERATED_SIDE, GeneratedDataset
from seqimg.data.generators.generator import Generator, Split
from seqimg.data.generators.requests import generator_of
from seqimg.data.installed import INSTALLED, installed
from seqimg.data.picking import Picks, Sampling, clip_rate, unbroken
from seqimg.data.sources import Sources, open_sources
from seqimg.data.splits import Part, split_sequences
from seqimg.data.store import FrameSource
from seqimg.data.windows import WindowDataset, lost_before
from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences.damage import Lost

__all__ = ["ClipDataset", "Datasets", "SequenceCount", "small_crops", "window_datasets"]

_SPLIT: dict[Part, Split] = {"all": "test", "train": "train", "val": "val", "test": "test"}


class ClipDataset(Protocol):
    """Clips by number; numbers beyond the length are the same clips in a later epoch.

    One whose clips differ in length has `lengths` too, a list with that of each: training then puts clips
    of about one length into a batch. One with `sizes`, a list with the height and width of each, has clips of
    many sequences measured together. Of one that is `streamed` clips follow one another, and are gone through in order.

    Example:
        >>> import torch
        >>> from seqimg.data import Clip, ClipSource
        >>> class Blank:
        ...     owners = [0, 0]
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         return Clip(torch.zeros(4, 1, 8, 8), ClipSource("blank", 4 * (index % 2)))
        >>> clips: ClipDataset = Blank()
        >>> clips[3].source.first
        4
    """

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of the sequence it was cut from."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Clip: ...


@dataclass(frozen=True)
class SequenceCount:
    """How much there was of one sequence.

    Attributes:
        path: Where it is.
        frames: Frames that can be used.
        lost: What was left out.

    Example:
        >>> SequenceCount("clip.mp4", frames=240).lost == Lost()
        True
    """

    path: str
    frames: int
    lost: Lost = field(default_factory=Lost)


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
        classes: Names of the classes that labels stand for; empty without labels.
        whole: Whether the parts are made of whole sequences; else each sequence is split in time.
        sequences: How much there was of each sequence that was read; none of what is generated.
        skipped: How many sequences were left out as a whole.
        fps: How many frames clips have a second; None where that differs, or nothing says it.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> with window_datasets(TaskConfig(data=("demo:pans",)), length=4, step=4) as data:
        ...     data.channels, data.train[0].frames.shape
        (3, torch.Size([4, 3, 64, 64]))
    """

    train: ClipDataset
    val: ClipDataset
    test: ClipDataset
    channels: int
    readings: tuple[str, ...]
    resources: ExitStack = field(default_factory=ExitStack, repr=False, compare=False)
    classes: tuple[str, ...] = ()
    whole: bool = False
    sequences: tuple[SequenceCount, ...] = ()
    skipped: int = 0
    fps: float | None = None

    def close(self) -> None:
        """Give up the frames; the clips cannot be read any more."""
        self.resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def window_datasets(
    config: TaskConfig,
    *,
    length: int,
    step: int,
    part: Part = "test",
    sampling: Sampling = "dense",
    views: int = 0,
    crops: int = 1,
    mirror: bool = True,
    streamed: bool = False,
) -> Datasets:
    """Cut the sequences in `config.data` into windows.

    Args:
        config: The task's configuration.
        length: Frames a clip; 0 for whole sequences.
        step: Frames from one validation or test window to the next; training takes every window.
        part: Share of each sequence, or of the sequences, that the test set covers.
        sampling: How a clip's frames lie in the sequence.
        views: 0 for every window of every sequence. Otherwise each sequence comes once an epoch in training,
            as a clip drawn at random, once in validation, from its middle, and as so many views in testing.
        crops: With `views`, crops of each view in testing, each of side `config.crop`: 1, 3 or 5.
        mirror: Whether half of the crops trained on are mirrored.
        streamed: Whether the test clips follow one another through whole sequences, first frame to last, uncropped.

    Raises:
        UsageError: No data is named, or generated and real data are mixed.
        SeqimgError: A sequence cannot be read, is shorter than a clip, or differs in channels.

    Example:
        >>> import numpy as np
        >>> np.save(Path(tmp) / "clip.npy", np.zeros((40, 32, 48, 3), np.uint8))
        >>> config = TaskConfig(data=(str(Path(tmp) / "clip.npy"),), crop=16)
        >>> with window_datasets(config, length=8, step=8) as data:
        ...     data.train[0].frames.shape, len(data.test)
        (torch.Size([8, 3, 16, 16]), 1)
    """
    if not config.data:
        raise UsageError("no data was named", hint="--data my_video.mp4, or --data demo:pans")
    generated = [
        name.removeprefix(GENERATED)
        for name in config.data
        if name.startswith(GENERATED) and name not in INSTALLED
    ]
    if generated:
        if len(generated) < len(config.data):
            raise UsageError(
                "--data names both generated and real sequences", why="a run learns from one or the other"
            )
        return _from_generators(config, generated, length, part)
    config = config.model_copy(update={"data": tuple(map(installed, config.data))})
    picks = Picks(
        length,
        stride=config.stride,
        fps=config.fps,
        sampling=sampling,
        views=views,
        short=config.short,
        streamed=streamed,
    )
    with ExitStack() as opened:
        sources = open_sources(config, opened)
        return replace(
            _windows(config, sources, picks, step, part, crops if views else 0, mirror),
            resources=opened.pop_all(),
        )


def _from_generators(config: TaskConfig, names: Sequence[str], length: int, part: Part) -> Datasets:
    generators: dict[str, Generator] = {name: generator_of(name) for name in names}
    side = config.crop or GENERATED_SIDE

    def make(split: Split) -> GeneratedDataset:
        return GeneratedDataset(generators, split, length=length, side=side, seed=config.seed, pre=config.pre)

    train = make("train")
    readings = tuple(f"Generating {name} as {side}×{side} clips of {length} frames." for name in names)
    return Datasets(train, make("val"), make(_SPLIT[part]), train.channels, readings, classes=train.classes)


def _windows(
    config: TaskConfig, sources: Sources, picks: Picks, step: int, part: Part, crops: int, mirror: bool
) -> Datasets:
    stores = sources.stores
    tested = replace(picks, step=step)
    picks = replace(picks, streamed=False)
    _check_alike(stores, tested)
    splits = _splits(config, sources, part)
    windows = partial(
        WindowDataset, stores, holdout=config.holdout, validation=config.validation, splits=splits
    )
    once = replace(picks, views=min(picks.views, 1), step=step)
    side = config.crop if picks.views else 0
    return Datasets(
        train=windows(
            "train",
            replace(once, step=1, jitter=picks.views > 0),
            crop=config.crop,
            mirror=mirror,
            seed=config.seed,
        ),
        val=windows("val", once, at_most=config.validation_clips, crop=side, crops=1),
        test=windows(part, tested, crop=0 if tested.streamed else side, crops=crops),
        channels=stores[0].channels,
        readings=(*sources.readings, *small_crops(stores, config.crop)),
        classes=sources.classes,
        whole=splits is not None,
        sequences=tuple(SequenceCount(store.path, len(store), store.lost) for store in stores),
        skipped=sources.skipped,
        fps=clip_rate([None if store.info.fps is None else float(store.info.fps) for store in stores], picks),
    )


def small_crops(stores: Sequence[FrameSource], crop: int) -> list[str]:
    """Say if a sequence of small frames makes the crops of all others smaller than was asked for.

    Args:
        stores: The sequences.
        crop: Side that was asked for, in pixels.
    """
    sides = [min(crop, store.height, store.width) for store in stores]
    least = min(sides)
    if least == max(sides):
        return []
    return [f"Crops are at most {least} pixels high or wide: {stores[sides.index(least)].path} has no more."]


def _splits(config: TaskConfig, sources: Sources, part: Part) -> tuple[Split, ...] | None:
    """Return the part of each sequence, or None where each is split in time."""
    if config.split == "time" or (config.split == "auto" and not sources.many):
        return None
    items = [store.item for store in sources.stores]
    if (config.split == "auto" or part == "all") and len({item.path for item in items}) < 2:
        return None
    draw = config.seed if config.split == "balanced" else None
    return split_sequences(items, holdout=config.holdout, validation=config.validation, balanced=draw)


def _check_alike(stores: Sequence[FrameSource], picks: Picks) -> None:
    first = stores[0]
    for store in stores:
        count = max(map(len, unbroken(lost_before(store), picks)))
        if count < picks.reach and picks.short == "error" and not (picks.fps or picks.streamed):
            lost = " in a row" if count < len(store) else ""
            raise SeqimgError(
                f"{store.path} has {count} {'frame' if count == 1 else 'frames'}{lost}, a clip needs {picks.reach}",
                why="a model learns from whole clips, and is measured on them",
                hint="--short drop, or pad, loop, repeat; or a model of shorter clips",
            )
        if store.channels != first.channels:
            raise SeqimgError(
                f"{store.path} and {first.path} differ in channels: {store.channels} and {first.channels}",
                why="one model takes frames of one kind",
            )
