"""The detector: an encoder of single frames, a recurrent layer that remembers, a head without anchors.

Every position of the maps says for each class whether a thing's middle is there, and how far its box
reaches to the left, top, right and bottom (Tian et al., "FCOS", ICCV 2019). What the recurrent layer
remembers is added to the features of the frame through a layer that is zero before training: at the
first step the detector is the image detector it is built around.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from seqimg.errors import SeqimgError
from seqimg.nn import ConvRNN, State, picture_cell_options
from seqimg_detect.encoder import Block, Encoder, Eye, Neck

__all__ = ["Detector", "ImageDetector"]

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
        backbone: An image network instead of the encoder, `efficientnet-lite0` or `module:attribute`; of
            `widths` the last is then the features' width.
        freeze: Leave the image network as it is.
        rivals: Have a companion without memory, with weights of its own. It shares an image network that does
            not learn.

    Raises:
        UsageError: The encoder has too few levels for the stride, or the image network does not fit it.
        UnavailableError: The image network or the cell is not installed.

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
        backbone: str = "",
        freeze: bool = True,
        rivals: bool = True,
    ) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

        def eye() -> Eye | None:
            return Eye(backbone, channels, stride, frozen=freeze) if backbone else None

        self.eye = eye()

        def image_detector() -> ImageDetector:
            encoder = (
                Encoder(channels, stride, widths) if self.eye is None else Neck(self.eye.features, widths[-1])
            )
            return ImageDetector(encoder, classes)

        self.image = image_detector()
        width = self.image.encoder.width
        self.squeeze = nn.Conv2d(width, memory, 1)
        self.memory = ConvRNN(
            memory, memory, cell=cell, **picture_cell_options(cell, kernel_size=kernel_size)
        )
        last = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.recall = nn.Sequential(nn.Conv2d(width + memory, width, 1), nn.SiLU(), last)
        self.companion = image_detector() if rivals else None
        self.companion_eye = eye() if rivals and self.eye is not None and self.eye.learns else None

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
        looked = pictures if self.eye is None else self.eye(pictures)
        features = self.image.encoder(looked)
        seen = self.squeeze(features).unflatten(0, frames.shape[:2])
        remembered, state = self.memory(seen, state)
        features = features + self.recall(torch.cat([features, remembered.flatten(0, 1)], 1))
        maps = self.image.head(features).unflatten(0, frames.shape[:2])
        if rivals and self.companion is not None:
            if self.companion_eye is not None:
                looked = self.companion_eye(pictures)
            maps = torch.stack([maps, self.companion(looked).unflatten(0, frames.shape[:2])], 1)
        return maps, state

    def without_memory(self, frames: Tensor) -> Tensor:
        """Return the companion's maps for frames `[B, T, C, H, W]`."""
        if self.companion is None:
            raise SeqimgError(
                "this model has no companion without memory", why="it was built with rivals off"
            )
        self._check(frames)
        pictures, eye = frames.flatten(0, 1), self.companion_eye or self.eye
        found = self.companion(pictures if eye is None else eye(pictures))
        maps: Tensor = found.unflatten(0, frames.shape[:2])
        return maps

    def _check(self, frames: Tensor) -> None:
        if frames.ndim != 5 or frames.shape[1] < 1 or frames.shape[2] != self.channels:
            raise SeqimgError(
                f"the detector cannot read frames of shape {tuple(frames.shape)}",
                why=f"it takes [B, T, C, H, W] with at least one frame of {self.channels} channels",
            )


class ImageDetector(nn.Module):
    """Find things in single frames: `[N, C, H, W]` in [0, 1], or an image network's features, to `[N, K + 4, h, w]`.

    Args:
        encoder: Maps them to features `[N, encoder.width, h, w]`.
        classes: Number of classes K.
    """

    def __init__(self, encoder: Encoder | Neck, classes: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, _Head(encoder.width, classes)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the maps of frames."""
        maps: Tensor = self.head(self.encoder(frames))
        return maps


class _Head(nn.Module):
    """Maps of class logits and distances from features."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.scores, self.reach = (
            nn.Sequential(Block(width, width), _last(width, out, start))
            for out, start in (
                (classes, -math.log(1 / _PRIOR - 1)),
                (4, math.log(math.expm1(_REACH))),
            )
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([self.scores(features), softplus(self.reach(features))], dim=1)


def _last(width: int, out: int, start: float) -> nn.Conv2d:
    """A convolution that answers `start` everywhere, more or less, before training."""
    last = nn.Conv2d(width, out, 3, padding=1)
    nn.init.normal_(last.weight, std=0.01)
    if last.bias is not None:
        nn.init.constant_(last.bias, start)
    return last
