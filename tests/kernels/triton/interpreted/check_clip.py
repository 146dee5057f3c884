"""Whole clips, gates in Triton: results and every gradient against the reference in fp64."""

from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.kernels.triton_clip.kernel import sequence
from tests.kernels.calls import UPDATES, Flow
from tests.kernels.cells import label
from tests.kernels.triton.interpreted.clips import DTYPES, FAMILIES, SMALL, TOGETHER, check, rounding

__all__ = ["rounding"]

each_family = pytest.mark.parametrize("cell", FAMILIES, ids=label)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

OTHERS: list[Cell] = [
    ConvGRUCell(3, 2, activation="relu", kernel_size=(1, 3), input_kernel_size=5),
    ConvGRUCell(3, 4, reset="after", activation="leaky", dilation=2, input_dilation=(2, 1)),
    ConvGRUCell(0, 3, reset="after", kernel_size=(5, 1)),
    ConvGRUCell(0, 2),
    ConvGRUCell(1, 1),
    ConvGRULiteCell(2, 8),
    ConvLSTMCell(3, 1, input_kernel_size=1, dilation=(1, 2)),
    ConvLSTMCell(0, 2, peepholes=True),
    MinConvGRUCell(1, 2, activation="leaky", dilation=3),
    MinConvGRUCell(0, 1, activation="linear"),
    MinConvGRUCell(1, 8, activation="relu"),
]

SIZES: dict[str, dict[str, Any]] = {
    "one pixel": {"size": (1, 1), "batch": 3},
    "one row": {"size": (1, 6), "frames": 3},
    "odd": {"size": (7, 9), "batch": 1, "frames": 2},
    "one frame": {"frames": 1},
    "one of everything": {"size": (1, 1), "batch": 1, "frames": 1},
}


@each_family
@every_dtype
@pytest.mark.parametrize("options", [{}, {**TOGETHER, "recompute": True}], ids=["plain", "together"])
def test_results_and_every_gradient(cell: Cell, dtype: torch.dtype, options: dict[str, Any]) -> None:
    errors = check(sequence, cell, dtype, frames=3, **options)
    if dtype != torch.float32:
        # What the state in fp32 is for.
        assert errors["outputs"] < 1


@pytest.mark.parametrize("cell", OTHERS, ids=label)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_other_cells(cell: Cell, dtype: torch.dtype) -> None:
    check(sequence, cell, dtype, **SMALL)


@each_family
@pytest.mark.parametrize("options", SIZES.values(), ids=SIZES.keys())
def test_sizes(cell: Cell, options: dict[str, Any]) -> None:
    check(sequence, cell, torch.float32, **options)


@each_family
@pytest.mark.parametrize("flow", ["outputs", "last"])
def test_gradients_from_one_result_alone(cell: Cell, flow: Flow) -> None:
    check(sequence, cell, torch.float32, flow=flow, keep=True, **SMALL)


@each_family
@pytest.mark.parametrize(
    "options",
    [{"keep": True}, *({"update": kind} for kind in UPDATES), {"gate_bias": ""}, {"gate_bias": "THW"}],
    ids=str,
)
def test_controls(cell: Cell, options: dict[str, Any]) -> None:
    check(sequence, cell, torch.float32, **SMALL, **options)
