"""Where every pixel was in the frame before, found from the two frames alone, and pictures moved accordingly.

The motion is that of Lucas and Kanade (1981), solved densely from coarse to fine as in Le Besnerais and Champagnat,
"Dense optical flow by iterative local window registration" (2005): a few convolutions with fixed weights, quick
enough to be part of the network.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, pad

from seqimg.nn import crop_to, pad_to_multiple

__all__ = ["chained", "local_mean", "moved", "motion_between"]

_LONGEST = 512  # longer side, in pixels, above which the finest level is halved once more
_LEVELS = 5  # halvings at most
_COARSEST = 12  # shorter side, in pixels, below which nothing is halved any more
_WINDOW = 9  # pixels of each level that move together
_AROUND = 7  # pixels of each level that the motion of plain places is taken from
_CALM = 1e-4  # of squared slopes: where a picture is plainer than this, nothing is said to move
_FARTHEST = 1.0  # pixels that a level moves


def motion_between(now: Tensor, before: Tensor) -> Tensor:
    """Find where each pixel of a picture was in the one before.

    Args:
        now: `[B, C, H, W]` in [0, 1].
        before: The pictures before, of the same shape.

    Returns:
        `[B, 2, H, W]`: pixels down and across from a pixel's place to its place before.

    Example:
        >>> from torch.nn.functional import avg_pool2d
        >>> picture = avg_pool2d(torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(0)), 9, 1, 4)
        >>> flow = motion_between(picture, picture.roll(3, dims=-1))  # it was three pixels further right
        >>> [round(float(part.median())) for part in flow[0]]
        [0, 3]
    """
    height, width = now.shape[-2:]
    finest = 0
    while max(height, width) > _LONGEST << finest:
        finest += 1
    coarsest = finest
    while coarsest < _LEVELS and min(height, width) >> (coarsest + 1) >= _COARSEST:
        coarsest += 1
    pyramid = [pad_to_multiple(torch.cat([now, before]), 2**coarsest)]
    while len(pyramid) <= coarsest:
        pyramid.append(avg_pool2d(pyramid[-1], 2))
    flow = now.new_zeros(now.shape[0], 2, *pyramid[-1].shape[-2:])
    for pictures in reversed(pyramid[finest:]):
        if flow.shape[-2:] != pictures.shape[-2:]:
            flow = _doubled(flow)
        one, other = pictures.chunk(2)
        step, certainty = _step(one, moved(other, flow))
        # Where nothing can be recognised, things move as what is around them does.
        weighed = local_mean(torch.cat([(flow + step) * certainty, certainty], dim=1), _AROUND)
        flow = weighed[:, :2] / weighed[:, 2:]
    for _ in range(finest):
        flow = _doubled(flow)
    return crop_to(flow, (height, width))


def moved(pictures: Tensor, flow: Tensor, *, sharp: bool = False) -> Tensor:
    """Fetch every pixel from where it was: `pictures[:, y + flow_y, x + flow_x]`, edges repeated.

    Args:
        pictures: `[B, C, H, W]`.
        flow: `[B, 2, H, W]`, pixels down and across.
        sharp: Interpolate by cubics: what is moved again and again stays sharper. Values may leave their range a
            little.
    """
    mode = "bicubic" if sharp else "bilinear"
    return grid_sample(pictures, _grid(flow), mode=mode, padding_mode="border", align_corners=False)


def chained(later: Tensor, earlier: Tensor) -> Tensor:
    """Return the flow over two steps: from now to before (`later`), and from there further back (`earlier`).

    Example:
        >>> one = torch.ones(1, 2, 6, 6)
        >>> chained(one, 2 * one).unique()
        tensor([3.])
    """
    return later + moved(earlier, later)


def _step(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much further each pixel is to be fetched from, by least squares in a window, and how surely."""
    # Slopes of both: those of one alone are wrong where the other has another slope.
    down, across = _slopes((one + other) / 2)
    off = one - other
    products = [down * down, across * across, down * across, down * off, across * off]
    means = torch.cat([product.mean(1, keepdim=True) for product in products], dim=1)
    yy, xx, yx, y, x = local_mean(means, _WINDOW).split(1, dim=1)
    yy, xx = yy + _CALM, xx + _CALM
    determinant = yy * xx - yx * yx
    step: Tensor = torch.cat([xx * y - yx * x, yy * x - yx * y], dim=1) / determinant
    return step.clamp(-_FARTHEST, _FARTHEST), determinant / (yy + xx)


def _slopes(pictures: Tensor) -> tuple[Tensor, Tensor]:
    framed = pad(pictures, (1, 1, 1, 1), mode="replicate")
    down = (framed[..., 2:, 1:-1] - framed[..., :-2, 1:-1]) / 2
    return down, (framed[..., 1:-1, 2:] - framed[..., 1:-1, :-2]) / 2


def local_mean(maps: Tensor, side: int) -> Tensor:
    """Return the means over `side` by `side` pixels around each, of what lies inside the picture."""
    # Down, then across: a square at once would be side/2 times the work.
    maps = avg_pool2d(maps, (side, 1), 1, (side // 2, 0), count_include_pad=False)
    return avg_pool2d(maps, (1, side), 1, (0, side // 2), count_include_pad=False)


def _doubled(flow: Tensor) -> Tensor:
    return 2 * interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)


def _grid(flow: Tensor) -> Tensor:
    """Turn displacements into `grid_sample`'s form, `[B, H, W, 2 (x, y)]` from -1 to 1."""
    height, width = flow.shape[-2:]
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + 0.5
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device) + 0.5
    return torch.stack(
        [(columns + flow[:, 1]) * (2 / width) - 1, (rows + flow[:, 0]) * (2 / height) - 1], dim=-1
    )
