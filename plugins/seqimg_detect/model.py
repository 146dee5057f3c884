"""The detector: an encoder of single frames, a recurrent layer that remembers, a head without anchors.

Every position of the maps says for each class whether a thing's middle is there, and how far its box
reaches to the left, top, right and bottom (Tian et al., "FCOS", ICCV 2019). What the recurrent layer
remembers is added to the features of the frame through a layer that is zero before training: at the
first step the detector is the image detector it is built around.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus

from seqimg.errors import SeqimgError, UsageError
from seqimg.nn import ConvRNN, State, crop_to, pad_to_multiple

__all__ = ["Detector", "Encoder", "ImageDetector"]

_PRIOR = 0.01  # share of positions that are a thing's middle, more or less
_REACH = 2.0  # strides that an untrained box reaches to each side


class Detector(nn.Module):
    """Find things in every frame, remembering those that cannot be seen just now.

    Args:
        channels: Channels of the frames.
        classes: Number of classes K.
        stride: Pixels that one position of the maps stands for.
        widths: Channels of the encoder's levels, finest first; each halves the size.
        memory: State channels of the recurrent layer.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions.
        rivals: Have a companion without memory, with weights of its own.

    Raises:
        UsageError: The encoder has too few levels for the stride.

    Example:
        >>> import torch
        >>> model = Detector(channels=3, classes=2, stride=4)
        >>> maps, state = model(torch.rand(2, 5, 3, 30, 42))
        >>> maps.shape
        torch.Size([2, 5, 6, 8, 11])
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        stride: int = 4,
        widths: Sequence[int] = (24, 48, 64, 64),
        memory: int = 48,
        cell: str = "conv_gru",
        kernel_size: int = 3,
        rivals: bool = True,
    ) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

        def image_detector() -> ImageDetector:
            return ImageDetector(Encoder(channels, stride, widths), classes)

        self.image = image_detector()
        width = self.image.encoder.width
        self.squeeze = nn.Conv2d(width, memory, 1)
        self.memory = ConvRNN(memory, memory, cell=cell, kernel_size=kernel_size)
        last = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.recall = nn.Sequential(nn.Conv2d(width + memory, width, 1), nn.SiLU(), last)
        self.companion = image_detector() if rivals else None

    def forward(
        self, frames: Tensor, state: State | None = None, *, rivals: bool = False
    ) -> tuple[Tensor, State]:
        """Read frames and find things in each.

        Args:
            frames: `[B, T, C, H, W]` in [0, 1].
            state: What an earlier call returned, or None at the start of a sequence.
            rivals: Return the companion's maps beside, `[B, 2, T, …]`.

        Returns:
            Maps `[B, T, K + 4, h, w]`: class logits, then distances left, top, right and bottom in strides,
            and the state after the last frame. h and w are H and W over the stride, rounded up.

        Raises:
            SeqimgError: The frames have another shape than the model needs.
        """
        self._check(frames)
        pictures = frames.flatten(0, 1)
        features = self.image.encoder(pictures)
        seen = self.squeeze(features).unflatten(0, frames.shape[:2])
        remembered, state = self.memory(seen, state)
        features = features + self.recall(torch.cat([features, remembered.flatten(0, 1)], 1))
        maps = self.image.head(features).unflatten(0, frames.shape[:2])
        if rivals and self.companion is not None:
            other = self.companion(pictures).unflatten(0, frames.shape[:2])
            maps = torch.stack([maps, other], 1)
        return maps, state

    def without_memory(self, frames: Tensor) -> Tensor:
        """Return the companion's maps for frames `[B, T, C, H, W]`."""
        if self.companion is None:
            raise SeqimgError(
                "this model has no companion without memory", why="it was built with rivals off"
            )
        self._check(frames)
        maps: Tensor = self.companion(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        return maps

    def _check(self, frames: Tensor) -> None:
        if frames.ndim != 5 or frames.shape[1] < 1 or frames.shape[2] != self.channels:
            raise SeqimgError(
                f"the detector cannot read frames of shape {tuple(frames.shape)}",
                why=f"it takes [B, T, C, H, W] with at least one frame of {self.channels} channels",
            )


class ImageDetector(nn.Module):
    """Find things in single frames: `[N, C, H, W]` in [0, 1] to maps `[N, K + 4, h, w]`.

    Args:
        encoder: Maps frames to features `[N, encoder.width, h, w]`.
        classes: Number of classes K.
    """

    def __init__(self, encoder: "Encoder", classes: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, _Head(encoder.width, classes)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the maps of frames."""
        maps: Tensor = self.head(self.encoder(frames))
        return maps


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
                _Block(before, width, stride=2),
                *([_Residual(width)] if level >= self.fine else []),
            )
            for level, (before, width) in enumerate(pairwise([channels, *widths]))
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, self.width, 1) for width in widths[self.fine + 1 :])
        self.mix = _Block(self.width, self.width)

    def forward(self, frames: Tensor) -> Tensor:
        """Return features `[N, width, ⌈H / stride⌉, ⌈W / stride⌉]` of frames `[N, C, H, W]` in [0, 1]."""
        size = (-(-frames.shape[-2] // self.stride), -(-frames.shape[-1] // self.stride))
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


class _Head(nn.Module):
    """Maps of class logits and distances from features."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.scores = nn.Sequential(_Block(width, width), nn.Conv2d(width, classes, 3, padding=1))
        self.reach = nn.Sequential(_Block(width, width), nn.Conv2d(width, 4, 3, padding=1))
        for branch, start in (
            (self.scores, -math.log(1 / _PRIOR - 1)),
            (self.reach, math.log(math.expm1(_REACH))),
        ):
            last = branch[-1]
            nn.init.normal_(last.weight, std=0.01)
            nn.init.constant_(last.bias, start)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([self.scores(features), softplus(self.reach(features))], dim=1)


class _Block(nn.Sequential):
    """A convolution, normalised over groups of channels in each frame by itself."""

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
            nn.GroupNorm(math.gcd(8, width), width),
            nn.SiLU(),
        )


class _Residual(nn.Module):
    """A block whose answer is added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = _Block(width, width)

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = features + self.block(features)
        return added
