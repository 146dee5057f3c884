"""What seqimg itself brings keeps the contracts that plugins keep."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.gru import GRUCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.testing import (
    CellContract,
    CommandContract,
    DatasetContract,
    KernelContract,
    ReaderContract,
    WriterContract,
    moving_square,
)
from tests.cells.statement import ACTIVATIONS, convolve, logistic, per_pixel

Array = NDArray[np.float64]


class TestMinimalGRU(CellContract):
    name = "min_conv_gru"
    cells = (MinConvGRUCell(2, 3), MinConvGRUCell(0, 2), MinConvGRUCell(1, 2, activation="relu"))

    def equations(self, cell: Cell, x: Array, state: Array, weights: Mapping[str, Array]) -> Array:
        assert isinstance(cell, MinConvGRUCell)
        total = per_pixel(weights["bias_x"]) + np.zeros((1, *state.shape[1:]))
        if cell.input_channels:
            total = total + convolve(x, weights["weight_x"])
        z, n = np.split(total, 2)
        found: Array = state + logistic(z) * (ACTIVATIONS[cell.activation](n) - state)
        return found


class TestVectors(CellContract):
    name = "gru"
    cells = (GRUCell(2, 3),)

    def test_equations(self) -> None:
        pytest.skip("tests/cells states them")


class TestFused(KernelContract):
    kernel = "fused"
    cells = (ConvGRUCell(2, 3), ConvLSTMCell(1, 2, peepholes=True))
    dtypes = ("float32",)

    def test_layouts(self) -> None:
        pytest.skip("tests/kernels tries them all")


class TestDigits(DatasetContract):
    name = "moving-digits?digits=1"


class TestMotions(DatasetContract):
    name = "motion"
    size = (16, 24)


class TestStackReader(ReaderContract):
    def make(self, folder: Path) -> tuple[Path, NDArray[Any]]:
        frames = moving_square(7, (9, 14), 4, "float32")
        frames[2, 3:5] = np.nan
        np.save(folder / "a.npy", frames)
        return folder / "a.npy", frames


class TestFolderReader(ReaderContract):
    def make(self, folder: Path) -> tuple[Path, NDArray[Any]]:
        frames = moving_square(7, (9, 14), 3)
        for place, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / f"{place:04}.png")
        return folder, frames


class TestRawWriter(WriterContract):
    suffix = ".rgb"
    kinds = ((3, "uint8"),)
    options = {"raw": "32x24@25:rgb24"}


class TestStackWriter(WriterContract):
    suffix = ".npy"
    kinds = ((1, "uint8"), (3, "uint16"), (40, "float32"))
    options = {"axes": "THWC"}


class TestAnimationWriter(WriterContract):
    suffix = ".apng"


class TestData(CommandContract):
    command = "data"
