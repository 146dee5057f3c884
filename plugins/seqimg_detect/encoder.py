"""Features of single frames: of a small network that learns them, or of an image network that knows them."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import batch_norm, interpolate

from seqimg.errors import UsageError
from seqimg.nn import crop_to, pad_to_multiple
from seqimg.nn.backbones import Backbone, load_backbone

__all__ = ["Block", "Encoder", "Eye", "Neck"]

_COARSEST = 32  # pixels that one position of an image network's coarsest features stands for, mostly


class Encoder(nn.Module):
    """Features of frames of any size, at one resolution, with what is around mixed in from coarser ones.

    Args:
        channels: Channels of the frames.
        stride: Pixels that one position stands for.
        widths: Channels of each level, finest first; each halves the size.

    Attributes:
        width: Channels of the features.
    """

    def __init__(self, channels: int, stride: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.fine = stride.bit_length() - 2  # the level whose positions are `stride` pixels wide
        if self.fine >= len(widths):
            raise UsageError(
                f"a stride of {stride} needs {self.fine + 1} levels",
                why=f"each halves the size, and there are {len(widths)} widths",
                hint=f"--widths {','.join(['24', '48', '64', '64', '96'][: self.fine + 1])}",
            )
        self.width, self.multiple, self.stride = widths[self.fine], 2 ** len(widths), stride
        self.downs = nn.ModuleList(
            nn.Sequential(
                Block(before, width, stride=2),
                *([_Residual(width)] if level else []),
            )
            for level, (before, width) in enumerate(pairwise([channels, *widths]))
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, self.width, 1) for width in widths[self.fine + 1 :])
        self.mix = Block(self.width, self.width)

    def forward(self, frames: Tensor) -> Tensor:
        """Return features `[N, width, ⌈H / stride⌉, ⌈W / stride⌉]` of frames `[N, C, H, W]` in [0, 1]."""
        size = _positions(frames, self.stride)
        features = 2 * pad_to_multiple(frames, self.multiple) - 1
        levels = []
        for down in self.downs:
            features = down(features)
            levels.append(features)
        fine, coarser = levels[self.fine], levels[self.fine + 1 :]
        around = None
        for lateral, level in zip(reversed(self.laterals), reversed(coarser), strict=True):
            here = lateral(level)
            around = here if around is None else here + interpolate(around, scale_factor=2.0)
        if around is not None:
            fine = fine + interpolate(around, scale_factor=2.0)
        mixed: Tensor = self.mix(fine)
        return crop_to(mixed, size)


class Eye(nn.Module):
    """An image network that looks at frames of any size.

    Args:
        name: `efficientnet-lite0` or `module:attribute`, see [load_backbone][seqimg.nn.backbones.load_backbone].
        channels: Channels of the frames.
        stride: Pixels that one position is to stand for.
        frozen: Leave the image network as it is.

    Attributes:
        features: Channels of its features.
        learns: Whether anything of it is trained.

    Raises:
        UsageError: There is no such network, or its features are of another stride.
        UnavailableError: It is not installed.
    """

    def __init__(self, name: str, channels: int, stride: int, *, frozen: bool = True) -> None:
        super().__init__()
        self.backbone: Backbone = load_backbone(name, channels, frozen=frozen, stride=stride)
        self.features, self.stride = self.backbone.features, stride
        self.learns = not frozen or self.backbone.mix is not None
        if self.backbone.stride != stride:
            found = self.backbone.stride
            raise UsageError(
                f"{name} does not fit --grid {stride}",
                why=f"one position of its features stands for {found} pixels"
                if found
                else "it returns no maps",
                hint=f"--grid {found}" if found else None,
            )

    def forward(self, frames: Tensor) -> Tensor:
        """Return features `[N, features, ⌈H / stride⌉, ⌈W / stride⌉]` of frames `[N, C, H, W]` in [0, 1]."""
        size = _positions(frames, self.stride)
        seen: Tensor = self.backbone(pad_to_multiple(frames, max(_COARSEST, self.stride)))
        return crop_to(seen, size)


def _positions(frames: Tensor, stride: int) -> tuple[int, int]:
    """Return how many positions of `stride` pixels it takes to cover frames, down and across."""
    height, width = frames.shape[-2:]
    return (height + stride - 1) // stride, (width + stride - 1) // stride


class Neck(nn.Sequential):
    """What a detector makes of an image network's features `[N, features, h, w]`.

    Args:
        features: Their channels.
        width: Channels of what it returns.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__(nn.Conv2d(features, width, 1), Block(width, width), _Residual(width))
        self.width = width


class Block(nn.Sequential):
    """A convolution whose channels are normalised, in training over the frames of a batch."""

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
            _Norm(width),
            nn.SiLU(),
        )


class _Norm(nn.BatchNorm2d):
    """Batch normalisation, of a single value by what was seen before: it has no spread of its own."""

    def forward(self, features: Tensor) -> Tensor:
        if self.training and features.numel() == features.shape[1]:
            seen = (self.running_mean, self.running_var)
            return batch_norm(features, *seen, self.weight, self.bias, eps=self.eps)
        return super().forward(features)


class _Residual(nn.Module):
    """A block whose answer is added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = Block(width, width)

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = features + self.block(features)
        return added
