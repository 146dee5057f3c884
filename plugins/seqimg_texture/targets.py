"""What a texture is to be like: how the features of its example are distributed."""

import math
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
_FAR = (16, 32, 64)  # pixels across or down that arrangements are looked at over
_STRIDES = (4, 8)  # of the layers that they are looked at in
_PAIRS = 2  # of them in a step
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

    What lies some way apart is looked at together as well, as features of one place beside those of another (in the
    spirit of Berger and Memisevic, "Incorporating long-range consistency in CNN-based texture generation", ICLR 2017):
    rows of bricks are not seen in any one place.

    Args:
        pictures: The example: pictures `[C, H, W]` of any sizes.
        name: The extractor.
    """

    def __init__(self, pictures: Iterable[Tensor], name: str) -> None:
        self.name, drawn = name, torch.Generator().manual_seed(2)
        seen: dict[_Look, list[Tensor]] = {}
        with torch.no_grad():
            for picture in pictures:
                layers = _looked_at(picture[None], name)
                for look in _looks(layers, picture.shape[-1]):
                    found = look.at(layers)[0].flatten(1)
                    seen.setdefault(look, []).append(_some(found, _KEPT, drawn))
        wanted = {look: _layer(torch.cat(parts, dim=1), drawn) for look, parts in seen.items()}
        self.layers = {look: layer for look, layer in wanted.items() if look.away == (0, 0)}
        self.pairs = {look: layer for look, layer in wanted.items() if look.away != (0, 0)}

    def distance(self, pictures: Tensor) -> Tensor:
        """Return how far textures `[B, C, H, W]` are from the example, a scalar: the mean over all layers.

        Other directions, positions and pairs of places are drawn in every call.
        """
        found = _looked_at(pictures, self.name)
        fitting = [look for look in self.pairs if look.fits(found)]
        drawn = [fitting[place] for place in torch.randperm(len(fitting))[:_PAIRS].tolist()]
        wanted = self.layers | {look: self.pairs[look] for look in drawn}
        return torch.stack([_apart(look.at(found), layer) for look, layer in wanted.items()]).mean()


@dataclass(frozen=True)
class _Look:
    """Features of one layer, beside those some positions down and across."""

    layer: int
    away: tuple[int, int]

    def at(self, layers: list[Tensor]) -> Tensor:
        """Return them, `[B, F, h, w]` or `[B, 2 F, h', w']`."""
        features, (down, across) = layers[self.layer], self.away
        if not (down or across):
            return features
        height, width = features.shape[-2:]
        one, other = features[..., : height - down, : width - across], features[..., down:, across:]
        return torch.cat([one, other], dim=1)

    def fits(self, layers: list[Tensor]) -> bool:
        """Whether there are such places."""
        return all(
            2 * way <= side for way, side in zip(self.away, layers[self.layer].shape[-2:], strict=True)
        )


def _looks(layers: list[Tensor], side: int) -> list[_Look]:
    """Return all looks at a picture so many pixels wide."""
    found = [_Look(place, (0, 0)) for place in range(len(layers))]
    for place, layer in enumerate(layers):
        stride = 2 ** round(math.log2(side / layer.shape[-1]))
        if stride in _STRIDES:
            ways = [pixels // stride for pixels in _FAR]
            found += [_Look(place, away) for way in ways for away in ((way, 0), (0, way))]
    return [look for look in found if look.fits(layers)]


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
