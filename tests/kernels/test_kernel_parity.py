"""Every kernel against the reference in fp64: cells, sizes, layouts, and where gradients flow in."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from tests.kernels.calls import Call, Flow
from tests.kernels.cells import each_way, every_cell, label
from tests.kernels.layouts import LAYOUTS, of_maps
from tests.kernels.parity import DTYPES, check_kernels

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
exact_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)

SIZES: dict[str, dict[str, Any]] = {
    "one pixel": {"size": (1, 1), "batch": 3},
    "one row": {"size": (1, 6), "frames": 3},
    "one column": {"size": (7, 1), "frames": 2},
    "kernel larger than the picture": {"size": (2, 2), "batch": 3, "frames": 5},
    "odd": {"size": (7, 9), "batch": 1, "frames": 3},
    "one frame": {"frames": 1},
    "one of everything": {"size": (1, 1), "batch": 1, "frames": 1},
}


@every_cell
@every_dtype
def test_results_and_every_gradient(cell: Cell, dtype: torch.dtype) -> None:
    check_kernels(cell, dtype)


@every_cell
@exact_dtype
@pytest.mark.parametrize("flow", ["outputs", "last"])
def test_gradients_from_one_result_alone(cell: Cell, dtype: torch.dtype, flow: Flow) -> None:
    check_kernels(cell, dtype, flow=flow)


@each_way
@exact_dtype
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_sizes(cell: Cell, dtype: torch.dtype, size: dict[str, Any]) -> None:
    check_kernels(cell, dtype, **size)


@pytest.mark.slow
@every_cell
@every_dtype
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_sizes_of_every_cell(cell: Cell, dtype: torch.dtype, size: dict[str, Any]) -> None:
    check_kernels(cell, dtype, **size)


WIDE: list[Cell] = [
    ConvGRUCell(16, 32),
    ConvGRUCell(24, 40, reset="after", activation="leaky"),
    ConvGRUCell(5, 17, input_kernel_size=1),
    ConvLSTMCell(16, 32, peepholes=True),
    MinConvGRUCell(16, 33),
]


@pytest.mark.parametrize("cell", WIDE, ids=label)
@pytest.mark.parametrize(
    "dtype", [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize("controls", [{}, {"keep": True, "update": "values", "recompute": True}], ids=str)
def test_channels_in_blocks(cell: Cell, dtype: torch.dtype, controls: dict[str, Any]) -> None:
    """So many channels that convolutions take them in vectors, with and without a rest."""
    check_kernels(cell, dtype, size=(13, 16), **controls)


@each_way
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts(cell: Cell, layout: Callable[[Call], Call]) -> None:
    check_kernels(cell, torch.float32, layout=layout)


@pytest.mark.slow
@every_cell
@every_dtype
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts_of_every_cell(cell: Cell, dtype: torch.dtype, layout: Callable[[Call], Call]) -> None:
    check_kernels(cell, dtype, layout=layout)


@each_way
@every_dtype
def test_expanded_controls(cell: Cell, dtype: torch.dtype) -> None:
    check_kernels(cell, dtype, layout=of_maps, keep=True, update="values", gate_bias="THW")
