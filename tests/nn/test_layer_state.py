"""State in, state out: a clip at once, in pieces and frame by frame are the same, whatever the cell and the options."""

from typing import Any

import pytest
import torch

from seqimg.nn import ConvRNN, State
from seqimg.plugins.manager import plugin_host
from tests.nn.layers import (
    CELLS,
    clip,
    every_cell,
    in_pieces,
    make,
    one_of_each,
    random_gate_bias,
    random_state,
)
from tests.tolerances import STREAMING, relative_error

OPTIONS: list[dict[str, Any]] = [
    {},
    {"norm_groups": 1},
    {"norm_groups": 1, "residual": True, "start": "learned"},
    {"start": "learned"},
    {"zoneout": 0.3, "dropout": 0.5},
    {"recompute": True},
]
CUTS = ([1, 2, 3, 4, 5], [2, 5], [5])


def test_every_registered_cell_is_tested_here() -> None:
    assert set(CELLS) == {s.name for s in plugin_host().cells.values() if s.cell.startswith("seqimg.")}


def _same(
    found: tuple[torch.Tensor, State], wanted: tuple[torch.Tensor, State], dtype: torch.dtype = torch.float64
) -> None:
    for one, other in zip((found[0], *found[1]), (wanted[0], *wanted[1]), strict=True):
        assert relative_error(one, other) < STREAMING[dtype]


@every_cell
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("grad", [True, False], ids=["training", "no_grad"])
def test_any_split_gives_the_same(cell: str, options: dict[str, Any], grad: bool) -> None:
    layer = make(cell, **options)
    x = clip(layer)
    with torch.set_grad_enabled(grad):
        whole = layer(x)
        for cuts in CUTS:
            _same(in_pieces(layer, x, cuts), whole)


@every_cell
@pytest.mark.parametrize("options", [{}, {"norm_groups": 1, "start": "learned", "zoneout": 0.3}], ids=str)
def test_any_split_gives_the_same_with_controls_cut_along(cell: str, options: dict[str, Any]) -> None:
    layer = make(cell, **options)
    x = clip(layer)
    controls: dict[str, Any] = {
        "lengths": torch.tensor([6, 2, 0]),
        "reset_mask": torch.rand(3, 6) > 0.6,
        "gate_bias": random_gate_bias(layer, x),
    }
    for names in (["lengths"], ["reset_mask"], ["gate_bias"], list(controls)):
        some = {name: controls[name] for name in names}
        whole = layer(x, **some)
        for cuts in CUTS:
            _same(in_pieces(layer, x, cuts, **some), whole)


@every_cell
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_streams_are_clips_in_other_dtypes_too(cell: str, dtype: torch.dtype) -> None:
    layer = make(cell).to(dtype)
    x = clip(layer).to(dtype)
    with torch.no_grad():
        _same(in_pieces(layer, x, [1, 2, 3, 4, 5]), layer(x), dtype)


@one_of_each
def test_gradients_flow_through_a_state_that_is_passed_on(cell: str) -> None:
    layer = make(cell)
    x = clip(layer)

    def gradients(run: Any) -> list[torch.Tensor]:
        layer.zero_grad()
        outputs, state = run()
        (outputs.square().sum() + sum(last.sum() for last in state)).backward()
        return [p.grad.clone() for p in layer.parameters() if p.grad is not None]

    wanted = gradients(lambda: layer(x))
    found = gradients(lambda: in_pieces(layer, x, [2, 3]))
    assert len(wanted) == len(list(layer.parameters()))
    for one, other in zip(found, wanted, strict=True):
        assert relative_error(one, other) < STREAMING[torch.float64]


@every_cell
def test_a_given_state_is_where_it_starts(cell: str) -> None:
    layer = make(cell)
    x = clip(layer)
    state = random_state(layer, x)
    outputs, _ = layer(x, state)
    fresh, _ = layer(x)
    assert relative_error(outputs[:, 0], fresh[:, 0]) > 1e-3
    zeros, _ = layer(x, layer.initial_state(x))
    assert torch.equal(zeros, fresh)


@every_cell
def test_samples_do_not_see_each_other(cell: str) -> None:
    layer = make(cell, norm_groups=1, bidirectional=True)
    x = clip(layer)
    together, state = layer(x)
    for sample in range(3):
        one = slice(sample, sample + 1)
        _same(layer(x[one]), (together[one], tuple(last[one] for last in state)))


def test_a_state_serves_frames_of_its_own_size_only_by_batch() -> None:
    layer: ConvRNN = make("conv_lstm", bidirectional=True)
    x = clip(layer)
    state = layer.initial_state(x)
    assert [tuple(start.shape) for start in state] == [(3, 6, 4, 5)] * 4
    assert not any(start.any() for start in state)
