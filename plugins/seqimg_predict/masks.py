"""Means and last values of what is there, where some of it is missing."""

import torch
from torch import Tensor

__all__ = ["held", "last_valid", "masked_mean", "mean_valid"]


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
    return frames[:, -1:] if valid is None else held(frames, valid)[:, -1:]


def held(frames: Tensor, valid: Tensor | None) -> Tensor:
    """Return frames in which a pixel keeps its last valid value; 0 before it has had one.

    Args:
        frames: `[B, T, C, H, W]`, 0 where there is no value.
        valid: bool that broadcasts to it; None if all are valid.

    Example:
        >>> frames = torch.tensor([0.0, 0.5, 0.0]).reshape(1, 3, 1, 1, 1)
        >>> held(frames, frames > 0).flatten()
        tensor([0.0000, 0.5000, 0.5000])
    """
    if valid is None:
        return frames
    found = [frames[:, 0]]
    for time in range(1, frames.shape[1]):
        found.append(torch.where(valid[:, time], frames[:, time], found[-1]))
    return torch.stack(found, dim=1)


def mean_valid(frames: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean of each pixel's valid values, `[B, 1, C, H, W]`; 0 if it has none."""
    return masked_mean(frames, valid, (1,)).unsqueeze(1)
