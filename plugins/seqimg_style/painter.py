"""The network that restyles one picture, whatever was before it.

An encoder to a quarter of the size, some residual blocks, and a decoder that enlarges before it convolves, so that no
chequerboard appears (the layout of Johnson et al., "Perceptual Losses for Real-Time Style Transfer", ECCV 2016, much
narrower). Every normalisation takes its scale and shift from how much of which style is wanted (Dumoulin et al., "A
Learned Representation for Artistic Style", ICLR 2017), nothing wanted being a style as well: the picture itself.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, relu

from seqimg.nn import crop_to, pad_to_multiple

__all__ = ["Painter", "of_itself"]

_STRIDE = 4
_LEAST = 16  # sides are filled up to this, so that edges can be mirrored at every scale
_MARGIN = 4  # pixels that are painted beyond each edge and cut off: mirrored edges have softer strokes


class Painter(nn.Module):
    """Restyle pictures one by one.

    Args:
        styles: Number of styles.
        width: Channels at a quarter of the size.
        blocks: Residual blocks there.

    Example:
        >>> painter = Painter(styles=1, width=8, blocks=1)
        >>> painter(torch.rand(2, 3, 33, 50), torch.ones(2, 1)).shape
        torch.Size([2, 3, 33, 50])
    """

    def __init__(self, styles: int, width: int = 40, blocks: int = 3) -> None:
        super().__init__()
        half, full = width // 2, max(width // 3, 4)
        self.first = _Painted(12, half, styles)
        self.second = _Painted(half, width, styles, stride=2)
        self.blocks = nn.ModuleList(_Block(width, styles) for _ in range(blocks))
        self.third = _Painted(width, half, styles)
        self.fourth = _Painted(half, full, styles)
        self.last = nn.Conv2d(full, 3, 3)

    def forward(self, pictures: Tensor, amounts: Tensor) -> Tensor:
        """Restyle pictures.

        Args:
            pictures: `[B, 3, H, W]` in [0, 1].
            amounts: `[B, S]`, how much of each style; all 0 leaves a picture as it is, a sum of 1 is the style as it
                was learnt.

        Returns:
            `[B, 3, H, W]` in [0, 1].
        """
        size = (pictures.shape[-2], pictures.shape[-1])
        x = pad_to_multiple(pictures, _STRIDE)
        lower, right = (max(0, _LEAST - side) for side in x.shape[-2:])
        x = pad(x, (0, right, 0, lower), mode="replicate") if lower or right else x
        x = _framed(x, _MARGIN)
        # Convolutions of one picture are a third faster with the channels last.
        x = nn.functional.pixel_unshuffle(2 * x - 1, 2).contiguous(memory_format=torch.channels_last)
        x = relu(self.first(x, amounts))
        x = relu(self.second(x, amounts))
        for block in self.blocks:
            x = block(x, amounts)
        x = relu(self.third(_larger(x), amounts))
        x = relu(self.fourth(_larger(x), amounts))
        painted = torch.sigmoid(self.last(_framed(x, 1)))[..., _MARGIN:, _MARGIN:]
        painted = crop_to(painted, size)
        return torch.lerp(painted, pictures, of_itself(amounts))


def of_itself(amounts: Tensor) -> Tensor:
    """Return how much of a picture itself is left, `[B, 1, 1, 1]` in [0, 1], for `[B, S]` of each style.

    Example:
        >>> of_itself(torch.tensor([[0.0], [0.5], [1.0]])).flatten()
        tensor([1.0000, 0.2500, 0.0000])
    """
    return (1 - amounts.sum(1).clamp(0, 1)).square()[:, None, None, None]


class _Painted(nn.Module):
    """A convolution, normalised over the picture, then scaled and shifted as the styles want it."""

    def __init__(self, x: int, c: int, styles: int, *, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(x, c, 3, stride=stride, bias=False)
        self.scale = nn.Parameter(torch.ones(1 + styles, c))
        self.shift = nn.Parameter(torch.zeros(1 + styles, c))
        with torch.no_grad():
            self.scale[1:] = 0

    def forward(self, x: Tensor, amounts: Tensor) -> Tensor:
        x = self.convolution(_framed(x, 1))
        amounts = torch.cat([torch.ones_like(amounts[:, :1]), amounts], dim=1)
        scale, shift = (amounts @ table for table in (self.scale, self.shift))  # [B, C]
        # Not torch.nn.functional's, which refuses single numbers: a picture may be tiny.
        x = torch.group_norm(x, x.shape[1], eps=1e-5)
        painted: Tensor = x * scale[:, :, None, None] + shift[:, :, None, None]
        return painted


class _Block(nn.Module):
    def __init__(self, width: int, styles: int) -> None:
        super().__init__()
        self.one, self.other = (_Painted(width, width, styles) for _ in range(2))

    def forward(self, x: Tensor, amounts: Tensor) -> Tensor:
        y: Tensor = x + self.other(relu(self.one(x, amounts)), amounts)
        return y


def _framed(x: Tensor, margin: int) -> Tensor:
    return pad(x, (margin,) * 4, mode="reflect")


def _larger(x: Tensor) -> Tensor:
    # Smoothly: the edges of enlarged pixels would show as a fine comb in every stroke.
    return interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
