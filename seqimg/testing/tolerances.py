"""The one table of numeric tolerances, relative to the largest value of the reference."""

from math import inf

import torch

__all__ = [
    "EQUATIONS",
    "IMPORTED",
    "KERNEL_DRAWS",
    "KERNEL_FLOOR",
    "KERNEL_NORM",
    "KERNEL_TIMES",
    "STREAMING",
    "relative_error",
]

STREAMING = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}
"""A clip at once against the same clip in pieces."""

EQUATIONS = {torch.float64: 1e-12, torch.float32: 1e-6}
"""The cell against an independent statement of its equations."""

IMPORTED = {torch.float64: 1e-12, torch.float32: 1e-6}
"""An imported cell against the original's equations, at each of five steps."""

KERNEL_TIMES = 3.0
"""How often a kernel's error may hold torch's own: that of the reference in the same dtype, in both memory layouts."""

KERNEL_FLOOR = {torch.float64: 1e-13, torch.float32: 1e-6, torch.bfloat16: 1e-6, torch.float16: 1e-6}
"""An error of a kernel that is always allowed."""

KERNEL_DRAWS = {torch.float64: 1, torch.float32: 3, torch.float16: 12, torch.bfloat16: 12}
"""Calls over which errors are compared: with so few digits a single number may be right by luck."""

KERNEL_NORM = {torch.float64: inf, torch.float32: inf, torch.bfloat16: 2.0, torch.float16: 2.0}
"""How errors are summed up: the largest or, where that is mostly luck, the root of the mean square."""


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the largest absolute difference over the largest absolute value wanted.

    Args:
        found: A tensor of any shape.
        wanted: One of the same shape.

    Example:
        >>> relative_error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        0.5
    """
    found, wanted = found.detach(), wanted.detach()
    scale = float(wanted.abs().max().clamp_min(1e-30))
    return float((found.double() - wanted.double()).abs().max()) / scale
