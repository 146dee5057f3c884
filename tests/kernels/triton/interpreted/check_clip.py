"""Whole clips, gates in Triton: results and every gradient against the reference in fp64."""

from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.kernels.triton_clip.kernel import sequence
from tests.kernels.calls import Flow
from tests.kernels.cells import label
from tests.kernels.triton.interpreted.clips import DTYPES, FAMILIES, SMALL, TOGETHER, check, rounding

__all__ = ["rounding"]

each_family = pytest.mark.parametrize("cell", FAMILIES, ids=label)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

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


@each_family
@pytest.mark.parametrize("options", SIZES.values(), ids=SIZES.keys())
def test_sizes(cell: Cell, options: dict[str, Any]) -> None:
    check(sequence, cell, torch.float32, **options)


@each_family
@pytest.mark.parametrize("flow", ["outputs", "last"])
def test_gradients_from_one_result_alone(cell: Cell, flow: Flow) -> None:
    check(sequence, cell, torch.float32, flow=flow, keep=True, **SMALL)
