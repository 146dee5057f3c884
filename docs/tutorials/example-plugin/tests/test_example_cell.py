"""The cell keeps the contract of cells and computes its equations."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from seqimg_example.cell import LeakyCell

from seqimg.cells import Cell
from seqimg.testing import CellContract

Array = NDArray[np.float64]


class TestLeaky(CellContract):
    name = "leaky"
    cells = (LeakyCell(2, 3), LeakyCell(0, 2), LeakyCell(1, 2, kernel_size=1))

    def equations(self, cell: Cell, x: Array, state: Array, weights: Mapping[str, Array]) -> Array:
        """State the equations once more, pixel by pixel."""
        channels, height, width = state.shape
        found = np.empty_like(state)
        for c in range(channels):
            for i in range(height):
                for j in range(width):
                    drive = weights["bias_x"][c]
                    if cell.input_channels:
                        drive += correlated(x, weights["weight_x"][c], i, j)
                    rate = 1 / (1 + np.exp(-weights["rate"][c]))
                    found[c, i, j] = state[c, i, j] + rate * (drive - state[c, i, j])
        return found


def correlated(x: Array, weight: Array, i: int, j: int) -> float:
    """Return the sum of the pixels about (i, j) by their weights, zeros lying outside."""
    r = weight.shape[1] // 2
    around = np.pad(x, ((0, 0), (r, r), (r, r)))[:, i : i + 2 * r + 1, j : j + 2 * r + 1]
    return float((around * weight).sum())
