"""The reference kernel: the cell's own equations, frame after frame, on any device and dtype."""

from math import isqrt

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seqimg.cells import Cell, Weights
from seqimg.kernels.controls import PLAIN, Controls

__all__ = ["sequence"]


def sequence(
    cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Controls = PLAIN
) -> tuple[Tensor, Tensor]:
    """Run `cell` over a clip.

    Args:
        cell: Any cell; for one of rank 0 there is no H and no W in any shape.
        x: Frames `[B, T, X, H, W]`, T at least 1.
        state: State before the first frame, `[B, S, H, W]`.
        weights: The cell's parameters.
        controls: What happens to the state beside the equations.

    Returns:
        The outputs `[B, T, C, H, W]` and the state after the last frame `[B, S, H, W]`.
    """
    if not controls.recompute or not torch.is_grad_enabled():
        outputs, state = _frames(cell, x, state, weights, controls, 0)
        return torch.stack(outputs, dim=1), state
    # About √T pieces of √T frames keep the least: a state a piece, and the inside of one piece.
    size = max(1, isqrt(x.shape[1]))
    pieces: list[Tensor] = []
    for first in range(0, x.shape[1], size):
        piece, state = checkpoint(
            _frames, cell, x[:, first : first + size], state, weights, controls, first, use_reentrant=False
        )
        pieces += piece
    return torch.stack(pieces, dim=1), state


def _frames(
    cell: Cell, x: Tensor, state: Tensor, weights: Weights, controls: Controls, first: int
) -> tuple[list[Tensor], Tensor]:
    frames = x.transpose(0, 1)  # [T, B, X, H, W]
    projected = cell.project(frames.flatten(0, 1), weights).unflatten(0, frames.shape[:2])
    outputs = []
    for time, frame in enumerate(projected, start=first):
        if controls.gate_bias is not None:
            frame = frame + _at(controls.gate_bias, time)
        if controls.keep is not None:
            keep = controls.keep[:, time].view(-1, *(1 for _ in state.shape[1:]))
            kept = keep * state
            state = kept if controls.restart is None else kept + (1 - keep) * controls.restart
        stepped = cell.step(frame, state, weights)
        if controls.update is not None:
            stepped = state + _at(controls.update, time) * (stepped - state)
        state = stepped
        outputs.append(cell.output(state))
    return outputs, state


def _at(values: Tensor, time: int) -> Tensor:
    return values[:, time if values.shape[1] > 1 else 0]
