"""The extractors that are known by name, and what each needs."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from seqimg.errors import UsageError, did_you_mean
from seqimg.nn.backbones.efficientnet import EfficientNetLite0, imagenet_weights
from seqimg.nn.features.extractor import Extractor
from seqimg.nn.features.random_filters import RandomFilters
from seqimg.nn.features.vgg import hed_vgg16, vgg19

__all__ = ["EXTRACTORS", "extractor"]


def extractor(name: str) -> Extractor:
    """Make a feature extractor by its name.

    Args:
        name: `random-multiscale`, which is always there; `hed-vgg16` (VGG16 as an edge detector was made of it) or
            `efficientnet-lite0`, whose weights are packages; `vgg19`, whose weights are torchvision's.

    Raises:
        UsageError: There is none of that name.
        UnavailableError: Its weights are not installed.
        SeqimgError: Its weights are damaged.

    Example:
        >>> import torch
        >>> layers = extractor("random-multiscale")(torch.rand(2, 3, 64, 48))
        >>> [tuple(layer.shape[-2:]) for layer in layers]
        [(64, 48), (32, 24), (16, 12), (8, 6)]
    """
    if name not in EXTRACTORS:
        raise UsageError(
            f"no feature extractor {name!r}",
            why=f"there are {', '.join(EXTRACTORS)}",
            hint=did_you_mean(name, tuple(EXTRACTORS)),
        )
    return EXTRACTORS[name]()


class _EfficientNetLayers(nn.Module):
    """EfficientNet's stem and what leaves its first three halvings."""

    _LEAVING = (1, 3, 5, 11)  # blocks passed: strides 2, 4, 8, 16

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite0(stride=16)
        self.network.load_state_dict(imagenet_weights(self.network))
        self.network.eval()

    def forward(self, pictures: Tensor, count: int) -> list[Tensor]:
        layers, x = [], self.network.stem((pictures * 255 - 127) / 128).clamp(0, 6)
        blocks = list(self.network.blocks.children())[: self._LEAVING[count - 1]]
        for number, block in enumerate(blocks, start=1):
            x = block(x)
            if number in self._LEAVING:
                layers.append(x)
        return layers


def _random() -> Extractor:
    return Extractor(RandomFilters(), "random-multiscale-1", content=2)


def _efficientnet() -> Extractor:
    return Extractor(_EfficientNetLayers(), "efficientnet-lite0-57934424", content=2)


def _hed() -> Extractor:
    network, digest = hed_vgg16()
    return Extractor(network, f"hed-vgg16-{digest}", content=2)


def _vgg19() -> Extractor:
    return Extractor(vgg19(), "vgg19-dcbb9e9d", content=2)


EXTRACTORS: Mapping[str, Callable[[], Extractor]] = {
    "random-multiscale": _random,
    "hed-vgg16": _hed,
    "efficientnet-lite0": _efficientnet,
    "vgg19": _vgg19,
}
"""What makes each of them, by name."""
