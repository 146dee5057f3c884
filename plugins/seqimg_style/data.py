"""What restyling learns on and is measured with."""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from seqimg.data import Clip, ClipSource, Datasets, Part, window_datasets
from seqimg.data.generators import pan
from seqimg.data.generators.generator import Split
from seqimg_style.config import StyleConfig
from seqimg_style.moving import MovedClips

__all__ = ["style_datasets"]

_PANS = ("demo:pan", "demo:pans")
_GENERATED = "demo:"
_VALIDATED, _TESTED = 4, 24


def style_datasets(config: StyleConfig, part: Part) -> Datasets:
    """Open `config.data`: stills of it in motion to learn on, and real clips to measure with."""
    generated = all(name.startswith(_GENERATED) for name in config.data)
    measured = window_datasets(config, length=config.frames, step=config.frames, part=part)
    train = measured.train
    resources = ExitStack()
    resources.enter_context(measured)
    if generated:  # of which a clip of many frames costs more than one of two
        train = resources.enter_context(window_datasets(config, length=2, step=2)).train
    data = replace(
        measured, train=MovedClips(train, config.unroll, config.seed), resources=resources, classes=()
    )
    if set(config.data) <= set(_PANS):
        split: Split = "test" if part == "all" else part
        data = replace(data, val=_Pans("val", config, _VALIDATED), test=_Pans(split, config, _TESTED))
    return data


class _Pans(Dataset[Clip]):
    """Camera moves over photographs, with their exact flow as target."""

    def __init__(self, split: Split, config: StyleConfig, count: int) -> None:
        self.split, self.config, self.count = split, config, count

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
        frames = torch.from_numpy(np.ascontiguousarray(sample.frames.transpose(0, 3, 1, 2))).float() / 255
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
