"""Changes to the values of pixels that leave them where they are."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seqimg.data.clips import Clip
from seqimg.errors import SeqimgError, UsageError

__all__ = ["Colour", "Noise"]

_GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue in what we see as brightness


@dataclass(frozen=True)
class Colour:
    """Change brightness, contrast, saturation and hue at random; for frames of red, green and blue.

    Contrast is about the clip's own mean brightness, so that all its frames change alike. Values are
    clipped to [0, 1].

    Args:
        brightness: Factors are drawn from 1 - brightness to 1 + brightness.
        contrast: Likewise.
        saturation: Likewise; 0 is grey.
        hue: Greatest turn of the colour circle, 0 to 0.5 of it.

    Raises:
        UsageError: A number is out of its range.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.rand(4, 3, 16, 16), ClipSource("a", 0))
        >>> Colour(hue=0.1)(clip, np.random.default_rng(0)).frames.shape
        torch.Size([4, 3, 16, 16])
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.0

    keeps_labels = True

    def __post_init__(self) -> None:
        for name, limit in (("brightness", 1.0), ("contrast", 1.0), ("saturation", 1.0), ("hue", 0.5)):
            if not 0 <= getattr(self, name) <= limit:
                raise UsageError(f"{name} is {getattr(self, name)}", why=f"it must be 0 to {limit:g}")

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Change the clip's colours.

        Raises:
            SeqimgError: Its frames do not have three channels.
        """
        frames = clip.frames
        if frames.shape[1] != 3:
            raise SeqimgError(
                f"the colours of {clip.source.path} cannot be changed",
                why=f"its frames have {frames.shape[1]} channels, not red, green and blue",
                hint="leave colour out of the augmentation",
            )
        light, contrast, colour = (
            float(rng.uniform(1 - most, 1 + most))
            for most in (self.brightness, self.contrast, self.saturation)
        )
        turn = float(rng.uniform(-self.hue, self.hue))
        frames = frames * light
        mean = _luma(frames).mean() if clip.mask is None else _valid_mean(_luma(frames), clip.mask[:, :1])
        frames = mean + contrast * (frames - mean)
        grey = _luma(frames)
        frames = grey + colour * (frames - grey)
        if turn:
            frames = torch.einsum("dc,tchw->tdhw", _hue(turn), frames)
        return replace(clip, frames=_masked(frames.clamp(0, 1), clip.mask))


@dataclass(frozen=True)
class Noise:
    """Add Gaussian noise, another in every pixel and frame; values are clipped to [0, 1].

    Args:
        most: Greatest standard deviation, of the range from 0 to 1; each clip draws its own.

    Raises:
        UsageError: It is less than 0.

    Example:
        >>> from seqimg.data import ClipSource
        >>> clip = Clip(torch.rand(4, 3, 16, 16), ClipSource("a", 0))
        >>> Noise(0.1)(clip, np.random.default_rng(0)).frames.shape
        torch.Size([4, 3, 16, 16])
    """

    most: float = 0.05

    keeps_labels = True

    def __post_init__(self) -> None:
        if not self.most >= 0:
            raise UsageError(f"most is {self.most}", why="it must be 0 or more")

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Add noise to the clip."""
        strength = np.float32(rng.uniform(0, self.most))
        noise = torch.from_numpy(rng.standard_normal(tuple(clip.frames.shape), np.float32) * strength)
        return replace(clip, frames=_masked((clip.frames + noise).clamp(0, 1), clip.mask))


def _luma(frames: Tensor) -> Tensor:
    weights = frames.new_tensor(_GREY)[:, None, None]
    return (frames * weights).sum(1, keepdim=True)


def _valid_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)


def _masked(frames: Tensor, mask: Tensor | None) -> Tensor:
    """Keep missing values at 0."""
    return frames if mask is None else frames.masked_fill(~mask, 0)


def _hue(turn: float) -> Tensor:
    """Return the matrix that turns colours by a share of the circle about the axis of greys."""
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    third, root = (1 - cos) / 3, sin / math.sqrt(3)
    return torch.tensor(
        [
            [cos + third, third - root, third + root],
            [third + root, cos + third, third - root],
            [third - root, third + root, cos + third],
        ]
    )
