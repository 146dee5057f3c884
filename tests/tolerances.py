"""The one table of numeric tolerances, relative to the largest value of the reference."""

import torch

STREAMING = {torch.float64: 1e-12, torch.float32: 1e-5}
"""A clip at once against the same clip in pieces."""

EQUATIONS = {torch.float64: 1e-12, torch.float32: 1e-6}
"""The cell against an independent statement of its equations."""

IMPORTED = {torch.float64: 1e-12, torch.float32: 1e-6}
"""An imported cell against the original's equations, at each of five steps."""


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Largest absolute difference over the largest absolute value wanted."""
    found, wanted = found.detach(), wanted.detach()
    scale = float(wanted.abs().max().clamp_min(1e-30))
    return float((found.double() - wanted.double()).abs().max()) / scale
