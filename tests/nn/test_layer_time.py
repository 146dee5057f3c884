"""Samples of different lengths, cuts inside clips, and two directions: each equal to running the pieces alone."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from seqimg.nn import ConvRNN
from tests.nn.layers import alone, clip, every_cell, make, one_of_each, random_state
from tests.tolerances import STREAMING, relative_error

LENGTHS = torch.tensor([6, 3, 1, 0])
CUTS = torch.tensor(
    [
        [False, False, True, False, True, False],
        [False, True, False, False, False, True],  # the last one is beyond the end of this sample
        [True, True, True, True, True, True],
        [True, False, False, False, False, False],
    ]
)
STARTS = pytest.mark.parametrize("start", ["zeros", "learned"])


def _close(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=0, atol=STREAMING[torch.float64])


@every_cell
@pytest.mark.parametrize("options", [{}, {"start": "learned"}, {"norm_groups": 1, "residual": True}], ids=str)
def test_beyond_its_length_a_sample_stays_as_it_is(cell: str, options: dict[str, Any]) -> None:
    layer = make(cell, **options)
    x = clip(layer, batch=4)
    state = random_state(layer, x)
    _, last = layer(x, state, lengths=LENGTHS)
    for sample, length in enumerate(LENGTHS.tolist()):
        one = slice(sample, sample + 1)
        before = tuple(start[one] for start in state)
        wanted = layer(x[one, :length], before)[1] if length else before
        for level, end in enumerate(wanted):
            _close(last[level][one], end)


@every_cell
def test_outputs_beyond_a_samples_length_repeat_its_last(cell: str) -> None:
    layer = make(cell)
    x = clip(layer, batch=4)
    outputs, _ = layer(x, lengths=LENGTHS)
    for sample, length in enumerate(LENGTHS.tolist()):
        one = slice(sample, sample + 1)
        if length:
            _close(outputs[one, :length], layer(x[one, :length])[0])
            _close(outputs[one, length:], outputs[one, length - 1 : length].expand_as(outputs[one, length:]))
        else:
            assert not outputs[one].any()


@every_cell
def test_frames_beyond_a_samples_length_have_no_gradient(cell: str) -> None:
    layer = make(cell)
    x = clip(layer, batch=4).requires_grad_()
    outputs, last = layer(x, lengths=LENGTHS)
    torch.autograd.backward([outputs.square().sum(), last[-1].sum()])
    assert x.grad is not None
    for sample, length in enumerate(LENGTHS.tolist()):
        assert x.grad[sample, :length].any() == (length > 0)
        assert not x.grad[sample, length:].any()


def _pieces(
    layer: ConvRNN, x: Tensor, cuts: Tensor, first: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one sample piece by piece, each but the first from the layer's own start."""
    edges = sorted({0, *cuts.nonzero().flatten().tolist(), x.shape[1]})
    outputs, state = [], first
    for start, stop in pairwise(edges):
        fresh = bool(cuts[start])
        piece, state = layer(x[:, start:stop], None if fresh else state)
        outputs.append(piece)
    return torch.cat(outputs, dim=1), state


@every_cell
@STARTS
def test_cut_clips_equal_their_pieces(cell: str, start: str) -> None:
    layer = make(cell, start=start)
    x = clip(layer, batch=4)
    state = random_state(layer, x)
    outputs, last = layer(x, state, reset_mask=CUTS)
    for sample in range(4):
        one = slice(sample, sample + 1)
        wanted, end = _pieces(layer, x[one], CUTS[sample], tuple(before[one] for before in state))
        _close(outputs[one], wanted)
        for level, values in enumerate(end):
            _close(last[level][one], values)


@every_cell
@STARTS
def test_no_gradient_crosses_a_cut(cell: str, start: str) -> None:
    layer = make(cell, start=start)
    x = clip(layer, batch=1).requires_grad_()
    cuts = torch.tensor([[False, False, False, True, False, False]])
    outputs, _ = layer(x, reset_mask=cuts)
    outputs[:, 3:].square().sum().backward()
    assert x.grad is not None
    assert not x.grad[:, :3].any()
    assert all(x.grad[:, t].any() for t in (3, 4, 5))


@every_cell
@STARTS
def test_cuts_and_lengths_together(cell: str, start: str) -> None:
    layer = make(cell, start=start)
    x = clip(layer, batch=4)
    outputs, last = layer(x, lengths=LENGTHS, reset_mask=CUTS)
    starts = layer.initial_state(x)
    for sample, length in enumerate(LENGTHS.tolist()):
        one = slice(sample, sample + 1)
        end = tuple(before[one] for before in starts)
        if length:
            wanted, end = _pieces(layer, x[one, :length], CUTS[sample, :length], end)
            _close(outputs[one, :length], wanted)
        for level, values in enumerate(end):
            _close(last[level][one], values)


def _other_way(level: ConvRNN, x: Tensor, cuts: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Run one sample from its last frame to its first, each piece for itself, the last piece from `first`."""
    edges = sorted({0, *cuts.nonzero().flatten().tolist(), x.shape[1]})
    outputs: list[Tensor] = []
    state: tuple[Tensor, ...] | None = (first,)
    for start, stop in reversed(list(pairwise(edges))):
        piece, last = level(x[:, start:stop].flip(1), state)
        outputs.insert(0, piece.flip(1))
        state = None
    return torch.cat(outputs, dim=1), last[0]


@one_of_each
@STARTS
@pytest.mark.parametrize("controls", [[], ["lengths"], ["reset_mask"], ["lengths", "reset_mask"]], ids=str)
def test_two_directions_equal_two_runs_by_hand(cell: str, start: str, controls: list[str]) -> None:
    """Of two levels, so that the second sees both directions of the first."""
    layer = make(cell, bidirectional=True, start=start)
    assert layer.backward_levels is not None
    x = clip(layer, batch=3)
    state = random_state(layer, x)
    given = {"lengths": LENGTHS[:3], "reset_mask": CUTS[:3]}
    outputs, last = layer(x, state, **{name: given[name] for name in controls})
    for sample in range(3):
        length = int(LENGTHS[sample]) if "lengths" in controls else 6
        one, seen = slice(sample, sample + 1), slice(sample, sample + 1)
        cuts = CUTS[sample, :length] if "reset_mask" in controls else torch.zeros(length, dtype=torch.bool)
        frames = x[one, :length]
        for level in range(2):
            ahead, back = alone(layer.levels[level]), alone(layer.backward_levels[level])
            forward, end = _pieces(ahead, frames, cuts, (state[2 * level][seen],))
            backward, other = _other_way(back, frames, cuts, state[2 * level + 1][seen])
            frames = torch.cat([forward, backward], dim=2)
            _close(last[2 * level][one], end[0])
            _close(last[2 * level + 1][one], other)
        _close(outputs[one, :length], frames)


def test_two_directions_have_weights_of_their_own() -> None:
    layer = make("conv_gru", bidirectional=True)
    names = set(dict(layer.named_parameters()))
    assert {f"backward_{name}" for name in names if name.startswith("levels")} < names
    assert [cell.input_channels for cell in layer.cells] == [2, 6]
    outputs, state = layer(clip(layer))
    assert outputs.shape[2] == 6
    assert len(state) == 4
    assert relative_error(outputs[:, :, :3], outputs[:, :, 3:]) > 1e-2
