"""Where things were in the frame before: block matching, the measurement that motion is learnt from.

A convolution over two frames would first have to learn what "the same thing, moved" looks like, for
every texture and every displacement. Comparing patches says it at once and for any picture. Nothing
here has weights, and nothing depends on more than two frames.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

__all__ = ["is_cut", "matching_costs", "matching_scores"]

_NOISE = 1e-4  # (1 % of the value range)²: smaller differences say nothing
_FLAT = 1e-3  # variance below which a frame is too plain to recognise anything in


def matching_costs(frames: Tensor, before: Tensor, *, reach: int, patch: int) -> Tensor:
    """Compare each patch of a frame with the frame before, at every displacement within reach.

    Args:
        frames: `[N, C, H, W]`, sides divisible by `patch`.
        before: For each frame the one before it, `[N, C, H, W]`.
        reach: Longest displacement in pixels, down and across.
        patch: Side of a patch. What is compared reaches half a patch further on every side.

    Returns:
        Mean squared differences `[N, (2·reach + 1)², H / patch, W / patch]`. Number
        `(dy + reach) · (2·reach + 1) + dx + reach` compares `frames[y, x]` with `before[y + dy, x + dx]`.

    Example:
        >>> import torch
        >>> frame = torch.rand(1, 1, 8, 8)
        >>> costs = matching_costs(frame.roll(1, dims=-1), frame, reach=1, patch=4)
        >>> int(costs.mean((0, 2, 3)).argmin())  # dy = 0, dx = -1: it came from the left
        3
    """
    height, width = frames.shape[-2:]
    margin = (patch + 1) // 2
    window = patch + 2 * margin
    far = pad(before, (reach,) * 4, mode="replicate")
    if torch.compiler.is_exporting():
        return _costs_at_once(frames, far, reach, (window, patch, margin))
    # Patches overlap by whole blocks of so many rows, each of which is added up but once.
    rows = math.gcd(patch, margin)
    pooling = (window // rows, window), (patch // rows, patch), (margin // rows, margin)
    costs = []
    for down in range(2 * reach + 1):
        for across in range(2 * reach + 1):
            difference = frames - far[..., down : down + height, across : across + width]
            added = _added(difference * difference, rows)
            costs.append(avg_pool2d(added, *pooling, count_include_pad=False))
    return torch.cat(costs, dim=1)


def _added(squares: Tensor, rows: int) -> Tensor:
    """Return the means of all channels and of so many rows each, `[N, 1, H / rows, W]`."""
    channels = squares.shape[1]
    first, *others = (squares[:, c : c + 1, row::rows] for c in range(channels) for row in range(rows))
    added = first.clone()  # plain additions take less time than a mean over few
    for other in others:
        added += other
    return added / (channels * rows)


def _costs_at_once(frames: Tensor, far: Tensor, reach: int, pooling: tuple[int, int, int]) -> Tensor:
    """Return the same as the loop of `matching_costs` in a tenth of the operations, which all wait in memory."""
    height, width = frames.shape[-2:]
    rows = [far[..., down : down + height, :] for down in range(2 * reach + 1)]
    moved = [row[..., across : across + width] for row in rows for across in range(2 * reach + 1)]
    differences = frames[:, None] - torch.stack(moved, dim=1)  # [N, D, C, H, W]
    return avg_pool2d((differences * differences).mean(2), *pooling, count_include_pad=False)


def matching_scores(costs: Tensor, sharpness: Tensor) -> Tensor:
    """Turn costs into how likely each displacement is: a softmax over them, relative to their mean.

    Args:
        costs: `[N, D, h, w]`.
        sharpness: How much a low cost counts, a scalar.

    Returns:
        `[N, D, h, w]`, at each place a vector of length 1 (all displacements fit equally well) to √D.

    Example:
        >>> import torch
        >>> scores = matching_scores(torch.tensor([0.5, 0.0, 0.5]).view(1, 3, 1, 1), torch.tensor(4.0))
        >>> int(scores.argmax())
        1
    """
    relative = costs / (costs.mean(1, keepdim=True) + _NOISE)
    return torch.softmax(-sharpness * relative, dim=1) * math.sqrt(costs.shape[1])


def is_cut(costs: Tensor, frames: Tensor) -> Tensor:
    """Tell which frames do not continue the one before.

    A frame is a cut if even the best match of its patches explains less of it than its own mean
    colour would.

    Args:
        costs: What `matching_costs` returned for the frames, `[N, D, h, w]`.
        frames: `[N, C, H, W]`.

    Returns:
        `[N]`, True for cuts.

    Example:
        >>> import torch
        >>> one, other = torch.rand(2, 1, 3, 32, 32)
        >>> costs = [matching_costs(frame, one, reach=2, patch=8) for frame in (one, other)]
        >>> [bool(is_cut(cost, frame)) for cost, frame in zip(costs, (one, other), strict=True)]
        [False, True]
    """
    unexplained = costs.amin(1).mean((1, 2))
    cut: Tensor = unexplained > frames.var((2, 3), correction=0).mean(1) + _FLAT
    return cut
