"""Noise that depends on a seed and a moment alone: on every device the same, however frames are split over calls."""

import torch
from torch import Tensor

__all__ = ["noise_at"]

_MIX = 0x9E3779B97F4A7C15  # an odd number: neighbouring moments get far seeds


def noise_at(clock: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return normal noise for each sample, `[B, *shape]` float32 on the CPU.

    Args:
        clock: `[B, 2]` int64: each sample's seed, and the moment it has come to.
        shape: Channels, height, width.

    Example:
        >>> clock = torch.tensor([[7, 0], [7, 1], [7, 0]])
        >>> noise = noise_at(clock, (1, 4, 4))
        >>> bool((noise[0] == noise[2]).all()), bool((noise[0] == noise[1]).any())
        (True, False)
    """
    generator, drawn = torch.Generator(), torch.empty(len(clock), *shape)
    for place, (seed, moment) in enumerate(clock.tolist()):
        generator.manual_seed((seed * 1_000_003 + moment) * _MIX % 2**63)
        drawn[place].normal_(generator=generator)
    return drawn
