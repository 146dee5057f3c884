"""What a texture is to be like: how the features of its example are distributed."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.nn.features import directions
from seqimg_texture.looking import features_of

__all__ = ["Targets"]

_WAYS = 256  # directions kept of each layer; a step looks along some of them
_LOOKED = 32
_POSITIONS = 1024  # of a layer, drawn anew in each step: sorting is what costs
_KEPT = 2048  # positions of each picture that the example's distribution is made of
_GRAIN = 32  # filters of 3×3 pixels
_LEAST = 1e-2  # deviation of features that say something; of one colour none does


@dataclass(frozen=True)
class _Layer:
    """One layer's distribution along each direction.

    Attributes:
        ways: `[K, F]` directions, scaled so that the example's features have a deviation of 1 along each.
        quantiles: `[K, Q]` what lies along each, in order.
    """

    ways: Tensor
    quantiles: Tensor


class Targets:
    """The distributions that features of a texture are to have: sliced Wasserstein, cheap enough for training.

    Every layer is projected on directions; along each, the sorted values are compared with the example's (Heitz et
    al., "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021). The example is sorted once.

    Args:
        pictures: The example: pictures `[C, H, W]` of any sizes.
        name: The extractor.
    """

    def __init__(self, pictures: Iterable[Tensor], name: str) -> None:
        self.name, drawn = name, torch.Generator().manual_seed(2)
        seen: list[list[Tensor]] = []
        with torch.no_grad():
            for picture in pictures:
                layers = _looked_at(picture[None], name)
                seen.append([_some(layer[0].flatten(1), _KEPT, drawn) for layer in layers])
        self.layers = [_layer(torch.cat(parts, dim=1), drawn) for parts in zip(*seen, strict=True)]

    def distance(self, pictures: Tensor) -> Tensor:
        """Return how far textures `[B, C, H, W]` are from the example, a scalar: the mean over all layers.

        Other directions and positions are drawn in every call.
        """
        found = _looked_at(pictures, self.name)
        return torch.stack(
            [_apart(layer, wanted) for layer, wanted in zip(found, self.layers, strict=True)]
        ).mean()


def _looked_at(pictures: Tensor, name: str) -> list[Tensor]:
    """Return the features of pictures, and before them their grain: what trained networks look over."""
    channels = pictures.shape[1]
    ways = torch.randn(_GRAIN, channels * 9, generator=torch.Generator().manual_seed(3))
    ways = (ways - ways.mean(1, keepdim=True)).reshape(_GRAIN, channels, 3, 3).to(pictures)
    return [conv2d(pictures, ways), *features_of(pictures, name)]


def _some(values: Tensor, most: int, generator: torch.Generator | None = None) -> Tensor:
    """Return at most `most` of the columns of `[…, N]`, drawn at random."""
    count = values.shape[-1]
    if count <= most:
        return values
    return values[..., torch.randint(count, (most,), generator=generator).to(values.device)]


def _layer(features: Tensor, drawn: torch.Generator) -> _Layer:
    """Return the distribution of features `[F, N]`; channels count alike, as far as they say anything."""
    deviation = features.std(1)
    deviation = deviation + 0.05 * deviation.mean() + _LEAST
    ways = directions(len(features), _WAYS, generator=drawn).to(features) / deviation
    along = ways @ features  # [K, N]
    strength = along.std(1, keepdim=True).clamp(min=0.1)
    places = (torch.arange(_POSITIONS, device=along.device) + 0.5) / _POSITIONS * along.shape[1]
    return _Layer(ways / strength, (along / strength).sort(1).values[:, places.long()])


def _apart(layer: Tensor, wanted: _Layer) -> Tensor:
    features = _some(layer.flatten(2), _POSITIONS)  # [B, F, N]
    chosen = torch.randperm(_WAYS)[:_LOOKED].to(features.device)
    along = (wanted.ways[chosen] @ features).sort(2).values  # [B, K, N]
    count = along.shape[2]
    places = ((torch.arange(count, device=along.device) + 0.5) / count * _POSITIONS).long()
    return (along - wanted.quantiles[chosen][:, places]).square().mean()
