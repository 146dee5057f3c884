"""Simpler textures, that stand beside what was grown: another crop, and noise."""

import torch
from torch import Tensor

__all__ = ["mean_colour", "other_crop", "random_phase"]


def other_crop(crops: Tensor) -> Tensor:
    """Return for each crop another one of the example: what is as far away as the example is from itself.

    A batch of one has no other: it is mirrored, both ways.

    Args:
        crops: `[B, T, C, H, W]`.

    Example:
        >>> other_crop(torch.arange(3.0).reshape(3, 1, 1, 1, 1)).flatten()
        tensor([2., 0., 1.])
    """
    return crops.roll(1, 0) if len(crops) > 1 else crops.flip(-1, -2)


def random_phase(crops: Tensor) -> Tensor:
    """Return noise with the spectrum and the mean colours of each crop.

    See Galerne et al., "Random Phase Textures: Theory and Synthesis" (2011). A texture without edges comes out as
    it is, one with shapes does not. All channels and frames are shifted alike, so that colours and motion stay.

    Args:
        crops: `[B, T, C, H, W]` in [0, 1].
    """
    height, width = crops.shape[-2:]
    noise = torch.randn(height, width, generator=torch.Generator().manual_seed(5)).to(crops)
    phase = torch.fft.rfft2(noise)
    phase = phase / phase.abs().clamp(min=1e-12)
    phase[0, 0] = 1
    shifted: Tensor = torch.fft.irfft2(torch.fft.rfft2(crops) * phase, s=(height, width))
    return shifted.clamp(0, 1)


def mean_colour(crops: Tensor) -> Tensor:
    """Return each crop's mean colour everywhere, `[B, T, C, H, W]`."""
    return crops.mean((1, 3, 4), keepdim=True).expand_as(crops)
