"""What a layer adds to its cells: residual connections, normalisation, dropout, zoneout."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import dropout

from seqimg.nn import ConvRNN
from seqimg.nn.levels import Level
from tests.nn.layers import alone, clip, every_cell, make, one_of_each, random_state
from tests.tolerances import EQUATIONS, relative_error


def _level(layer: ConvRNN, number: int) -> Level:
    level = layer.levels[number]
    assert isinstance(level, Level)
    return level


@every_cell
def test_residual_adds_a_levels_input_where_channels_agree(cell: str) -> None:
    layer = make(cell, (3, 3, 4, 4), residual=True)
    x = clip(layer)
    outputs, _ = layer(x)
    frames = x
    for level in layer.levels:
        above, _ = alone(level)(frames)
        frames = above + frames if above.shape == frames.shape else above
    assert torch.equal(outputs, frames)
    plain = make(cell, (3, 3, 4, 4))(x)[0]
    assert relative_error(outputs, plain) > 1e-3


def _normalised(projected: Tensor, groups: int, gates: int) -> Tensor:
    """Each frame of `[N, gates · C, …]` in groups of each gate: mean 0, variance 1, by definition."""
    n, channels = projected.shape[:2]
    parts = projected.reshape(n, gates * groups, -1)
    mean = parts.mean(dim=2, keepdim=True)
    spread = ((parts - mean) ** 2).mean(dim=2, keepdim=True)
    return ((parts - mean) / (spread + 1e-5).sqrt()).reshape(n, channels, *projected.shape[2:])


@every_cell
@pytest.mark.parametrize("groups", [1, 3])
def test_normalisation_by_hand(cell: str, groups: int) -> None:
    layer = make(cell, (6,), norm_groups=groups)
    x = clip(layer)
    (state,) = random_state(layer, x)
    found, (last,) = layer(x, (state,))
    of, weights = layer.cells[0], {name: _level(layer, 0)[name] for name in layer.cells[0].shapes()}
    unbiased = {name: torch.zeros_like(w) if w.ndim == 1 else w for name, w in weights.items()}
    bias = of.project(torch.zeros_like(x[:, 0]), weights)
    scale = _level(layer, 0)["norm"].view(-1, *(1 for _ in x.shape[3:]))
    for t, frame in enumerate(x.unbind(1)):
        share = _normalised(of.project(frame, unbiased), groups, of.projected_channels // 6)
        state = of.step(scale * share + bias, state, weights)
        assert relative_error(found[:, t], of.output(state)) < EQUATIONS[torch.float64]
    assert relative_error(last, state) < EQUATIONS[torch.float64]


@every_cell
def test_normalisation_forgives_another_contrast(cell: str) -> None:
    layer = make(cell, norm_groups=1)
    x = 100 * clip(layer)
    assert relative_error(layer(7 * x)[0], layer(x)[0]) < 1e-6


@one_of_each
def test_normalisation_adds_to_a_gate_bias(cell: str) -> None:
    layer = make(cell, (3,), norm_groups=1)
    x = clip(layer)
    bias = torch.randn(3, layer.cells[0].projected_channels, *x.shape[3:], dtype=torch.float64)
    biased, _ = layer(x, gate_bias=bias)
    with torch.no_grad():
        _level(layer, 0)["norm"].zero_()  # leaves biases alone
        _level(layer, 0)["bias_x"].zero_()
    only, _ = layer(torch.zeros_like(x), gate_bias=bias)
    assert relative_error(biased, only) > 1e-3
    by_cell = alone(Level(replace(layer.cells[0]), weights=dict(_weights(layer))))
    assert relative_error(only, by_cell(torch.zeros_like(x), gate_bias=bias)[0]) < EQUATIONS[torch.float64]


def _weights(layer: ConvRNN) -> dict[str, Tensor]:
    return {name: _level(layer, 0)[name] for name in layer.cells[0].shapes()}


@every_cell
def test_dropout_is_between_levels_and_in_training_only(cell: str) -> None:
    layer = make(cell, (3, 3, 3), dropout=0.5)
    x = clip(layer)
    assert torch.equal(layer(x)[0], make(cell, (3, 3, 3))(x)[0])
    layer.train()
    levels = [alone(level) for level in layer.levels]
    torch.manual_seed(7)
    outputs, _ = layer(x)
    torch.manual_seed(7)
    frames = x
    for number, level in enumerate(levels):
        frames, _ = level(dropout(frames, 0.5) if number else frames)
    assert torch.equal(outputs, frames)
    single = make(cell, (3,), dropout=0.9).train()
    assert torch.equal(single(x)[0], single.eval()(x)[0])


@every_cell
def test_zoneout_expects_in_evaluation(cell: str) -> None:
    layer = make(cell, (3,), zoneout=0.3)
    x = clip(layer)
    (state,) = random_state(layer, x)
    found, (last,) = layer(x, (state,))
    of, weights = layer.cells[0], _weights(layer)
    for t, frame in enumerate(x.unbind(1)):
        state = state + 0.7 * (of.step(of.project(frame, weights), state, weights) - state)
        assert relative_error(found[:, t], of.output(state)) < EQUATIONS[torch.float64]
    assert relative_error(last, state) < EQUATIONS[torch.float64]


@every_cell
def test_zoneout_masks_in_training(cell: str) -> None:
    """After one step each value is the old one or the new one, the old one in a share of `zoneout`."""
    layer = make(cell, (8,), zoneout=0.3).train()
    x = clip(layer, batch=40, frames=1, size=(8, 8))
    state = random_state(layer, x)
    (after,) = layer(x, state)[1]
    (wanted,) = make(cell, (8,))(x, state)[1]
    kept = after == state[0]
    assert relative_error(torch.where(kept, wanted, after), wanted) < EQUATIONS[torch.float64]
    share, count = kept.double().mean().item(), kept.numel()
    assert abs(share - 0.3) < 5 * (0.3 * 0.7 / count) ** 0.5
    assert not torch.equal(layer(x, state)[1][0], after), "each call has masks of its own"


@one_of_each
def test_the_expectation_is_that_of_the_masks(cell: str) -> None:
    layer = make(cell, (2,), zoneout=0.3)
    one = clip(layer, batch=1, frames=1, size=(2, 2))
    x = one.expand(4000, *one.shape[1:])
    state = tuple(s[:1].expand_as(s) for s in random_state(layer, x))
    (expected,) = layer(one, tuple(s[:1] for s in state))[1]
    (drawn,) = layer.train()(x, state)[1]
    spread = drawn.std(dim=0) / 4000**0.5
    assert ((drawn.mean(dim=0) - expected[0]).abs() <= 5 * spread + 1e-9).all()


@every_cell
@pytest.mark.parametrize("training", [True, False])
def test_zoneout_leaves_what_is_beyond_the_end(cell: str, training: bool) -> None:
    layer = make(cell, (3,), zoneout=0.5).train(training)
    x = clip(layer)
    state = random_state(layer, x)
    outputs, (last,) = layer(x, state, lengths=torch.tensor([0, 2, 6]))
    assert torch.equal(last[0], state[0][0])
    assert torch.equal(outputs[1, 2:], outputs[1, 1:2].expand_as(outputs[1, 2:]))


@every_cell
def test_options_together_give_every_parameter_a_gradient(cell: str) -> None:
    options: dict[str, Any] = {"norm_groups": 1, "zoneout": 0.1, "dropout": 0.1, "residual": True}
    layer = make(cell, bidirectional=True, start="learned", **options).train()
    outputs, state = layer(clip(layer), reset_mask=torch.rand(3, 6) > 0.5, lengths=torch.tensor([6, 5, 4]))
    torch.autograd.backward([outputs.square().sum(), *(last.square().sum() for last in state)])
    missing = [name for name, p in layer.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missing
