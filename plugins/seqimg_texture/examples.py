"""What textures are learnt from and measured with: crops of the left and of the right part of examples."""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from torch.utils.data import Dataset

from seqimg.data import Clip, ClipSource, Datasets, FrameSource, Part, SequenceCount, fill_missing
from seqimg.errors import SeqimgError, UsageError
from seqimg_texture.config import TextureConfig
from seqimg_texture.reading import Opened, open_examples

__all__ = ["SMALLEST", "Crops", "example_datasets"]

SMALLEST = 16
"""Pixels that the shorter side of an example has to have at least."""

_EPOCH = 256  # clips that count as having gone through an example once
_MOMENTS = 4  # of a video, that crops to measure with are taken at


class Crops(Dataset[Clip]):
    """Crops of a share of the columns of examples.

    Args:
        sources: The examples.
        share: First and last of the columns to crop from, as shares of the width.
        side: Side of the crops; smaller where there is no room for it.
        frames: Frames a clip.
        seed: Seed of crops drawn at random, each at any place and moment; None for crops side by side, at some moments.

    Attributes:
        size: Height and width of the crops.
    """

    def __init__(
        self,
        sources: Sequence[FrameSource],
        share: tuple[float, float],
        side: int,
        frames: int,
        *,
        seed: int | None = None,
    ) -> None:
        self.sources, self.frames, self.seed = list(sources), frames, seed
        self.spans = [(round(share[0] * s.width), round(share[1] * s.width)) for s in sources]
        room = [
            (source.height, last - first) for source, (first, last) in zip(sources, self.spans, strict=True)
        ]
        self.size = (min(side, *(height for height, _ in room)), min(side, *(width for _, width in room)))
        self._fixed = [] if seed is not None else self._side_by_side()

    def _side_by_side(self) -> list[tuple[int, int, int, int]]:
        found = []
        for number, (source, (left, right)) in enumerate(zip(self.sources, self.spans, strict=True)):
            moments = len(source) - self.frames + 1
            for moment in sorted({place * moments // _MOMENTS for place in range(_MOMENTS)}):
                for top in _places(0, source.height, self.size[0]):
                    found += [(number, moment, top, column) for column in _places(left, right, self.size[1])]
        return found

    @property
    def owners(self) -> list[int]:
        """For each crop, the index of its example."""
        if self.seed is None:
            return [number for number, *_ in self._fixed]
        return [place % len(self.sources) for place in range(len(self))]

    def __len__(self) -> int:
        return len(self._fixed) if self.seed is None else _EPOCH

    def __getitem__(self, index: int) -> Clip:
        number, moment, top, left = (
            self._fixed[index % len(self)] if self.seed is None else self._drawn(index)
        )
        source, (height, width) = self.sources[number], self.size
        places = np.arange(moment, moment + self.frames)
        frames = source.frames(places, (slice(top, top + height), slice(left, left + width)))
        if source.info.may_miss:
            filled, known = fill_missing(frames)
            # What is missing has no texture; the mean disturbs least.
            frames = filled if known is None else filled.where(known, filled.sum() / known.sum().clamp(min=1))
        first = int(source.indices[moment])
        return Clip(frames, ClipSource(source.path, first, sequence=number, view=index % len(self)))

    def _drawn(self, index: int) -> tuple[int, int, int, int]:
        rng, number = np.random.default_rng((self.seed or 0, index)), index % len(self.sources)
        source, (first, last) = self.sources[number], self.spans[number]
        moment = rng.integers(len(source) - self.frames + 1)
        top = rng.integers(source.height - self.size[0] + 1)
        left = rng.integers(first, last - self.size[1] + 1)
        return number, int(moment), int(top), int(left)


def example_datasets(config: TextureConfig, part: Part) -> Datasets:
    """Open the examples: textures are learnt from their left part, and measured with the right one.

    Validation looks at the left part too: a texture is to be like all of it, and there is nothing to overfit but it.

    Args:
        config: Names the examples.
        part: What the test crops are taken from.

    Raises:
        SeqimgError: An example is too small, has no or two or four channels, or fewer frames than `--frames` asks for.
    """
    resources = ExitStack()
    try:
        opened = open_examples(config, resources)
        _check(opened.sources, opened.channels)
        _check_as_learnt(config, opened)
        frames = _frames_at_once(config, opened.sources)
    except BaseException:
        resources.close()
        raise
    sources = opened.sources
    end = 1 - config.holdout
    note: tuple[str, ...] = ()
    if min(round(config.holdout * source.width) for source in sources) < SMALLEST:
        end, note = 1.0, ("No room to hold a part of the example back: all of it is learnt from.",)
    spans: dict[Part, tuple[float, float]] = {
        "all": (0, 1),
        "train": (0, end),
        "val": (0, end),
        "test": (end, 1) if end < 1 else (0, 1),
    }
    return Datasets(
        Crops(sources, (0, end), config.crop, frames, seed=config.seed),
        Crops(sources, (0, end), config.crop, frames),
        Crops(sources, spans[part], config.crop, frames),
        channels=opened.channels,
        readings=(*opened.readings, *note),
        resources=resources,
        sequences=tuple(SequenceCount(source.path, len(source), source.lost) for source in sources),
    )


def _places(first: int, last: int, side: int) -> list[int]:
    """Return where crops of a side begin that lie side by side, as far apart as there is room."""
    count = max(1, (last - first) // side)
    free = last - first - side
    return [first + (free * place // (count - 1) if count > 1 else free // 2) for place in range(count)]


def _check(sources: Sequence[FrameSource], channels: int) -> None:
    for source in sources:
        if min(source.height, source.width) < SMALLEST:
            raise SeqimgError(
                f"{source.path} is too small to learn a texture from",
                why=f"it has {source.width}×{source.height} pixels; {SMALLEST}×{SMALLEST} are the least",
            )
    if channels not in (1, 3):
        raise SeqimgError(
            f"{sources[0].path} has {channels} channels",
            why="textures are learnt from grey pictures or from red, green and blue",
            hint="a picture without transparency",
        )


def _check_as_learnt(config: TextureConfig, opened: Opened) -> None:
    # Frames of a run may have any number of channels, for nobody looks at them; here they are compared with.
    if config.channels not in (0, opened.channels):
        raise SeqimgError(
            f"{opened.sources[0].path} has {opened.channels} channels",
            why=f"the texture has {config.channels}",
        )


def _frames_at_once(config: TextureConfig, sources: Sequence[FrameSource]) -> int:
    shortest = min(sources, key=len)
    if config.frames == 0:
        return 3 if len(shortest) >= 3 else 1
    if len(shortest) < config.frames:
        raise UsageError(
            f"--frames {config.frames} does not fit {shortest.path}",
            why=f"it has {len(shortest)} frame{'s' * (len(shortest) != 1)}",
            hint="--frames 1",
        )
    return config.frames
