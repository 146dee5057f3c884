"""Structural similarity, with the value range that is right and the one that many published tables have."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from seqimg_predict.measures import Family, Measure

__all__ = ["Structure", "similarity"]

_WINDOW = 7  # pixels, as scikit-image's
_K1, _K2 = 0.01, 0.03
_FRAMES = 64  # looked at together: memory stays small


@dataclass(frozen=True)
class Structure(Family):
    """SSIM of whole frames, for value ranges of 1 and 2.

    Example:
        >>> frames = torch.rand(1, 2, 3, 16, 16)
        >>> [float(measure.figure(Structure().sums(frames, frames).sum(0))) for measure in Structure().measures()]
        [1.0, 1.0]
    """

    size: ClassVar[int] = 3  # type: ignore[misc]

    def sums(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Add up the SSIM of each frame for both ranges, and count the frames that have one."""
        pairs = zip(outputs.flatten(0, 1).split(_FRAMES), truth.flatten(0, 1).split(_FRAMES), strict=True)
        found = torch.cat([_each(own, true) for own, true in pairs])  # [B T, 3]
        sums: Tensor = found.unflatten(0, truth.shape[:2]).sum(0)
        return sums

    def measures(self) -> tuple[Measure, ...]:
        """Return ssim and ssim_openstl."""
        how = (
            f"of frames in [0, 1], predictions clipped, {_WINDOW}×{_WINDOW} uniform windows, mean over windows, "
            "channels and predicted frames; windows with missing values are left out"
        )
        return (
            Measure(
                "ssim",
                self,
                lambda sums: sums[..., 0] / sums[..., 2].clamp(min=1),
                True,
                f"Structural similarity with a data range of 1 {how}.",
            ),
            Measure(
                "ssim_openstl",
                self,
                lambda sums: sums[..., 1] / sums[..., 2].clamp(min=1),
                True,
                f"As ssim, with a data range of 2: too high, but what OpenSTL's tables hold; {how}.",
            ),
        )


def _each(outputs: Tensor, truth: Tensor) -> Tensor:
    """Return of frames `[N, C, H, W]` the SSIM for both ranges and whether they have one, float64 `[N, 3]`."""
    valid = ~truth.isnan()
    maps, complete = similarity(outputs, torch.where(valid, truth, 0), (1.0, 2.0), valid)
    counts = complete.sum((1, 2, 3)).double()  # [N]
    means = [torch.where(complete, one, 0).sum((1, 2, 3)) / counts.clamp(min=1) for one in maps]
    return torch.stack([*means, (counts > 0).double()], dim=1)


def similarity(
    outputs: Tensor, truth: Tensor, ranges: tuple[float, ...], valid: Tensor | None = None
) -> tuple[list[Tensor], Tensor]:
    """Return the structural similarity of every window, as scikit-image computes it.

    Frames smaller than 7 pixels get the largest window of odd size that fits.

    Args:
        outputs: `[N, C, H, W]`.
        truth: `[N, C, H, W]`.
        ranges: Value ranges.
        valid: `[N, C, H, W]` bool, where there are values; None if everywhere.

    Returns:
        For each range a map `[N, C, h, w]`, float64, of windows that lie inside the frame, and a bool map of
        windows whose values are all there.
    """
    window = min(_WINDOW, *(side - 1 + side % 2 for side in truth.shape[-2:]))
    own, true = outputs.double(), truth.double()
    means = [_windows(part, window) for part in (own, true, own * own, true * true, own * true)]
    mean_own, mean_true, squares_own, squares_true, products = means
    unbiased = window**2 / max(window**2 - 1, 1)
    spread = unbiased * (squares_own + squares_true - mean_own**2 - mean_true**2)
    together = unbiased * (products - mean_own * mean_true)
    maps = []
    for value_range in ranges:
        small, smaller = (_K1 * value_range) ** 2, (_K2 * value_range) ** 2
        likeness = (2 * mean_own * mean_true + small) / (mean_own**2 + mean_true**2 + small)
        maps.append(likeness * (2 * together + smaller) / (spread + smaller))
    if valid is None:
        return maps, torch.ones_like(mean_true, dtype=torch.bool)
    return maps, _windows(valid.double(), window) > 1 - 0.5 / window**2


def _windows(frames: Tensor, side: int) -> Tensor:
    return avg_pool2d(avg_pool2d(frames, (1, side), 1), (side, 1), 1)
