"""Networks without memory that are trained beside a model: what remembering is worth shows in comparison.

Both rivals see frames one at a time. `average_pool` answers from the mean of what it saw in all frames so far,
`last_frame` from the last alone.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, dropout

from seqimg.nn import pad_to_multiple

__all__ = [
    "FrameEncoder",
    "Heads",
    "RivalHeads",
    "Rivalled",
    "QUARTERS",
    "STEM_STRIDE",
    "convolution",
    "quarters",
    "stacked",
    "stem",
]

STEM_STRIDE = 4
QUARTERS = 4


class Rivalled(nn.Module):
    """A model with rivals.

    Attributes:
        has_rivals: Whether there are any.
    """

    has_rivals: bool

    def rivals(self, frames: Tensor) -> Mapping[str, Tensor]:
        """Return the logits `[B, T, K]` of the rivals after each of the frames `[B, T, C, H, W]`, by their names."""
        return self.with_rivals(frames)[1] if self.has_rivals else {}

    def with_rivals(self, frames: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the model's own logits `[B, T, K]` and those of its rivals."""
        raise NotImplementedError


def stacked(logits: Tensor, rivals: Mapping[str, Tensor]) -> Tensor:
    """Return logits `[B, T, K]` and those of R rivals as one `[B, 1 + R, T, K]`, as training wants them."""
    return torch.stack([logits, *rivals.values()], dim=1)


class Heads(nn.Module):
    """A linear classifier for each of several feature vectors; their logits are averaged.

    Args:
        widths: Length of each vector.
        classes: K.
        rate: Share of the features that is dropped in training.
    """

    def __init__(self, widths: Sequence[int], classes: int, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate
        self.linears = nn.ModuleList(nn.Linear(width, classes) for width in widths)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return the logits `[..., K]` of features `[..., width]`, one a level."""
        logits = [
            linear(dropout(one, self.rate, self.training))
            for linear, one in zip(self.linears, features, strict=True)
        ]
        return torch.stack(logits).mean(0)


class RivalHeads(nn.Module):
    """The answers of both rivals to what one encoder sees in each frame."""

    def __init__(self, widths: Sequence[int], classes: int, rate: float = 0.0) -> None:
        super().__init__()
        self.average_pool = Heads(widths, classes, rate)
        self.last_frame = Heads(widths, classes, rate)

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return both rivals' logits `[B, T, K]` from pooled features `[B, T, width]`, one a level."""
        frames = features[0].shape[1]
        count = torch.arange(1, frames + 1, device=features[0].device, dtype=features[0].dtype)[:, None]
        means = [one.cumsum(1) / count for one in features]
        return {"average_pool": self.average_pool(means), "last_frame": self.last_frame(features)}


class FrameEncoder(nn.Module):
    """An encoder with the levels of the recurrent one, and about as many weights, but without memory.

    Args:
        channels: Channels of the frames.
        widths: Channels of each level, finest first.
    """

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.multiple = STEM_STRIDE * 2 ** (len(widths) - 1)
        self.stem = stem(channels, widths[0])
        self.levels = nn.ModuleList(
            nn.Sequential(convolution(width, 3 * width), convolution(3 * width, width)) for width in widths
        )
        self.downs = nn.ModuleList(convolution(fine, coarse, stride=2) for fine, coarse in pairwise(widths))

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Return the features `[B, T, 4 · width]` of each level for frames `[B, T, C, H, W]`, see `quarters`."""
        x = self.stem(pad_to_multiple(2 * frames.flatten(0, 1) - 1, self.multiple))
        found = []
        for number, level in enumerate(self.levels):
            x = level(x if number == 0 else self.downs[number - 1](x))
            found.append(quarters(x).unflatten(0, frames.shape[:2]))
        return found


def quarters(x: Tensor) -> Tensor:
    """Return the mean of each quarter of the pictures `[N, C, h, w]`, `[N, 4 · C]`.

    Where something moves tells what kind of motion it is: what comes closer moves to the left on the left and to
    the right on the right, which in the mean over a picture is no motion at all.
    """
    # The same once more: no graph for pictures of any size has that operator.
    if torch.compiler.is_exporting():
        return _quarters_by_hand(x)
    return adaptive_avg_pool2d(x, 2).flatten(1)


def _quarters_by_hand(x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    rows = x[:, :, : (height + 1) // 2], x[:, :, height // 2 :]
    means = [
        part.mean((2, 3))
        for half in rows
        for part in (half[..., : (width + 1) // 2], half[..., width // 2 :])
    ]
    return torch.stack(means, dim=2).flatten(1)


def convolution(x: int, c: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3×3 convolution with its activation."""
    return nn.Sequential(nn.Conv2d(x, c, 3, stride=stride, padding=1), nn.SiLU())


def stem(channels: int, width: int) -> nn.Sequential:
    """Return the first two convolutions, which take frames down to a quarter of their size."""
    return nn.Sequential(convolution(channels, width, stride=2), convolution(width, width, stride=2))
