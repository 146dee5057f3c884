"""The pieces that cells are made of, stated once more in numpy and by definition, for the tests."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from seqimg.cells import Cell

Array = NDArray[np.float64]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "leaky": lambda x: np.where(x > 0, x, 0.2 * x),
    "linear": lambda x: x,
}


def convolve(picture: Array, weight: Array, dilation: tuple[int, int] = (1, 1)) -> Array:
    """Cross-correlation of [C, H, W] with [O, C, kh, kw], with zeros outside of the picture."""
    (height, width), (kh, kw) = picture.shape[1:], weight.shape[2:]
    top, left = kh // 2 * dilation[0], kw // 2 * dilation[1]
    padded = np.pad(picture, ((0, 0), (top, top), (left, left)))
    result = np.zeros((len(weight), height, width))
    for i in range(kh):
        for j in range(kw):
            y, x = i * dilation[0], j * dilation[1]
            result += np.einsum("oc,chw->ohw", weight[:, :, i, j], padded[:, y : y + height, x : x + width])
    return result


def convolve_in_groups(
    picture: Array, weight: Array, groups: int, dilation: tuple[int, int] = (1, 1)
) -> Array:
    """Convolve each block of channels by itself: block i of one gate's outputs sees block i of the input."""
    blocks = zip(np.split(picture, groups), np.split(weight, groups), strict=True)
    return np.concatenate([convolve(block, part, dilation) for block, part in blocks])


def logistic(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


def per_pixel(vector: Array) -> Array:
    return vector[:, None, None]


def gate(array: Array, place: int, of: int) -> Array:
    """Part number `place` of `of` equal parts along the first axis."""
    return np.split(array, of)[place]


class Drawn:
    """Random parameters, a frame and a state for a cell, as numpy arrays of one sample."""

    def __init__(self, cell: Cell, size: tuple[int, ...], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.cell = cell
        self.weights: dict[str, Array] = {
            name: rng.normal(size=shape) for name, shape in cell.shapes().items()
        }
        self.x: Array = rng.normal(size=(cell.input_channels, *size))
        self.state: Array = rng.normal(size=(cell.state_channels, *size))

    def stepped(self) -> torch.Tensor:
        """Return the cell's own next state, `[S, …]`."""
        weights = {name: torch.from_numpy(array) for name, array in self.weights.items()}
        projected = self.cell.project(torch.from_numpy(self.x)[None], weights)
        return self.cell.step(projected, torch.from_numpy(self.state)[None], weights)[0]
