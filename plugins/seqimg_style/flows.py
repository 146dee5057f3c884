"""How real frames move, and where that cannot be told: for training and for measuring, never for running."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from seqimg.cuts import continues, glance
from seqimg.data import resize, working_size
from seqimg_style.motion import chained, local_mean, motion_between, moved

__all__ = ["long_flow", "measured_flow", "real_flow", "visible"]

_SIDE = 256  # longer side that motion is measured at
# With its defaults it falls short of fast motion: strokes then seem to slip where they do not.
_TVL1 = {"attachment": 60, "num_warp": 12}
_QUICK = {"attachment": 60, "num_warp": 5, "num_iter": 5}  # on slow moves as near, in a quarter of the time
_SHARE, _LEAST = (
    0.01,
    0.5,
)  # forward and backward flow may disagree by so much of their squares, and so much more
_EDGE_SHARE, _EDGE_LEAST = 0.01, 0.002  # squared slopes of a flow at a motion's boundary
_EVEN = 5  # side of the mean whose slopes count: the small steps that a flow is made of are no boundaries


def real_flow(frames: Tensor) -> Tensor:
    """Return how frames `[T, 3, H, W]` move, `[T - 1, 3, H, W]`: down, across, and 1 where that can be told.

    The motion is found as the network finds it, in both directions; where they disagree, something is hidden.
    """
    now, before = frames[1:], frames[:-1]
    back, ahead = motion_between(now, before), motion_between(before, now)
    return torch.cat([back, visible(back, ahead)], dim=1)


def measured_flow(frames: Tensor, *, quick: bool = False) -> Tensor:
    """Return the same as `real_flow`, by scikit-image's TV-L1 on frames of at most 256 pixels: slow, and nobody's own.

    Nothing is followed into another scene, where by chance some of two flows agrees.

    Args:
        frames: `[T, 3, H, W]` in [0, 1].
        quick: Look less often; what moves fast may be fallen short of.

    Example:
        >>> frames = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0)).expand(3, -1, -1, -1)
        >>> flow = measured_flow(frames)
        >>> flow.shape, float(flow[:, :2].abs().max()) < 0.1, float(flow[:, 2].min())
        (torch.Size([2, 3, 24, 24]), True, 1.0)
    """
    from skimage.registration import optical_flow_tvl1

    height, width = frames.shape[-2:]
    size = working_size(height, width, _SIDE)
    grey = resize(frames.mean(1, keepdim=True).cpu(), size)[:, 0].numpy()
    settings, pairs = _QUICK if quick else _TVL1, []
    for before, now in pairwise(grey):
        # Its answer says where what is in the first picture is in the second.
        back, ahead = (
            torch.from_numpy(np.stack(optical_flow_tvl1(one, other, **settings)).astype(np.float32))
            for one, other in ((now, before), (before, now))
        )
        pairs.append(torch.cat([back[None], visible(back[None], ahead[None])], dim=1))
    flow = torch.cat(pairs).to(frames)
    if size != (height, width):
        flow = interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
        flow[:, 0] *= height / size[0]
        flow[:, 1] *= width / size[1]
        flow[:, 2] = (flow[:, 2] > 0.999).to(flow)
    glances = [glance(frame) for frame in frames]
    for pair, (before, now) in enumerate(pairwise(glances)):
        if not continues(now, before):
            flow[pair, 2] = 0
    return flow


def long_flow(flow: Tensor) -> Tensor:
    """Return how each frame but the first moved since the first one, from how it moved since the one before.

    Args:
        flow: `[B, T - 1, 3, H, W]`.

    Returns:
        `[B, T - 1, 3, H, W]`; what could not be told at one step cannot be told from there on.
    """
    found = [flow[:, 0]]
    for later in flow[:, 1:].unbind(1):
        before = moved(found[-1], later[:, :2])
        seen = later[:, 2:] * (before[:, 2:] > 0.999).to(flow)
        found.append(torch.cat([chained(later[:, :2], found[-1][:, :2]), seen], dim=1))
    return torch.stack(found, dim=1)


def visible(back: Tensor, ahead: Tensor) -> Tensor:
    """Return 1 where a pixel could be seen in the frame before, `[T, 1, H, W]`, after Sundaram et al. (2010).

    Not where forward and backward flow disagree, squared, by more than 0.01 of both flows' squares and 0.5; nor where
    the squared slopes of the flow, of its means over 5×5, are above 0.01 of its square and 0.002; nor beyond the edges.
    """
    round_trip = back + moved(ahead, back)
    sizes = back.square().sum(1) + moved(ahead, back).square().sum(1)
    agreed = round_trip.square().sum(1) <= _SHARE * sizes + _LEAST
    even = local_mean(back, _EVEN)
    slopes = sum(
        torch.nn.functional.pad(even.diff(dim=dim), pad).square().sum(1)
        for dim, pad in ((-1, (0, 1)), (-2, (0, 0, 0, 1)))
    )
    smooth = slopes <= _EDGE_SHARE * back.square().sum(1) + _EDGE_LEAST
    height, width = back.shape[-2:]
    rows = torch.arange(height, device=back.device)[:, None] + back[:, 0]
    columns = torch.arange(width, device=back.device) + back[:, 1]
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    return (agreed & smooth & inside).to(back)[:, None]
