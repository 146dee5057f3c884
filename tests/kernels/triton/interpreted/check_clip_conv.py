"""Whole clips, convolutions in Triton, too; as operators of torch; and in any order of programs."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.export import Dim, export

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from seqimg.kernels.triton_clip.kernel import conv_sequence, sequence
from seqimg.kernels.triton_gates.launch import interpreting
from tests.kernels.calls import Kernel
from tests.kernels.cells import label
from tests.kernels.operators import check_contract
from tests.kernels.triton.interpreted.check_order import shuffled
from tests.kernels.triton.interpreted.clips import FAMILIES, SMALL, TOGETHER, check, drawn, rounding
from tests.tolerances import EQUATIONS, relative_error

__all__ = ["rounding"]

TINY: dict[str, Any] = {"frames": 2, "size": (2, 2)}
KERNELS: list[tuple[Kernel, Cell]] = [
    *((sequence, cell) for cell in FAMILIES),
    (conv_sequence, ConvGRULiteCell(2, 3)),
]
each_kernel = pytest.mark.parametrize(
    ("kernel", "cell"), KERNELS, ids=[f"{kernel.__name__}-{label(cell)}" for kernel, cell in KERNELS]
)


@pytest.mark.parametrize(
    ("cell", "dtype", "options"),
    [
        (ConvGRUCell(2, 3), torch.float32, SMALL),
        (ConvGRUCell(2, 3), torch.bfloat16, {**SMALL, **TOGETHER, "recompute": True}),
        (
            ConvGRUCell(1, 1, activation="leaky"),
            torch.float16,
            {"frames": 2, "size": (3, 2), "update": "lengths"},
        ),
        (ConvGRUCell(0, 2, kernel_size=(1, 3)), torch.float32, {"size": (7, 9), "batch": 1, "frames": 2}),
        (ConvGRULiteCell(2, 3, activation="relu"), torch.float32, {**SMALL, "keep": True}),
        (ConvGRUCell(2, 2, dilation=2), torch.bfloat16, {"size": (1, 1), "batch": 1, "frames": 1}),
    ],
)
def test_convolutions(cell: Cell, dtype: torch.dtype, options: dict[str, Any]) -> None:
    check(conv_sequence, cell, dtype, **options)


@each_kernel
@pytest.mark.parametrize("options", [{}, {**TOGETHER, "recompute": True}], ids=["plain", "all"])
def test_operators_keep_their_contract(kernel: Kernel, cell: Cell, options: dict[str, Any]) -> None:
    check_contract(drawn(cell, **TINY, **options), kernel)


@each_kernel
def test_one_graph(kernel: Kernel, cell: Cell) -> None:
    call = drawn(cell, **TINY)
    plain = call.everything(kernel)
    compiled = torch.compile(kernel, fullgraph=True, backend="aot_eager")
    for name, tensor in call.everything(compiled).items():
        assert relative_error(tensor, plain[name]) < EQUATIONS[torch.float32], name


class _Layer(torch.nn.Module):
    def __init__(self, kernel: Kernel, cell: Cell, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.kernel, self.cell = kernel, cell
        self.weights = torch.nn.ParameterDict(weights)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.kernel(self.cell, x, state, dict(self.weights.items()))


@each_kernel
def test_export_with_any_size(kernel: Kernel, cell: Cell) -> None:
    call = drawn(cell, **TINY)
    layer = _Layer(kernel, cell, call.weights).eval()
    frames, height = Dim("T", min=1, max=99), Dim("H", min=2, max=99)
    program = export(
        layer, (call.x, call.state), dynamic_shapes={"x": {1: frames, 3: height}, "state": {2: height}}
    )
    other = drawn(cell, frames=3, size=(4, 2), seed=1)
    found = program.module()(other.x, other.state)
    wanted = layer(other.x, other.state)
    for tensor, like in zip(found, wanted, strict=True):
        assert relative_error(tensor, like) < EQUATIONS[torch.float32]


@each_kernel
def test_order_of_programs_does_not_matter(kernel: Kernel, cell: Cell) -> None:
    if not interpreting():
        pytest.skip("a GPU has an order of its own")
    call = drawn(cell, batch=2, frames=2, size=(8, 12), **TOGETHER)
    in_order = call.everything(kernel)
    with shuffled(seed=1) as ran:
        found = call.everything(kernel)
    assert ran != sorted(ran)
    for name, tensor in found.items():
        assert torch.equal(tensor, in_order[name]), name
