"""The reference kernel: the cell's own equations, frame after frame, on any device and dtype."""

import torch
from torch import Tensor

from seqimg.cells import Cell, Weights

__all__ = ["sequence"]


def sequence(cell: Cell, x: Tensor, state: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Run `cell` over a clip.

    Args:
        cell: Any cell.
        x: Frames `[B, T, X, H, W]`, T at least 1.
        state: State before the first frame, `[B, S, H, W]`.
        weights: The cell's parameters.

    Returns:
        The outputs `[B, T, C, H, W]` and the state after the last frame `[B, S, H, W]`.
    """
    frames = x.transpose(0, 1)  # [T, B, X, H, W]
    outputs = []
    for frame in cell.project(frames.flatten(0, 1), weights).unflatten(0, frames.shape[:2]):
        state = cell.step(frame, state, weights)
        outputs.append(cell.output(state))
    return torch.stack(outputs, dim=1), state
