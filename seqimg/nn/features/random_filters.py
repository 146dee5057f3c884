"""Features without any training: random filters at four scales.

Ustyuzhaninov et al., "What does it take to generate natural textures?" (ICLR 2017): statistics of the rectified
outputs of random filters at several scales say what a texture looks like, nearly as well as those of a trained
network do.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, pad, relu

__all__ = ["RandomFilters"]

_SEED = 4
_SCALES = 4
_FIRST, _SECOND = 48, 64
_SIDE = 5


class RandomFilters(nn.Module):
    """Rectified random filters of pictures at full, half, quarter and eighth size.

    A layer holds the colours, what neighbours differ by (right, below, and both ways aslant), random filters of 5×5
    pixels, and random filters of 3×3 of those.
    """

    first: Tensor
    second: Tensor

    def __init__(self) -> None:
        super().__init__()
        values = _Values(_SEED)
        self.register_buffer("first", torch.cat([_differences(), _filters(values, _FIRST, 3, _SIDE)]))
        self.register_buffer("second", _filters(values, _SECOND, len(self.first), 3))

    def forward(self, pictures: Tensor, count: int = _SCALES) -> list[Tensor]:
        """Return a layer for each of so many scales, finest first: `[B, 139, h, w]`."""
        layers, x = [], 2 * pictures - 1
        for scale in range(count):
            seen = relu(conv2d(_framed(x, _SIDE // 2), self.first))
            again = relu(conv2d(_framed(seen, 1), self.second))
            layers.append(torch.cat([x, seen, again], dim=1))
            if scale + 1 < count:
                x = avg_pool2d(x, 2)
        return layers


class _Values:
    """Numbers in [-1, 1) that are the same for ever: raw bits, whose stream is promised never to change."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def __call__(self, count: int) -> NDArray[np.float64]:
        drawn: NDArray[np.float64] = self._bits.random_raw(count).astype(np.float64) / 2.0**63 - 1
        return drawn


def _filters(values: _Values, out: int, into: int, side: int) -> Tensor:
    """Return random filters `[out, into, side, side]`, each of sum 0 and norm 1."""
    weights = values(out * into * side * side).reshape(out, -1)
    weights -= weights.mean(1, keepdims=True)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return torch.from_numpy(weights.reshape(out, into, side, side).astype(np.float32))


def _differences() -> Tensor:
    """Return filters that take the differences of a pixel and its neighbours, both signs: `[24, 3, 5, 5]`."""
    weights = torch.zeros(3, 4, 2, 3, _SIDE, _SIDE)
    middle = _SIDE // 2
    for colour in range(3):
        for way, (down, across) in enumerate(((0, 1), (1, 0), (1, 1), (1, -1))):
            for sign, value in enumerate((1.0, -1.0)):
                weights[colour, way, sign, colour, middle, middle] = -value
                weights[colour, way, sign, colour, middle + down, middle + across] = value
    return weights.flatten(0, 2)


def _framed(x: Tensor, margin: int) -> Tensor:
    """Mirror the edges, or repeat them where a picture is too small to be mirrored."""
    mode = "reflect" if min(x.shape[-2:]) > margin else "replicate"
    return pad(x, (margin,) * 4, mode=mode)
