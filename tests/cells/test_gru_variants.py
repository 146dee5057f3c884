"""Separable, depthwise, minimal and trajectory GRUs against independent statements of their equations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.cells.depthwise_conv_gru import DepthwiseConvGRUCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.cells.sep_conv_gru import SepConvGRUCell
from seqimg.cells.traj_gru import TrajGRUCell, warp
from tests.cells.statement import ACTIVATIONS, Array, Drawn, convolve, gate, logistic, per_pixel
from tests.tolerances import EQUATIONS, relative_error

SIZE = st.tuples(st.integers(1, 6), st.integers(1, 6))
ODD = st.sampled_from([1, 3, 5, 7])
WIDTHS = st.tuples(st.integers(0, 3), st.integers(1, 3))
SEED = st.integers(0, 99)


def _agree(drawn: Drawn, wanted: Array) -> bool:
    return relative_error(drawn.stepped(), torch.from_numpy(wanted)) < EQUATIONS[torch.float64]


@given(widths=WIDTHS, k=ODD, size=SIZE, seed=SEED)
@settings(max_examples=25, deadline=None)
def test_sep_conv_gru(widths: tuple[int, int], k: int, size: tuple[int, int], seed: int) -> None:
    drawn = Drawn(SepConvGRUCell(*widths, kernel_size=k), size, seed)
    w, h = drawn.weights, drawn.state
    for suffix in ("_row", "_column"):

        def share(place: int, state: Array, suffix: str = suffix) -> Array:
            total = per_pixel(gate(w["bias_x" + suffix], place, 3))
            total = total + convolve(state, gate(w["weight_h" + suffix], place, 3))
            if "weight_x" + suffix in w:
                total = total + convolve(drawn.x, gate(w["weight_x" + suffix], place, 3))
            return total

        r, z = logistic(share(0, h)), logistic(share(1, h))
        h = (1 - z) * h + z * np.tanh(share(2, r * h))
    assert _agree(drawn, h)


def test_sep_conv_gru_looks_along_rows_first() -> None:
    shapes = SepConvGRUCell(2, 3).shapes()
    assert shapes["weight_h_row"] == (9, 3, 1, 5)
    assert shapes["weight_h_column"] == (9, 3, 5, 1)


@given(
    widths=WIDTHS,
    kernels=st.tuples(st.tuples(ODD, ODD), st.tuples(ODD, ODD)),
    reset=st.sampled_from(["before", "after"]),
    size=SIZE,
    seed=SEED,
)
@settings(max_examples=25, deadline=None)
def test_depthwise_conv_gru(
    widths: tuple[int, int],
    kernels: tuple[tuple[int, int], tuple[int, int]],
    reset: str,
    size: tuple[int, int],
    seed: int,
) -> None:
    cell = DepthwiseConvGRUCell(*widths, kernel_size=kernels[0], input_kernel_size=kernels[1], reset=reset)  # type: ignore[arg-type]
    drawn = Drawn(cell, size, seed)
    w, h = drawn.weights, drawn.state

    def separable(picture: Array, depth: Array, point: Array) -> Array:
        filtered = [convolve(picture[c : c + 1], depth[c : c + 1])[0] for c in range(len(picture))]
        return np.einsum("oc,chw->ohw", point[:, :, 0, 0], np.stack(filtered))

    def from_input(place: int) -> Array:
        bias = per_pixel(gate(w["bias_x"], place, 3))
        return (
            bias + separable(drawn.x, w["depth_x"], gate(w["weight_x"], place, 3))
            if "weight_x" in w
            else bias
        )

    def from_state(place: int, state: Array) -> Array:
        filters = gate(w["depth_h"], 1 if place == 2 else 0, 2)
        bias = per_pixel(gate(w["bias_h"], place, 3)) if reset == "after" else 0
        return bias + separable(state, filters, gate(w["weight_h"], place, 3))

    r, z = (logistic(from_input(place) + from_state(place, h)) for place in (0, 1))
    recurrent = from_state(2, r * h) if reset == "before" else r * from_state(2, h)
    n = np.tanh(from_input(2) + recurrent)
    assert _agree(drawn, (1 - z) * h + z * n)


@given(
    widths=WIDTHS,
    k=st.tuples(ODD, ODD),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    activation=st.sampled_from(["tanh", "linear", "relu", "leaky"]),
    size=SIZE,
    seed=SEED,
)
@settings(max_examples=25, deadline=None)
def test_min_conv_gru(
    widths: tuple[int, int],
    k: tuple[int, int],
    dilation: tuple[int, int],
    activation: str,
    size: tuple[int, int],
    seed: int,
) -> None:
    cell = MinConvGRUCell(*widths, kernel_size=k, dilation=dilation, activation=activation)  # type: ignore[arg-type]
    drawn = Drawn(cell, size, seed)
    gates = per_pixel(drawn.weights["bias_x"]) + np.zeros((1, *size))
    if "weight_x" in drawn.weights:
        gates = gates + convolve(drawn.x, drawn.weights["weight_x"], dilation)
    z, n = logistic(gate(gates, 0, 2)), ACTIVATIONS[activation](gate(gates, 1, 2))
    assert _agree(drawn, (1 - z) * drawn.state + z * n)


def test_min_conv_gru_is_a_scan() -> None:
    """Steps compose as the docstring says, so the order of composing does not matter."""
    generator = torch.Generator().manual_seed(0)
    cell = MinConvGRUCell(2, 3)
    projected = torch.randn(8, 6, 4, 5, generator=generator, dtype=torch.float64)  # 8 frames
    state = torch.randn(1, 3, 4, 5, generator=generator, dtype=torch.float64)
    keep, add = cell.coefficients(projected)
    while len(keep) > 1:  # neighbours in pairs: depth log2(8)
        keep, add = keep[1::2] * keep[::2], keep[1::2] * add[::2] + add[1::2]
    wanted = state
    for frame in projected.split(1):
        wanted = cell.step(frame, wanted, {})
    assert relative_error(keep * state + add, wanted) < EQUATIONS[torch.float64]


def _warp(picture: Array, u: Array, v: Array) -> Array:
    """Sum over all pixels of the picture, each weighted by its distance, as in eq. 4 of the paper."""
    height, width = picture.shape[1:]
    rows, columns = np.mgrid[:height, :width]
    near_rows = np.maximum(0, 1 - abs((rows + v)[..., None] - np.arange(height)))  # [H, W, i]
    near_columns = np.maximum(0, 1 - abs((columns + u)[..., None] - np.arange(width)))  # [H, W, j]
    return np.einsum("cij,yxi,yxj->cyx", picture, near_rows, near_columns)


@given(size=SIZE, spread=st.sampled_from([0.0, 0.5, 4.0]), seed=SEED)
@settings(max_examples=25, deadline=None)
def test_warp(size: tuple[int, int], spread: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture, flow = rng.normal(size=(2, *size)), spread * rng.normal(size=(2, *size))
    found = warp(torch.from_numpy(picture)[None], torch.from_numpy(flow)[None])[0].numpy()
    assert np.allclose(found, _warp(picture, flow[0], flow[1]), rtol=0, atol=1e-12)


@given(
    widths=WIDTHS,
    links=st.integers(1, 4),
    k=st.tuples(ODD, ODD),
    activation=st.sampled_from(["tanh", "relu", "leaky"]),
    size=SIZE,
    seed=SEED,
)
@settings(max_examples=25, deadline=None)
def test_traj_gru(
    widths: tuple[int, int],
    links: int,
    k: tuple[int, int],
    activation: str,
    size: tuple[int, int],
    seed: int,
) -> None:
    cell = TrajGRUCell(*widths, kernel_size=k, links=links, flow_channels=3, activation=activation)  # type: ignore[arg-type]
    drawn = Drawn(cell, size, seed)
    w, h, phi = drawn.weights, drawn.state, ACTIVATIONS[activation]
    w["flow_weight"] *= 0.05  # flows of a few pixels
    driven = "weight_x" in w
    e = convolve(h, w["flow_h"]) + per_pixel(w["flow_bias"])
    e = phi(e + convolve(drawn.x, w["flow_x"])) if driven else phi(e)
    flows = convolve(e, w["flow_weight"]) + per_pixel(w["flow_offset"])
    warped = [_warp(h, flows[2 * link], flows[2 * link + 1]) for link in range(links)]

    def recurrent(place: int) -> Array:
        weight = gate(w["weight_h"], place, 3)[:, :, 0, 0]
        parts = np.split(weight, links, axis=1)
        total = sum(np.einsum("oc,chw->ohw", part, copy) for part, copy in zip(parts, warped, strict=True))
        return per_pixel(gate(w["bias_h"], place, 3)) + total

    def from_input(place: int) -> Array:
        bias = per_pixel(gate(w["bias_x"], place, 3))
        return bias + convolve(drawn.x, gate(w["weight_x"], place, 3)) if driven else bias

    r, z = (logistic(from_input(place) + recurrent(place)) for place in (0, 1))
    n = phi(from_input(2) + r * recurrent(2))
    assert relative_error(drawn.stepped(), torch.from_numpy((1 - z) * h + z * n)) < 1e-11


def test_traj_gru_starts_without_motion() -> None:
    cell = TrajGRUCell(1, 2, links=2)
    assert not cell.initial("flow_weight").any()
    assert not cell.initial("flow_offset").any()
    assert cell.initial("flow_h").any()


@pytest.mark.parametrize("links", [1, 13])
def test_traj_gru_without_motion_is_a_pointwise_gru(links: int) -> None:
    drawn = Drawn(TrajGRUCell(0, 2, links=links, activation="tanh"), (3, 4), seed=1)
    w, h = drawn.weights, drawn.state
    w["flow_weight"][:] = 0
    w["flow_offset"][:] = 0
    summed = sum(np.split(w["weight_h"][:, :, 0, 0], links, axis=1))
    recurrent = np.einsum("oc,chw->ohw", summed, h) + per_pixel(w["bias_h"])
    bias = per_pixel(w["bias_x"])
    r, z = (logistic(gate(bias, place, 3) + gate(recurrent, place, 3)) for place in (0, 1))
    n = np.tanh(gate(bias, 2, 3) + r * gate(recurrent, 2, 3))
    assert _agree(drawn, (1 - z) * h + z * n)
