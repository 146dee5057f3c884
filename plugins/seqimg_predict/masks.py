"""Means and last values of what is there, where some of it is missing."""

import torch
from torch import Tensor

__all__ = ["last_valid", "masked_mean", "mean_valid"]


def masked_mean(values: Tensor, valid: Tensor | None, dims: tuple[int, ...] | None = None) -> Tensor:
    """Return the mean of the valid values; 0 where there is none.

    Args:
        values: Of any shape.
        valid: bool that broadcasts to it; None if all are valid.
        dims: The dimensions to take the mean over; None for all.

    Example:
        >>> masked_mean(torch.tensor([1.0, 5.0]), torch.tensor([True, False]))
        tensor(1.)
    """
    dims = tuple(range(values.dim())) if dims is None else dims
    if valid is None:
        return values.mean(dims)
    valid = valid.expand_as(values)
    # Not a product: what is not valid may not even be finite.
    return torch.where(valid, values, 0).sum(dims) / valid.sum(dims).clamp(min=1)


def last_valid(frames: Tensor, valid: Tensor | None) -> Tensor:
    """Return the last valid value of each pixel, `[B, 1, C, H, W]`; the lower end of the range if it has none.

    Args:
        frames: `[B, T, C, H, W]`, 0 where there is no value.
        valid: bool that broadcasts to it; None if all are valid.
    """
    if valid is None:
        return frames[:, -1:]
    last = frames[:, :1]
    for time in range(1, frames.shape[1]):
        now = slice(time, time + 1)
        last = torch.where(valid[:, now], frames[:, now], last)
    return last


def mean_valid(frames: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean of each pixel's valid values, `[B, 1, C, H, W]`; 0 if it has none."""
    return masked_mean(frames, valid, (1,)).unsqueeze(1)
