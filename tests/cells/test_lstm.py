"""ConvLSTM and the dense GRU and LSTM against independent statements, and against torch's own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.gru import GRUCell
from seqimg.cells.lstm import LSTMCell
from tests.cells.statement import Array, Drawn, convolve, gate, logistic, per_pixel
from tests.tolerances import EQUATIONS, relative_error

ODD_PAIR = st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 5]))
DILATION = st.tuples(st.integers(1, 2), st.integers(1, 3))


@given(
    widths=st.tuples(st.integers(0, 3), st.integers(1, 3)),
    options=st.fixed_dictionaries(
        {
            "kernel_size": ODD_PAIR,
            "input_kernel_size": ODD_PAIR,
            "dilation": DILATION,
            "input_dilation": DILATION,
            "peepholes": st.booleans(),
        }
    ),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_conv_lstm(
    widths: tuple[int, int], options: dict[str, object], size: tuple[int, int], seed: int
) -> None:
    drawn = Drawn(ConvLSTMCell(*widths, **options), size, seed)  # type: ignore[arg-type]
    w = drawn.weights
    h, c = np.split(drawn.state, 2)

    def share(place: int) -> Array:
        total = per_pixel(gate(w["bias_x"], place, 4))
        total = total + convolve(h, gate(w["weight_h"], place, 4), options["dilation"])  # type: ignore[arg-type]
        if "weight_x" in w:
            weight = gate(w["weight_x"], place, 4)
            total = total + convolve(drawn.x, weight, options["input_dilation"])  # type: ignore[arg-type]
        return total

    def peep(name: str, memory: Array) -> Array:
        return per_pixel(w["peephole_" + name]) * memory if options["peepholes"] else 0 * memory

    i, f = logistic(share(0) + peep("i", c)), logistic(share(1) + peep("f", c))
    new = f * c + i * np.tanh(share(2))
    o = logistic(share(3) + peep("o", new))
    wanted = torch.from_numpy(np.concatenate([o * np.tanh(new), new]))
    found = drawn.stepped()
    assert relative_error(found, wanted) < EQUATIONS[torch.float64]
    assert torch.equal(drawn.cell.output(found[None]), found[None, : widths[1]])


@pytest.mark.parametrize("cell", [ConvLSTMCell(2, 3), LSTMCell(2, 3)])
def test_the_memory_starts_out_inclined_to_keep(cell: ConvLSTMCell | LSTMCell) -> None:
    assert cell.initial("bias_x").tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 6


@pytest.mark.parametrize(("x", "c"), [(5, 4), (1, 1), (3, 7)])
def test_gru_is_torchs_gru_with_z_mirrored(x: int, c: int) -> None:
    torch.manual_seed(0)
    gru = torch.nn.GRU(x, c, batch_first=True, dtype=torch.float64)
    cell = GRUCell(x, c)
    mirror = torch.ones(3 * c, dtype=torch.float64)
    mirror[c : 2 * c] = -1
    weights = {
        "weight_x": gru.weight_ih_l0 * mirror[:, None],
        "weight_h": gru.weight_hh_l0 * mirror[:, None],
        "bias_x": gru.bias_ih_l0 * mirror,
        "bias_h": gru.bias_hh_l0 * mirror,
    }
    clip, state = torch.randn(3, 9, x, dtype=torch.float64), torch.randn(3, c, dtype=torch.float64)
    wanted, last = gru(clip, state[None])
    for time in range(9):
        state = cell.step(cell.project(clip[:, time], weights), state, weights)
        assert relative_error(cell.output(state), wanted[:, time]) < EQUATIONS[torch.float64]
    assert relative_error(state, last[0]) < EQUATIONS[torch.float64]


@given(
    widths=st.tuples(st.integers(0, 4), st.integers(1, 4)),
    reset=st.sampled_from(["before", "after"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_gru_equals_the_equations(widths: tuple[int, int], reset: str, seed: int) -> None:
    drawn = Drawn(GRUCell(*widths, reset=reset), (), seed)  # type: ignore[arg-type]
    w, h = drawn.weights, drawn.state

    def from_input(place: int) -> Array:
        bias = gate(w["bias_x"], place, 3)
        return bias + gate(w["weight_x"], place, 3) @ drawn.x if "weight_x" in w else bias

    def from_state(place: int, state: Array) -> Array:
        bias = gate(w["bias_h"], place, 3) if reset == "after" else 0
        return bias + gate(w["weight_h"], place, 3) @ state

    r, z = (logistic(from_input(place) + from_state(place, h)) for place in (0, 1))
    n = np.tanh(from_input(2) + (from_state(2, r * h) if reset == "before" else r * from_state(2, h)))
    assert relative_error(drawn.stepped(), torch.from_numpy((1 - z) * h + z * n)) < EQUATIONS[torch.float64]


@pytest.mark.parametrize(("x", "c"), [(5, 4), (1, 1), (3, 7)])
def test_lstm_is_torchs_lstm_with_its_biases_added(x: int, c: int) -> None:
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(x, c, batch_first=True, dtype=torch.float64)
    cell = LSTMCell(x, c)
    weights = {
        "weight_x": lstm.weight_ih_l0,
        "weight_h": lstm.weight_hh_l0,
        "bias_x": lstm.bias_ih_l0 + lstm.bias_hh_l0,
    }
    clip, state = torch.randn(3, 9, x, dtype=torch.float64), torch.randn(3, 2 * c, dtype=torch.float64)
    h, memory = state.chunk(2, dim=1)
    wanted, (last_h, last_c) = lstm(clip, (h[None].contiguous(), memory[None].contiguous()))
    for time in range(9):
        state = cell.step(cell.project(clip[:, time], weights), state, weights)
        assert relative_error(cell.output(state), wanted[:, time]) < EQUATIONS[torch.float64]
    assert relative_error(state, torch.cat([last_h[0], last_c[0]], dim=1)) < EQUATIONS[torch.float64]
