"""How textures are looked at: features of pictures, and of three frames in a row as one picture."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from seqimg.errors import UnavailableError
from seqimg.nn.features import Extractor, extractor

__all__ = ["PAIR", "chosen_features", "extractor_id", "features_of", "moving"]

PAIR = 3
"""Frames that motion is seen in."""

_GAIN = 2.0  # differences between frames are small beside what is in them


@lru_cache(maxsize=4)
def _extractor(name: str, device: torch.device) -> Extractor:
    return extractor(name).to(device)


def chosen_features(wanted: str) -> str:
    """Return the extractor that `auto` stands for: trained features if their weights are there.

    Raises:
        UnavailableError: Another one was asked for, and its weights are not there.
    """
    name = "hed-vgg16" if wanted == "auto" else wanted
    try:
        _extractor(name, torch.device("cpu"))
    except UnavailableError:
        if wanted != "auto":
            raise
        return "random-multiscale"
    return name


def extractor_id(name: str) -> str:
    """Return what tells an extractor and its weights from others."""
    return _extractor(name, torch.device("cpu")).id


def features_of(pictures: Tensor, name: str) -> list[Tensor]:
    """Return what an extractor sees in pictures, `[B, F, h, w]` a layer, finest first.

    What the picture's edges make of it is left out. On a processor with bfloat16, or a GPU, it is computed in that.

    Args:
        pictures: `[B, C, H, W]` around [0, 1], grey or with three channels; smaller ones than the extractor
            understands are enlarged.
        name: The extractor.
    """
    found = _extractor(name, pictures.device)
    if min(pictures.shape[-2:]) < found.smallest:
        pictures = interpolate(pictures, scale_factor=-(-found.smallest // min(pictures.shape[-2:])))
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=_fast_bfloat16(pictures.device)):
        layers = found(pictures.expand(-1, 3, -1, -1))
    return [_inside(layer.float()) for layer in layers]


def moving(frames: Tensor) -> Tensor:
    """Return three frames in a row as the red, green and blue of one picture, `[B, 3, H, W]`.

    What stands still is grey in it, what moves has coloured fringes, and their order tells which way: features of
    such pictures tell motions apart. Differences from the middle frame are doubled.

    Args:
        frames: `[B, 3, C, H, W]`.

    Example:
        >>> frames = torch.rand(1, 1, 1, 4, 4).expand(-1, 3, -1, -1, -1)
        >>> bool((moving(frames) == frames[:, 0]).all())
        True
    """
    grey = frames.mean(2)  # [B, 3, H, W]
    middle = grey[:, 1:2]
    return middle + _GAIN * (grey - middle)


def _inside(layer: Tensor) -> Tensor:
    return layer[..., 1:-1, 1:-1] if min(layer.shape[-2:]) > 4 else layer


@lru_cache(maxsize=4)
def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(torch.backends.cpu.get_cpu_capability().startswith("AVX512"))
