"""The ConvGRU cell against an independent statement of its equations, and against torch.nn.GRU."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.errors import UsageError
from tests.tolerances import EQUATIONS, relative_error

Array = NDArray[np.float64]


def _convolve(picture: Array, weight: Array) -> Array:
    """Zero-padded cross-correlation of [C, H, W] with [O, C, k, k], by definition."""
    k = weight.shape[-1]
    padded = np.pad(picture, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
    return np.einsum("chwij,ocij->ohw", windows, weight)


def _logistic(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


def _equations(cell: ConvGRUCell, x: Array, h: Array, w: dict[str, Array]) -> Array:
    """One step on one sample, as the docstring of the cell states it."""
    c = cell.hidden_channels
    part = {gate: slice(i * c, (i + 1) * c) for i, gate in enumerate("rzn")}

    def from_input(gate: str) -> Array:
        bias = w["bias_x"][part[gate]][:, None, None]
        return bias + (_convolve(x, w["weight_x"][part[gate]]) if cell.input_channels else 0)

    def from_state(gate: str, state: Array) -> Array:
        bias = w["bias_h"][part[gate]][:, None, None] if "bias_h" in w else 0
        return _convolve(state, w["weight_h"][part[gate]]) + bias

    r = _logistic(from_input("r") + from_state("r", h))
    z = _logistic(from_input("z") + from_state("z", h))
    if cell.reset == "before":
        n = np.tanh(from_input("n") + from_state("n", r * h))
    else:
        n = np.tanh(from_input("n") + r * from_state("n", h))
    return (1 - z) * h + z * n


@given(
    x=st.integers(0, 3),
    c=st.integers(1, 3),
    k=st.sampled_from([1, 3, 5]),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    reset=st.sampled_from(["before", "after"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_one_step_equals_the_equations(
    x: int, c: int, k: int, height: int, width: int, reset: str, seed: int
) -> None:
    cell = ConvGRUCell(x, c, kernel_size=k, reset=reset)  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    arrays = {name: rng.normal(size=shape) for name, shape in cell.shapes().items()}
    frame, state = rng.normal(size=(x, height, width)), rng.normal(size=(c, height, width))
    weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
    projected = cell.project(torch.from_numpy(frame)[None], weights)
    found = cell.step(projected, torch.from_numpy(state)[None], weights)[0]
    wanted = torch.from_numpy(_equations(cell, frame, state, arrays))
    assert relative_error(found, wanted) < EQUATIONS[torch.float64]


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
def test_gradients(reset: str) -> None:
    cell = ConvGRUCell(2, 3, reset=reset)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    names = list(cell.shapes())

    def run(frame: torch.Tensor, state: torch.Tensor, *tensors: torch.Tensor) -> torch.Tensor:
        weights = dict(zip(names, tensors, strict=True))
        return cell.step(cell.project(frame, weights), state, weights)

    inputs = (draw(2, 2, 3, 4), draw(2, 3, 3, 4), *(draw(*shape) for shape in cell.shapes().values()))
    assert torch.autograd.gradcheck(run, inputs)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"kernel_size": 4}, "kernel_size=4"),
        ({"kernel_size": 0}, "kernel_size=0"),
        ({"hidden_channels": 0}, "0 hidden"),
        ({"input_channels": -1}, "-1 input"),
        ({"reset": "middle"}, "middle"),
    ],
)
def test_impossible_cells_are_refused_by_name(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        ConvGRUCell(**{"input_channels": 1, "hidden_channels": 1, **arguments})  # type: ignore[arg-type]
