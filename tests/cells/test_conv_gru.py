"""The ConvGRU cell against an independent statement of its equations, and against torch.nn.GRU."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from tests.cells.statement import (
    ACTIVATIONS,
    Array,
    Drawn,
    convolve_in_groups,
    gate,
    logistic,
    per_pixel,
)
from tests.tolerances import EQUATIONS, relative_error

ODD = st.sampled_from([1, 3, 5])
ODD_PAIR = st.tuples(ODD, ODD)
DILATION = st.tuples(st.integers(1, 3), st.integers(1, 3))


def _equations(drawn: Drawn, options: dict[str, object]) -> Array:
    """One step on one sample, as the docstring of the cell states it."""
    w, h, groups = drawn.weights, drawn.state, options["groups"]

    def from_input(place: int) -> Array:
        bias = per_pixel(gate(w["bias_x"], place, 3))
        if "weight_x" not in w:
            return bias
        weight = gate(w["weight_x"], place, 3)
        return bias + convolve_in_groups(drawn.x, weight, groups, options["input_dilation"])  # type: ignore[arg-type]

    def from_state(place: int, state: Array) -> Array:
        bias = per_pixel(gate(w["bias_h"], place, 3)) if "bias_h" in w else 0
        weight = gate(w["weight_h"], place, 3)
        return bias + convolve_in_groups(state, weight, groups, options["dilation"])  # type: ignore[arg-type]

    phi = ACTIVATIONS[str(options["activation"])]
    r = logistic(from_input(0) + from_state(0, h))
    z = logistic(from_input(1) + from_state(1, h))
    if options["reset"] == "before":
        n = phi(from_input(2) + from_state(2, r * h))
    else:
        n = phi(from_input(2) + r * from_state(2, h))
    return (1 - z) * h + z * n


@given(
    blocks=st.tuples(st.integers(0, 2), st.integers(1, 2)),
    options=st.fixed_dictionaries(
        {
            "groups": st.integers(1, 3),
            "kernel_size": ODD_PAIR,
            "input_kernel_size": ODD_PAIR,
            "dilation": DILATION,
            "input_dilation": DILATION,
            "reset": st.sampled_from(["before", "after"]),
            "activation": st.sampled_from(["tanh", "relu", "leaky"]),
        }
    ),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_one_step_equals_the_equations(
    blocks: tuple[int, int], options: dict[str, object], size: tuple[int, int], seed: int
) -> None:
    groups = int(str(options["groups"]))
    cell = ConvGRUCell(blocks[0] * groups, blocks[1] * groups, **options)  # type: ignore[arg-type]
    drawn = Drawn(cell, size, seed)
    wanted = torch.from_numpy(_equations(drawn, options))
    assert relative_error(drawn.stepped(), wanted) < EQUATIONS[torch.float64]


def test_groups_do_not_see_each_other() -> None:
    drawn = Drawn(ConvGRUCell(4, 6, groups=2), (4, 5), seed=0)
    before = drawn.stepped()
    drawn.x[:2] += 1  # group 1 of the input and of the state
    drawn.state[:3] += 1
    after = drawn.stepped()
    assert torch.equal(after[3:], before[3:])
    assert (after[:3] != before[:3]).all()


def test_lite_is_conv_gru_with_pointwise_gates_on_the_state() -> None:
    lite, full = ConvGRULiteCell(3, 4), ConvGRUCell(3, 4, kernel_size=1, input_kernel_size=3)
    assert lite.shapes() == full.shapes()
    assert (lite.name, lite.family) == ("conv_gru_lite", full.family)
    assert torch.equal(Drawn(lite, (5, 4), seed=0).stepped(), Drawn(full, (5, 4), seed=0).stepped())


def test_reset_after_on_single_pixels_is_torchs_gru() -> None:
    generator = torch.Generator().manual_seed(0)
    gru = torch.nn.GRU(input_size=5, hidden_size=4, batch_first=True, dtype=torch.float64)
    cell = ConvGRUCell(5, 4, kernel_size=1, reset="after")
    z = slice(4, 8)  # torch keeps the old value where z = 1: the mirrored gate

    def mirrored(tensor: torch.Tensor) -> torch.Tensor:
        copy = tensor.detach().clone()
        copy[z] *= -1
        return copy

    weights = {
        "weight_x": mirrored(gru.weight_ih_l0)[..., None, None],
        "weight_h": mirrored(gru.weight_hh_l0)[..., None, None],
        "bias_x": mirrored(gru.bias_ih_l0),
        "bias_h": mirrored(gru.bias_hh_l0),
    }
    clip = torch.randn(3, 7, 5, generator=generator, dtype=torch.float64)
    state = torch.randn(3, 4, 1, 1, generator=generator, dtype=torch.float64)
    wanted, _ = gru(clip, state[None, :, :, 0, 0])
    for time in range(7):
        state = cell.step(cell.project(clip[:, time, :, None, None], weights), state, weights)
        assert relative_error(state[..., 0, 0], wanted[:, time]) < EQUATIONS[torch.float64]


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_reset_forms_differ(reset: str) -> None:
    """Guards the test above against a cell that ignores the option."""
    options: dict[str, object] = {
        "groups": 1,
        "dilation": (1, 1),
        "input_dilation": (1, 1),
        "activation": "tanh",
    }
    drawn = Drawn(ConvGRUCell(1, 2, reset=reset), (3, 3), seed=0)  # type: ignore[arg-type]
    other = {"before": "after", "after": "before"}[reset]
    assert not np.allclose(_equations(drawn, options | {"reset": other}), drawn.stepped().numpy())
