"""The leaky average as a scan: all frames at once, in as many passes as it takes to double to their number.

The state follows h_t = a ⊙ h_{t-1} + b_t with a and b known for all frames beforehand, and two steps are one:
(a2, b2) ∘ (a1, b1) = (a2 ⊙ a1, a2 ⊙ b1 + b2). Every pass composes each step with the one before it,
then with the two before those, then four, and so on.
"""

import torch
from torch import Tensor

from seqimg.cells import Weights
from seqimg.kernels import CallSignature, Controls
from seqimg_example.cell import LeakyCell


def refuse(signature: CallSignature) -> list[str]:
    """Return every reason why the kernel cannot serve a call; none means that it can."""
    return [f"it has no {feature}" for feature in signature.features]


def sequence(
    cell: LeakyCell, x: Tensor, state: Tensor, weights: Weights, controls: Controls
) -> tuple[Tensor, Tensor]:
    """Run the cell over a clip.

    Args:
        cell: The cell.
        x: Frames `[B, T, X, H, W]`.
        state: State before the first frame, `[B, C, H, W]`.
        weights: The cell's parameters.
        controls: What happens to the state beside the equations; `refuse` says that nothing may.

    Returns:
        The outputs `[B, T, C, H, W]` and the state after the last frame.
    """
    batch, frames = x.shape[:2]
    rate = weights["rate"].sigmoid()[:, None, None]
    keep = 1 - rate  # [C, 1, 1]; over a reach of n frames, its n-th power
    b = rate * cell.project(x.flatten(0, 1), weights).unflatten(0, (batch, frames))
    b = torch.cat([keep * state[:, None] + b[:, :1], b[:, 1:]], dim=1)
    reach = 1
    while reach < frames:
        b = torch.cat([b[:, :reach], keep * b[:, :-reach] + b[:, reach:]], dim=1)
        keep = keep.square()
        reach *= 2
    return b, b[:, -1].clone()
