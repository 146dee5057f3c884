"""The same checks on a CUDA device, where there is one, with fp16 as well."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.nn import ConvRNN
from tests.kernels.calls import Call
from tests.kernels.cells import each_way, every_cell
from tests.kernels.layouts import LAYOUTS
from tests.kernels.parity import check_kernels
from tests.tolerances import STREAMING, relative_error

if not torch.cuda.is_available():
    pytest.skip("there is no CUDA device", allow_module_level=True)

every_dtype = pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
SIZES: list[dict[str, Any]] = [
    {"size": (1, 1), "batch": 3},
    {"size": (1, 6), "frames": 3},
    {"size": (2, 2), "frames": 5},
    {"size": (7, 9), "batch": 1},
    {"frames": 1},
]
CONTROLS: list[dict[str, Any]] = [
    {},
    {"recompute": True},
    {"keep": True, "update": "lengths"},
    {"keep": True, "update": "values", "gate_bias": "THW", "recompute": True},
]


@every_cell
@every_dtype
@pytest.mark.parametrize("controls", CONTROLS, ids=str)
def test_results_and_every_gradient(cell: Cell, dtype: torch.dtype, controls: dict[str, Any]) -> None:
    check_kernels(cell, dtype, device="cuda", **controls)


@each_way
@every_dtype
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes(cell: Cell, dtype: torch.dtype, size: dict[str, Any]) -> None:
    check_kernels(cell, dtype, device="cuda", **size)


@each_way
@every_dtype
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts(cell: Cell, dtype: torch.dtype, layout: Callable[[Call], Call]) -> None:
    check_kernels(cell, dtype, device="cuda", layout=layout)


@pytest.mark.parametrize("cell", ["conv_gru", "conv_lstm", "min_conv_gru"])
@pytest.mark.parametrize("kernel", [None, "graph"])
def test_streams_equal_clips(cell: str, kernel: str | None) -> None:
    layer = ConvRNN(2, [8, 8], cell=cell).cuda().eval()
    x = torch.randn(1, 6, 2, 12, 10, device="cuda")
    with torch.no_grad():
        whole, _ = layer(x)
        layer.kernel = kernel
        pieces, state = [], layer.initial_state(x)
        for t in range(6):
            piece, state = layer(x[:, t : t + 1], state)
            pieces.append(piece)
    # TF32 rounds both, each in its own order of sums.
    assert relative_error(torch.cat(pieces, dim=1), whole) < STREAMING[torch.bfloat16]
