"""A layer of every registered cell, and clips for it."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqimg.nn import ConvRNN, State
from seqimg.nn.levels import Level

CELLS: dict[str, dict[str, Any]] = {
    "conv_gru": {},
    "conv_gru_lite": {"reset": "after"},
    "conv_lstm": {"peepholes": True},
    "min_conv_gru": {},
    "sep_conv_gru": {"kernel_size": 3},
    "depthwise_conv_gru": {},
    "traj_gru": {"links": 2, "flow_channels": 6},
    "gru": {},
    "lstm": {},
}
"""Options for each cell that leave no part of it out."""

every_cell = pytest.mark.parametrize("cell", CELLS)
one_of_each = pytest.mark.parametrize("cell", ["conv_gru", "conv_lstm", "min_conv_gru", "gru"])


def make(cell: str, widths: tuple[int, ...] = (3, 3), *, seed: int = 0, **options: Any) -> ConvRNN:
    """Return a layer in fp64 on 2 channels, in evaluation; no parameter is left at zero."""
    torch.manual_seed(seed)
    layer = ConvRNN(2, widths, cell=cell, **CELLS[cell], **options).double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, max(1, parameter[0].numel()) ** -0.5)
    return layer


def clip(layer: ConvRNN, batch: int = 3, frames: int = 6, size: tuple[int, int] = (4, 5)) -> Tensor:
    """Return a random clip, in the dtype of the layer."""
    cell = layer.cells[0]
    return torch.randn(batch, frames, cell.input_channels, *size[: cell.rank], dtype=torch.float64)


def random_state(layer: ConvRNN, x: Tensor) -> State:
    """Return a random state for the clip `x`."""
    return tuple(torch.randn_like(start) for start in layer.initial_state(x))


def random_gate_bias(layer: ConvRNN, x: Tensor) -> list[Tensor]:
    """Return a bias for each level that varies along everything that it may vary along."""
    batch, frames, _, *size = x.shape
    return [x.new_empty(batch, frames, cell.projected_channels, *size).normal_() for cell in layer.cells]


def alone(level: nn.Module) -> ConvRNN:
    """Return a layer of one direction and one level that shares its parameters with `level`."""
    assert isinstance(level, Level)
    layer = ConvRNN(1, 1).double().eval()
    layer.levels = nn.ModuleList([level])
    return layer


def in_pieces(layer: ConvRNN, x: Tensor, cuts: list[int], **controls: Any) -> tuple[Tensor, State]:
    """Run a layer over the pieces of a clip between `cuts`, what else is given cut along with it."""
    pieces, state = [], None
    lengths, bias = controls.get("lengths"), controls.get("gate_bias")
    resets = controls.get("reset_mask")
    for start, stop in pairwise([0, *cuts, x.shape[1]]):
        piece, state = layer(
            x[:, start:stop],
            state,
            lengths=None if lengths is None else (lengths - start).clamp(0, stop - start),
            reset_mask=None if resets is None else resets[:, start:stop],
            gate_bias=None if bias is None else [each[:, start:stop] for each in bias],
        )
        pieces.append(piece)
    assert state is not None
    return torch.cat(pieces, dim=1), state
