"""A prediction as what happens to the last frame: every pixel is fetched from somewhere, then changed."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

__all__ = ["Forecast", "Predicted", "apply_forecast", "enlarge", "mean_and_spread"]


class Predicted(NamedTuple):
    """A predicted frame.

    Attributes:
        frame: `[B, C, H, W]`.
        spread: How much drawn futures differ there, their standard deviation; None of a model that draws none.
    """

    frame: Tensor
    spread: Tensor | None = None


class Forecast(NamedTuple):
    """What happens to the last frame, for T times to come.

    Attributes:
        change: What is added, `[B, T, C, H, W]`.
        motion: Where each pixel comes from, in pixels down and across, and how much of what is there
            is taken, 0 to 1: `[B, T, 3, H, W]`. None if nothing moves.
    """

    change: Tensor
    motion: Tensor | None = None

    def frame(self, number: int) -> "Forecast":
        """Return the forecast of one time, with T = 1."""
        one = slice(number, number + 1)
        return Forecast(self.change[:, one], None if self.motion is None else self.motion[:, one])

    def resized(self, size: tuple[int, int]) -> "Forecast":
        """Return the forecast for frames of another size (height, width); displacements grow with it."""
        height, width = self.change.shape[-2:]
        if self.motion is None or (height, width) == size:
            return Forecast(enlarge(self.change, size), self.motion)
        scale = self.motion.new_tensor([size[0] / height, size[1] / width, 1.0])
        return Forecast(enlarge(self.change, size), enlarge(self.motion, size) * scale[:, None, None])


def apply_forecast(
    last: Tensor, forecast: Forecast, between: Literal["bilinear", "bicubic"] = "bilinear"
) -> Tensor:
    """Return the predicted frames that follow the last ones.

    Args:
        last: `[B, C, H, W]`.
        forecast: What happens to them, for T times.
        between: How values between pixels are found: from 4 pixels, or from 16, for what is moved again and again
            and would blur.

    Returns:
        `[B, T, C, H, W]`, not clipped.

    Example:
        >>> import torch
        >>> nothing = torch.zeros(1, 3, 1, 8, 8)
        >>> from_the_right = torch.tensor([0.0, 1.0, 1.0])[:, None, None].expand(1, 3, 3, 8, 8)
        >>> frame = torch.rand(1, 1, 8, 8)
        >>> moved = apply_forecast(frame, Forecast(nothing, from_the_right))
        >>> torch.allclose(moved[:, 0, :, :, :-1], frame[..., 1:], atol=1e-5)
        True
    """
    change, motion = forecast
    pictures = last[:, None].expand(-1, change.shape[1], -1, -1, -1)
    if motion is None:
        return pictures + change
    grid = _grid(motion[:, :, :2].flatten(0, 1))
    fetched = grid_sample(
        pictures.flatten(0, 1), grid, mode=between, padding_mode="border", align_corners=False
    )
    predicted: Tensor = (
        torch.lerp(pictures, fetched.unflatten(0, change.shape[:2]), motion[:, :, 2:]) + change
    )
    return predicted


def mean_and_spread(draws: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the mean of at least two tensors and their standard deviation (of M - 1), two of them in memory at a time.

    Example:
        >>> import torch
        >>> mean, spread = mean_and_spread(torch.tensor([value]) for value in (0.0, 1.0, 2.0))
        >>> float(mean), float(spread)
        (1.0, 1.0)
    """
    found = iter(draws)
    mean = next(found)
    squares = torch.zeros_like(mean)
    number = 1
    for number, draw in enumerate(found, start=2):  # Welford's way: nothing large is subtracted
        off = draw - mean
        mean = mean + off / number
        squares = squares + off * (draw - mean)
    return mean, (squares / (number - 1)).clamp(min=0).sqrt()


def enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring `[B, T, C, h, w]` to `size` (height, width) by bilinear interpolation."""
    if maps.shape[-2:] == size:
        return maps
    larger = interpolate(maps.flatten(0, 1), size=size, mode="bilinear", align_corners=False)
    by_clip: Tensor = larger.unflatten(0, maps.shape[:2])
    return by_clip


def _grid(flow: Tensor) -> Tensor:
    """Turn displacements in pixels `[N, 2 (y, x), H, W]` into `grid_sample`'s form, `[N, H, W, 2 (x, y)]`."""
    height, width = flow.shape[-2:]
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 0] + 0.5
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 1] + 0.5
    return torch.stack([columns * (2 / width) - 1, rows * (2 / height) - 1], dim=-1)
