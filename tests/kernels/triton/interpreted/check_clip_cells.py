"""Whole clips, gates in Triton: cells with other options, and each control alone."""

from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.kernels.triton_clip.kernel import sequence
from tests.kernels.calls import UPDATES
from tests.kernels.cells import label
from tests.kernels.triton.interpreted.clips import FAMILIES, SMALL, check, rounding

__all__ = ["rounding"]

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


@pytest.mark.parametrize("cell", OTHERS, ids=label)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_other_cells(cell: Cell, dtype: torch.dtype) -> None:
    check(sequence, cell, dtype, **SMALL)


@pytest.mark.parametrize("cell", FAMILIES, ids=label)
@pytest.mark.parametrize(
    "options",
    [{"keep": True}, *({"update": kind} for kind in UPDATES), {"gate_bias": ""}, {"gate_bias": "THW"}],
    ids=str,
)
def test_controls(cell: Cell, options: dict[str, Any]) -> None:
    check(sequence, cell, torch.float32, **SMALL, **options)
