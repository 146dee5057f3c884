"""Kernels of one step, frame after frame, against the reference over the whole clip in fp64."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.gru import GRUCell
from seqimg.cells.sep_conv_gru import SepConvGRUCell
from seqimg.kernels import explain, reference
from seqimg.kernels.signature import signature_of
from seqimg.plugins import resolve
from tests.kernels.calls import Call, draw
from tests.kernels.cells import CELLS, label
from tests.kernels.layouts import CLIPS, STATES, WEIGHTS, of_clips, of_states, of_weights
from tests.kernels.parity import DTYPES, TORCH, Errors
from tests.tolerances import KERNEL_DRAWS, KERNEL_FLOOR, KERNEL_NORM, KERNEL_TIMES

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
STEPPED = [*CELLS, SepConvGRUCell(2, 3), GRUCell(2, 3), ConvGRUCell(2, 4, groups=2)]
FEW = [ConvGRUCell(2, 3), ConvGRUCell(2, 3, reset="after"), ConvGRUCell(2, 3, input_kernel_size=5)]


def _stepped(call: Call, step_kernel: Callable[..., Any]) -> dict[str, Tensor]:
    state, outputs = call.state, []
    step = step_kernel(call.cell, call.weights, call.x[:, 0], call.state)
    for frame in call.x.unbind(1):
        state = step(frame, state)
        outputs.append(call.cell.output(state))
    return {"outputs": torch.stack(outputs, dim=1), "last": state}


def _whole(call: Call) -> dict[str, Tensor]:
    outputs, last = call.results(reference.sequence)
    return {"outputs": outputs, "last": last}


def check_steps(
    cell: Cell, dtype: torch.dtype, layout: Callable[[Call], Call] = lambda call: call, **options: Any
) -> set[str]:
    """Check every step kernel that serves `cell`; returns their names."""
    errors = Errors(KERNEL_NORM[dtype])
    signature = signature_of(cell, "cpu", str(dtype).removeprefix("torch."), op="step")
    for seed in range(KERNEL_DRAWS[dtype]):
        call = layout(draw(cell, seed=seed, **options).to(dtype))
        truth = _whole(call.to(torch.float64))
        errors.add(truth, TORCH, _whole(call))
        for candidate in explain(signature):
            if not candidate.reasons:
                errors.add(truth, candidate.spec.name, _stepped(call, resolve(candidate.spec.kernel)))
    own = errors.of(TORCH)
    for kernel in errors.kernels:
        for name, error in errors.of(kernel).items():
            assert error <= max(KERNEL_TIMES * own[name], KERNEL_FLOOR[dtype]), (
                f"{kernel}: {name} is off by {error:.2g}, torch by {own[name]:.2g}"
            )
    return errors.kernels


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


LAYOUTS = {
    **{f"frames: {name}": of_clips(layout) for name, layout in CLIPS.items()},
    **{f"state: {name}": of_states(layout) for name, layout in STATES.items()},
    **{f"weights: {name}": of_weights(layout) for name, layout in WEIGHTS.items()},
}


@pytest.mark.parametrize("cell", FEW, ids=label)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts(cell: Cell, layout: Callable[[Call], Call]) -> None:
    check_steps(cell, torch.float32, layout)


@pytest.mark.parametrize("cell", FEW, ids=label)
def test_steps_write_into_nothing_of_the_callers(cell: Cell) -> None:
    call = of_states(STATES["channels last"])(draw(cell)).to(torch.float32)
    call = replace(call, x=CLIPS["channels last"](call.x))
    before = call.map(torch.clone)
    for candidate in explain(signature_of(cell, "cpu", "float32", op="step")):
        if not candidate.reasons:
            _stepped(call, resolve(candidate.spec.kernel))
    assert torch.equal(call.x, before.x)
    assert torch.equal(call.state, before.state)
    assert all(torch.equal(call.weights[name], before.weights[name]) for name in call.weights)
