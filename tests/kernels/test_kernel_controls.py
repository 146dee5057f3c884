"""What happens to a state beside its cell's equations, alone and together, in every kernel."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.kernels import reference
from tests.kernels.calls import UPDATES, draw
from tests.kernels.cells import each_way, every_cell
from tests.kernels.parity import DTYPES, check_kernels
from tests.tolerances import EQUATIONS, relative_error

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

ALONE: dict[str, dict[str, Any]] = {
    "keep": {"keep": True},
    **{f"update {kind}": {"update": kind} for kind in UPDATES},
    **{
        f"gate_bias {axes or 'constant'}": {"gate_bias": axes}
        for axes in ("", "T", "H", "W", "TH", "TW", "HW", "THW")
    },
    "recompute": {"recompute": True},
}
TOGETHER = [
    {"keep": True, "update": update, "gate_bias": axes, "recompute": recompute}
    for update in ("lengths", "values")
    for axes in ("T", "HW")
    for recompute in (False, True)
]


@each_way
@pytest.mark.parametrize("controls", ALONE.values(), ids=ALONE.keys())
def test_one_alone(cell: Cell, controls: dict[str, Any]) -> None:
    check_kernels(cell, torch.float32, **controls)


@each_way
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("controls", TOGETHER, ids=str)
def test_all_together(cell: Cell, dtype: torch.dtype, controls: dict[str, Any]) -> None:
    check_kernels(cell, dtype, **controls)


@pytest.mark.slow
@every_cell
@every_dtype
@pytest.mark.parametrize("controls", [*ALONE.values(), *TOGETHER], ids=str)
def test_every_cell(cell: Cell, dtype: torch.dtype, controls: dict[str, Any]) -> None:
    check_kernels(cell, dtype, **controls)


@each_way
def test_restarts_go_to_the_reference(cell: Cell) -> None:
    ratios = check_kernels(
        cell, torch.float32, keep=True, restart=True, recompute=True, expected={"reference"}
    )
    assert "d_restart" in ratios["reference"]
    assert "fused" not in ratios


@each_way
def test_the_reference_does_what_controls_say(cell: Cell) -> None:
    """A loop over the documented equations, one frame at a time."""
    call = draw(cell, frames=5, keep=True, restart=True, update="values", gate_bias="TH")
    controls, state, outputs = call.controls, call.state, []
    assert controls.keep is not None
    assert controls.restart is not None
    assert controls.update is not None
    assert controls.gate_bias is not None
    for t in range(5):
        keep = controls.keep[:, t].view(-1, 1, 1, 1)
        state = keep * state + (1 - keep) * controls.restart
        projected = cell.project(call.x[:, t], call.weights) + controls.gate_bias[:, t]
        state = state + controls.update[:, t] * (cell.step(projected, state, call.weights) - state)
        outputs.append(cell.output(state))
    found, last = call.results(reference.sequence)
    assert relative_error(found, torch.stack(outputs, dim=1)) < EQUATIONS[torch.float64]
    assert relative_error(last, state) < EQUATIONS[torch.float64]


@each_way
def test_controls_that_change_nothing_change_nothing(cell: Cell) -> None:
    call = draw(cell).to(torch.float32)
    ones = torch.ones(2, 4)
    neutral = replace(
        call.controls,
        keep=ones,
        update=ones.view(2, 4, 1, 1, 1),
        gate_bias=torch.zeros(2, 1, cell.projected_channels, 1, 1),
    )
    check_kernels(cell, torch.float32)
    plain = call.everything(reference.sequence)
    found = replace(call, controls=neutral).everything(reference.sequence)
    for name, tensor in plain.items():
        assert relative_error(found[name], tensor) < EQUATIONS[torch.float32], name


sizes = st.sampled_from([1, 3, 5])
pairs = st.one_of(sizes, st.tuples(sizes, sizes))
dilations = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))
activations = st.sampled_from(["tanh", "relu", "leaky"])
channels = {"input_channels": st.integers(0, 3), "hidden_channels": st.integers(1, 3)}
looks = {"kernel_size": pairs, "input_kernel_size": pairs, "dilation": dilations, "input_dilation": dilations}
resets = st.sampled_from(["before", "after"])
any_cell = st.one_of(
    st.builds(ConvGRUCell, **channels, **looks, reset=resets, activation=activations),
    st.builds(ConvGRULiteCell, **channels, dilation=dilations, reset=resets),
    st.builds(ConvLSTMCell, **channels, **looks, peepholes=st.booleans()),
    st.builds(
        MinConvGRUCell,
        **channels,
        kernel_size=pairs,
        dilation=dilations,
        activation=st.one_of(activations, st.just("linear")),
    ),
)
any_options = st.fixed_dictionaries(
    {
        "batch": st.integers(1, 3),
        "frames": st.integers(1, 5),
        "size": st.tuples(st.integers(1, 6), st.integers(1, 6)),
        "keep": st.booleans(),
        "update": st.sampled_from(["", *UPDATES]),
        "gate_bias": st.one_of(st.none(), st.lists(st.sampled_from("THW"), unique=True).map("".join)),
        "recompute": st.booleans(),
    }
)


@given(cell=any_cell, options=any_options)
@settings(max_examples=60, deadline=None)
def test_any_shape_and_options(cell: Cell, options: dict[str, Any]) -> None:
    check_kernels(cell, torch.float64, **options)


@pytest.mark.slow
@given(cell=any_cell, options=any_options)
@settings(max_examples=600, deadline=None)
def test_more_shapes_and_options(cell: Cell, options: dict[str, Any]) -> None:
    check_kernels(cell, torch.float64, **options)
