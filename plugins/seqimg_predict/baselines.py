"""Simpler answers: what anybody could say of the frames to come without having learnt anything."""

import numpy as np
import torch
from torch import Tensor

from seqimg.data import resize, working_size
from seqimg_predict.motion import Forecast, apply_forecast, enlarge

__all__ = ["flow_extrapolation", "linear_extrapolation"]

_SIDE = 160  # pixels of the longer side that flow is looked for in


def linear_extrapolation(context: Tensor, horizon: int) -> Tensor:
    """Let every pixel go on as it went from the last frame but one to the last.

    Args:
        context: `[B, T, C, H, W]` in [0, 1], at least two frames.
        horizon: Frames to come.

    Returns:
        `[B, horizon, C, H, W]`, clipped to [0, 1].

    Example:
        >>> context = torch.tensor([0.2, 0.3]).reshape(1, 2, 1, 1, 1)
        >>> linear_extrapolation(context, 3).flatten()
        tensor([0.4000, 0.5000, 0.6000])
    """
    last, change = context[:, -1:], context[:, -1:] - context[:, -2:-1]
    ahead = torch.arange(1, horizon + 1, dtype=context.dtype, device=context.device)
    return (last + ahead[:, None, None, None] * change).clamp(0, 1)


def flow_extrapolation(context: Tensor, horizon: int) -> Tensor:
    """Let everything move on as it moved from the last frame but one to the last.

    The optical flow (TV-L1, of the channels' mean, of frames of at most 160 pixels) is taken to stand still in
    space; each pixel is followed back along it (semi-Lagrangian) and fetched from the last frame once, so that
    nothing is blurred by repetition.

    Args:
        context: `[B, T, C, H, W]` in [0, 1], at least two frames.
        horizon: Frames to come.

    Returns:
        `[B, horizon, C, H, W]`, clipped to [0, 1].
    """
    last = context[:, -1]
    size = (last.shape[-2], last.shape[-1])
    pairs = resize(context[:, -2:].flatten(0, 1).mean(1, keepdim=True), working_size(*size, _SIDE))
    pairs = pairs[:, 0].unflatten(0, (len(context), 2)).float()  # [B, 2, h, w]
    flow = torch.stack([_flow(before, now) for before, now in pairs.cpu()]).to(last)
    scale = flow.new_tensor([size[0] / flow.shape[-2], size[1] / flow.shape[-1]])[:, None, None]
    flow = enlarge(flow[:, None], size)[:, 0] * scale  # [B, 2, H, W]
    whole = torch.ones_like(flow[:, :1])
    still = torch.zeros_like(flow)
    travelled, found = still, []
    for _ in range(horizon):
        path = Forecast(still[:, None], torch.cat([travelled, whole], dim=1)[:, None])
        travelled = travelled + apply_forecast(flow, path)[:, 0]
        move = Forecast(torch.zeros_like(last[:, None]), torch.cat([travelled, whole], dim=1)[:, None])
        found.append(apply_forecast(last, move)[:, 0])
    return torch.stack(found, dim=1).clamp(0, 1)


def _flow(before: Tensor, now: Tensor) -> Tensor:
    """Return where each pixel of `now` was in `before`, `[2 (down, across), h, w]` in pixels."""
    from skimage.registration import optical_flow_tvl1  # takes half a second, which `run` need not wait for

    if min(now.shape) < 2 or torch.equal(before, now) or not bool(now.amax() > now.amin()):
        return now.new_zeros(2, *now.shape)
    # Fewer rounds than the default find as much, in half the time.
    found = optical_flow_tvl1(now.numpy(), before.numpy(), num_warp=3, num_iter=8, attachment=10)
    return torch.from_numpy(np.nan_to_num(found.astype(np.float32), posinf=0, neginf=0))
