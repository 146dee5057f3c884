"""Kernels of one step, frame after frame, against the reference over the whole clip in fp64."""

import pytest
import torch

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.gru import GRUCell
from seqimg.cells.sep_conv_gru import SepConvGRUCell
from seqimg.testing import StepContract
from seqimg.testing.steps import check_steps
from tests.kernels.cells import CELLS, label
from tests.kernels.parity import DTYPES

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
STEPPED = [*CELLS, SepConvGRUCell(2, 3), GRUCell(2, 3), ConvGRUCell(2, 4, groups=2)]
FEW = [ConvGRUCell(2, 3), ConvGRUCell(2, 3, reset="after"), ConvGRUCell(2, 3, input_kernel_size=5)]


@every_dtype
@pytest.mark.parametrize("cell", STEPPED, ids=label)
def test_frame_after_frame_is_the_clip(cell: Cell, dtype: torch.dtype) -> None:
    served = check_steps(cell, dtype)
    packs = cell.family == "conv_gru" and getattr(cell, "groups", 1) == 1
    assert served >= ({"packed", "reference"} if packs else {"reference"})


@pytest.mark.parametrize("cell", FEW, ids=label)
@pytest.mark.parametrize(("batch", "size"), [(1, (1, 1)), (3, (1, 6)), (1, (7, 1)), (2, (2, 2)), (1, (9, 7))])
def test_sizes(cell: Cell, batch: int, size: tuple[int, int]) -> None:
    for dtype in (torch.float64, torch.float32):
        check_steps(cell, dtype, batch=batch, size=size)


class TestPacked(StepContract):
    kernel = "packed"
    cells = (*FEW, ConvGRUCell(0, 2), ConvGRUCell(1, 2, dilation=2, activation="relu"))


class TestReference(StepContract):
    kernel = "reference"
    cells = (SepConvGRUCell(2, 3), GRUCell(2, 3))
