"""Cells that kernels are tested with: each option that a kernel has to know of, at sizes that do not fit well."""

from dataclasses import fields

import pytest

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell

CELLS: list[Cell] = [
    ConvGRUCell(2, 3),
    ConvGRUCell(3, 3, reset="after"),
    ConvGRUCell(3, 2, activation="relu", kernel_size=(1, 3), input_kernel_size=5),
    ConvGRUCell(3, 4, reset="after", activation="leaky", dilation=2, input_dilation=(2, 1)),
    ConvGRUCell(0, 3, reset="after", kernel_size=(5, 1)),
    ConvGRUCell(0, 2),
    ConvGRUCell(1, 1),
    ConvGRULiteCell(2, 3),
    ConvGRULiteCell(1, 2, reset="after", activation="leaky"),
    ConvLSTMCell(2, 3),
    ConvLSTMCell(3, 2, peepholes=True, input_kernel_size=1, dilation=(1, 2)),
    ConvLSTMCell(0, 2, peepholes=True),
    ConvLSTMCell(1, 1, kernel_size=5, input_dilation=2),
    MinConvGRUCell(2, 3),
    MinConvGRUCell(1, 2, activation="leaky", dilation=3),
    MinConvGRUCell(1, 1, activation="relu"),
    MinConvGRUCell(0, 2, activation="linear"),
]
"""Cells that a fused kernel serves."""

ONE_OF_EACH: list[Cell] = [
    ConvGRUCell(2, 3),
    ConvGRUCell(2, 3, reset="after"),
    ConvLSTMCell(2, 2, peepholes=True),
    MinConvGRUCell(2, 3),
]
"""One cell for each way through time."""


def label(cell: object) -> str:
    """Name a cell by what sets it apart."""
    assert isinstance(cell, Cell)
    options = [f for f in fields(cell) if f.name not in ("input_channels", "hidden_channels")]
    plain = type(cell)(cell.input_channels, cell.hidden_channels)
    said = [
        f"{f.name}={getattr(cell, f.name)}"
        for f in options
        if getattr(cell, f.name) != getattr(plain, f.name)
    ]
    return "-".join([cell.name, f"{cell.input_channels}to{cell.hidden_channels}", *said]).replace(" ", "")


every_cell = pytest.mark.parametrize("cell", CELLS, ids=label)
each_way = pytest.mark.parametrize("cell", ONE_OF_EACH, ids=label)
