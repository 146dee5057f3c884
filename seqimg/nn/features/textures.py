"""How far two pictures' textures are apart: by products of features, or by their distributions."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

__all__ = ["directions", "gram", "sliced_wasserstein"]


def gram(features: Tensor) -> Tensor:
    """Return the mean products `[B, C, C]` of features `[B, C, H, W]`: which occur together, wherever.

    Args:
        features: `[B, C, H, W]`.

    Example:
        >>> gram(torch.tensor([[[[1.0, 3.0]], [[2.0, 2.0]]]]))
        tensor([[[5., 4.],
                 [4., 4.]]])
    """
    flat = features.flatten(2)  # [B, C, N]
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def directions(channels: int, count: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Return random unit vectors `[count, channels]`, on the CPU.

    Args:
        channels: Length of each.
        count: How many.
        generator: What draws them; None always gives the same ones, for evaluation.

    Example:
        >>> directions(3, 5).shape
        torch.Size([5, 3])
    """
    drawn = generator or torch.Generator().manual_seed(0)
    return normalize(torch.randn(count, channels, generator=drawn), dim=1)


def sliced_wasserstein(
    a: Tensor, b: Tensor, *, count: int = 64, generator: torch.Generator | None = None
) -> Tensor:
    """Return the squared sliced Wasserstein distance of the features of two pictures, or of two sets of them.

    Features are projected on random directions, and the sorted projections compared (Heitz et al., "A Sliced
    Wasserstein Loss for Neural Texture Synthesis", CVPR 2021). All positions of one picture make up one distribution.

    Args:
        a: `[B, C, H, W]`.
        b: `[B, C, H', W']`, or `[1, C, H', W']` to compare every one of `a` with. Unequal numbers of positions are
            compared by interpolating the sorted values.
        count: Directions.
        generator: What draws the directions; None always takes the same ones, for evaluation.

    Returns:
        The mean over directions and pictures, a scalar.

    Example:
        >>> picture = torch.rand(1, 8, 16, 16)
        >>> float(sliced_wasserstein(picture, picture.flip(-1)))
        0.0
        >>> round(float(sliced_wasserstein(picture, picture + 1)) > 0.1)
        1
    """
    ways = directions(a.shape[1], count, generator=generator).to(a)
    one, other = ((ways @ each.flatten(2)).sort(dim=2).values for each in (a, b))  # [B, K, N]
    if other.shape[2] != one.shape[2]:
        other = interpolate(other, size=one.shape[2], mode="linear", align_corners=True)
    return (one - other).square().mean()
