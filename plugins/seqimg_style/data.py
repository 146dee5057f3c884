"""What restyling learns on and is measured with."""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from seqimg.data import Clip, ClipSource, Datasets, Part, WindowDataset, window_datasets
from seqimg.data.generators import pan
from seqimg.data.generators.dataset import MadeFrames
from seqimg.data.generators.generator import Split
from seqimg.errors import UsageError
from seqimg_style.config import StyleConfig
from seqimg_style.moving import MovedClips
from seqimg_style.stills import Joined, Stills, named_stills

__all__ = ["style_datasets"]

_PANS = ("demo:pan", "demo:pans")
_GENERATED = "demo:"
_VALIDATED, _TESTED = 4, 24


def style_datasets(config: StyleConfig, part: Part) -> Datasets:
    """Open `config.data`: stills of it in motion to learn on, and real clips or moved stills to measure with."""
    indices, others = named_stills(config)
    with ExitStack() as resources:
        stills = Stills.open(config, indices, part, resources) if indices else None
        videos = _videos(config.model_copy(update={"data": tuple(others)}), part, resources, stills)
        if stills is None:
            assert videos is not None, "something is named, or that is an error"
            data = videos
        elif videos is None:
            data = Datasets(
                stills.train,
                stills.val,
                stills.test,
                channels=3,
                readings=stills.readings,
                whole=True,
                sequences=stills.sequences,
                skipped=stills.skipped,
            )
        else:
            data = _joined(videos, stills)
        train = MovedClips(data.train, config.unroll, config.seed)
        return replace(data, train=train, resources=resources.pop_all(), classes=())


def _videos(config: StyleConfig, part: Part, resources: ExitStack, stills: Stills | None) -> Datasets | None:
    """Open what is no picture; None if nothing is left of it."""
    if stills is not None and not config.data:
        return None
    data = resources.enter_context(
        window_datasets(config, length=config.frames, step=config.frames, part=part)
    )
    if not all(name.startswith(_GENERATED) for name in config.data):
        return data
    # Of what is generated a clip of many frames costs more than one of two.
    train = resources.enter_context(window_datasets(config, length=2, step=2)).train
    data = replace(data, train=train)
    if set(config.data) <= set(_PANS):
        split: Split = "test" if part == "all" else part
        data = replace(data, val=_Pans("val", config, _VALIDATED), test=_Pans(split, config, _TESTED))
    return data


def _joined(videos: Datasets, stills: Stills) -> Datasets:
    if not isinstance(videos.train, WindowDataset):
        raise UsageError(
            "--data names both generated and real sequences", why="a run learns from one or the other"
        )
    sizes = [*videos.train.sizes, *stills.train.sizes]
    height, width = min(size[0] for size in sizes), min(size[1] for size in sizes)
    return replace(
        videos,
        train=Joined([videos.train, stills.train], (height, width)),
        val=Joined([videos.val, stills.val]),
        test=Joined([videos.test, stills.test]),
        channels=3,
        readings=(*videos.readings, *stills.readings),
        sequences=(*videos.sequences, *stills.sequences),
        skipped=videos.skipped + stills.skipped,
    )


class _Pans(Dataset[Clip]):
    """Camera moves over photographs, with their exact flow as target."""

    def __init__(self, split: Split, config: StyleConfig, count: int) -> None:
        self.split, self.config, self.count = split, config, count
        self._prepared = MadeFrames(config.pre)

    @property
    def owners(self) -> list[int]:
        return [0] * self.count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Clip:
        side = self.config.crop
        sample = pan(
            index, length=self.config.frames, size=(side, side), seed=self.config.seed, split=self.split
        )
        assert sample.flow is not None
        made = self._prepared(sample.frames)
        frames = torch.from_numpy(np.ascontiguousarray(made.transpose(0, 3, 1, 2))).float() / 255
        return Clip(
            frames,
            ClipSource("demo:pan", index),
            target=_target(sample.flow.backward, sample.flow.disoccluded),
        )


def _target(backward: NDArray[np.float32], hidden: NDArray[np.bool_]) -> Tensor:
    """Return a generator's flow `[T - 1, H, W, 2 (x, y)]` as the measures take it, `[T - 1, 3, H, W]`."""
    flow = torch.from_numpy(np.ascontiguousarray(backward[..., ::-1].transpose(0, 3, 1, 2)))
    seen = torch.from_numpy(~hidden)[:, None].to(flow)
    return torch.cat([flow, seen], dim=1)
