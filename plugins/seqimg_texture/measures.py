"""How far textures are from crops of their example, as metrics."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchmetrics import Metric

from seqimg.nn.features import directions
from seqimg_texture.looking import features_of, moving

__all__ = ["Distance", "Motion", "View", "texture_distance"]

_WAYS = 128
_LEAST = 1e-6


@dataclass(frozen=True)
class View:
    """What pictures look like along fixed directions.

    Attributes:
        along: `[B, K, N]` a layer, in order.
        strength: Variance of the features in each layer, the mean over channels.
    """

    along: list[Tensor]
    strength: list[Tensor]

    @classmethod
    def of(cls, pictures: Tensor, features: str) -> "View":
        """Look at pictures `[B, C, H, W]` around [0, 1], with the extractor of that name."""
        layers = features_of(pictures.clamp(0, 1), features)
        ways = [directions(layer.shape[1], _WAYS).to(layer) for layer in layers]
        return cls(
            [(way @ layer.flatten(2)).sort(2).values for way, layer in zip(ways, layers, strict=True)],
            [(layer - layer.mean((0, 2, 3), keepdim=True)).square().mean() for layer in layers],
        )

    def distance(self, other: "View") -> Tensor:
        """Return how far textures are from others of their size, a scalar: the mean over layers and pairs."""
        layers = zip(self.along, other.along, other.strength, strict=True)
        found = [(one - two).square().mean() / strength.clamp(min=_LEAST) for one, two, strength in layers]
        return torch.stack(found).mean()


def texture_distance(pictures: Tensor, others: Tensor, features: str) -> Tensor:
    """Return how far each picture's texture is from that of another one, a scalar: the mean over pairs.

    The squared sliced Wasserstein distance of features, along 128 directions that are always the same ones, averaged
    over layers; each layer is divided by the variance of what `others` show in it.

    Args:
        pictures: `[B, C, H, W]` around [0, 1].
        others: `[B, C, H, W]`.
        features: Name of the extractor.
    """
    return View.of(pictures, features).distance(View.of(others, features))


class Distance(Metric):  # type: ignore[misc, unused-ignore]
    """The distance of textures' last frames, or of their motion, from those of crops.

    Args:
        features: Name of the extractor.
        motion: Whether to look at three frames in a row as the colours of one picture.
    """

    is_differentiable = False
    full_state_update = False
    higher_is_better = False

    if TYPE_CHECKING:
        total: Tensor
        count: Tensor

    def __init__(self, features: str, *, motion: bool = False) -> None:
        super().__init__()
        self.features, self.motion = features, motion
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, truth: Tensor) -> None:
        """Take in textures and crops, both `[B, T, C, H, W]`."""
        look = moving if self.motion else _last
        for one, other in zip(look(outputs), look(truth), strict=True):
            self.total += texture_distance(one[None], other[None], self.features)
            self.count += 1

    def compute(self) -> Tensor:
        """Return the mean."""
        return (self.total / self.count).float()


class Motion(Metric):  # type: ignore[misc, unused-ignore]
    """How much textures change from frame to frame: mean absolute difference over the crops' standard deviation."""

    is_differentiable = False
    full_state_update = False
    higher_is_better = None

    if TYPE_CHECKING:
        total: Tensor
        count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, truth: Tensor) -> None:
        """Take in textures and crops, both `[B, T, C, H, W]`."""
        change = (outputs[:, 1:].clamp(0, 1) - outputs[:, :-1].clamp(0, 1)).abs().mean((1, 2, 3, 4))
        self.total += (change / truth.std((1, 2, 3, 4)).clamp(min=1e-3)).sum()
        self.count += len(outputs)

    def compute(self) -> Tensor:
        """Return the mean."""
        return (self.total / self.count).float()


def _last(frames: Tensor) -> Tensor:
    return frames[:, -1]
