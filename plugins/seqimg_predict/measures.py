"""What predictions are measured by: sums over frames that can be added up, and figures made of the sums.

A family turns a batch into a few sums for each lead time, so that batches of any number add up in a few
numbers; a measure makes one figure of a family's sums. The same sums give the figure of a whole test set and
of each lead time. Where the truth is NaN nothing is compared.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

__all__ = ["Edges", "Errors", "Family", "Measure", "Spread"]

_PIXELS = (2, 3, 4)
_SMALLEST = 1e-10  # mean squared error of a frame below which it counts as exact: 100 dB
_NO_EDGE = 1e-6  # difference of neighbours, in the value range, that is none


class Family(ABC):
    """Sums that several measures are made of.

    Attributes:
        size: How many sums there are.
    """

    size: int

    def seen(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Return what `sums` takes of a model's outputs: the predictions, without the spread that may follow them."""
        return outputs[:, : truth.shape[1]]

    @abstractmethod
    def sums(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Add up a batch.

        Args:
            outputs: `[B, T, C, H, W]` float, in [0, 1].
            truth: The same, NaN where there is no value.

        Returns:
            `[T, size]` float64, for each lead time the sums over its frames.
        """


@dataclass(frozen=True)
class Measure:
    """One figure.

    Attributes:
        name: What it is called in tables.
        family: What it is made of.
        figure: Makes it of the sums `[..., size]`.
        higher: Whether more is better; None if neither end is the good one.
        about: How it is computed, in a sentence.
        kind: What it is called without a threshold; the name, if it has none.
    """

    name: str
    family: Family
    figure: Callable[[Tensor], Tensor]
    higher: bool | None
    about: str
    kind: str = ""

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", self.name)


@dataclass(frozen=True)
class Errors(Family):
    """Squared and absolute errors, of pixels and of whole frames, and the PSNR.

    Example:
        >>> black, grey = torch.zeros(1, 2, 1, 4, 4), torch.full((1, 2, 1, 4, 4), 0.1)
        >>> sums = Errors().sums(grey, black)
        >>> [round(float(measure.figure(sums.sum(0))), 4) for measure in Errors().measures()]
        [0.01, 0.1, 0.16, 1.6, 20.0]
    """

    size: ClassVar[int] = 7  # type: ignore[misc]

    def sums(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Add up squared and absolute errors, and those that frames have on average."""
        valid = ~truth.isnan()
        error = torch.where(valid, outputs - truth, 0)
        counts = valid.sum(_PIXELS).double()  # [B, T]
        there = counts > 0
        squared, absolute = error.square().sum(_PIXELS).double(), error.abs().sum(_PIXELS).double()
        # What a frame's missing pixels would add is taken to be what the others do.
        whole = truth[0, 0].numel() / counts.clamp(min=1)
        psnr = -10 * (squared / counts.clamp(min=1)).clamp(min=_SMALLEST).log10()
        parts = (squared, absolute, counts, squared * whole, absolute * whole, there * psnr, there.double())
        return torch.stack([part.sum(0) for part in parts], dim=1)

    def measures(self) -> tuple[Measure, ...]:
        """Return mse, mae, the same per frame, and psnr."""
        pixel = (
            "per pixel and channel of frames in [0, 1], predictions clipped, mean over all predicted frames"
        )
        frame = "summed over the channels and pixels of a frame in [0, 1], mean over all predicted frames"

        def per(part: int, count: int) -> Callable[[Tensor], Tensor]:
            return lambda sums: sums[..., part] / sums[..., count]

        return (
            Measure("mse", self, per(0, 2), False, f"Squared error {pixel}."),
            Measure("mae", self, per(1, 2), False, f"Absolute error {pixel}."),
            Measure("mse_per_frame", self, per(3, 6), False, f"Squared error {frame}, as OpenSTL prints it."),
            Measure(
                "mae_per_frame", self, per(4, 6), False, f"Absolute error {frame}, as OpenSTL prints it."
            ),
            Measure(
                "psnr",
                self,
                per(5, 6),
                True,
                "Peak signal-to-noise ratio in dB of frames with a range of 1, mean over all predicted frames; "
                "at most 100.",
            ),
        )


@dataclass(frozen=True)
class Edges(Family):
    """How sharp predictions are, beside the truth.

    Example:
        >>> truth = torch.rand(1, 2, 1, 8, 8)
        >>> (sharpness,) = Edges().measures()
        >>> round(float(sharpness.figure(Edges().sums(0.5 * truth, truth).sum(0))), 3)
        0.5
    """

    size: ClassVar[int] = 3  # type: ignore[misc]

    def sums(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Add up the differences of neighbouring pixels where the truth has both, and count them."""
        total = torch.zeros(truth.shape[1], self.size, dtype=torch.float64, device=truth.device)
        for dim in (3, 4):
            size = truth.shape[dim] - 1
            true, own = (
                (frames.narrow(dim, 1, size) - frames.narrow(dim, 0, size)).abs()
                for frames in (truth, outputs)
            )
            both = ~true.isnan()
            parts = (torch.where(both, own, 0), torch.where(both, true, 0), both)
            total += torch.stack([part.sum((0, *_PIXELS)).double() for part in parts], dim=1)
        return total

    def measures(self) -> tuple[Measure, ...]:
        """Return sharpness."""
        return (
            Measure(
                "sharpness",
                self,
                lambda sums: (
                    (sums[..., 0] + _NO_EDGE * sums[..., 2].clamp(min=1))
                    / (sums[..., 1] + _NO_EDGE * sums[..., 2].clamp(min=1))
                ),
                None,
                "Mean difference of neighbouring pixels over that of the true frames: 1 is as sharp, less is "
                "blurred, more is noise or wrong edges.",
            ),
        )


@dataclass(frozen=True)
class Spread(Family):
    """How unsure predictions say they are, and whether that is how wrong they are.

    Args:
        members: How many futures the spread is that of.

    Example:
        >>> truth = torch.zeros(1, 2, 1, 8, 8)
        >>> spread, skill = Spread(3).measures()
        >>> sums = Spread(3).sums(torch.cat([truth + 0.4, truth + 0.3], dim=1), truth).sum(0)
        >>> round(float(spread.figure(sums)), 3), round(float(skill.figure(sums)), 3)
        (0.3, 0.866)
    """

    members: int
    size: ClassVar[int] = 3  # type: ignore[misc]

    def seen(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Return all of them."""
        return outputs

    def sums(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Add up variances and squared errors where there is a truth; simpler answers are sure of themselves."""
        count = truth.shape[1]
        valid = ~truth.isnan()
        mean = outputs[:, :count]
        spread = outputs[:, count:] if outputs.shape[1] == 2 * count else torch.zeros_like(mean)
        parts = (
            torch.where(valid, spread.square(), 0),
            torch.where(valid, mean - truth, 0).square(),
            valid,
        )
        return torch.stack([part.sum((0, *_PIXELS)).double() for part in parts], dim=1)

    def measures(self) -> tuple[Measure, ...]:
        """Return spread, and spread over skill."""
        finite = (self.members + 1) / self.members  # of as few futures (Fortin et al. 2014)
        return (
            Measure(
                "spread",
                self,
                lambda sums: (sums[..., 0] / sums[..., 2]).sqrt(),
                None,
                "Root of the mean variance of the drawn futures, per pixel and channel of frames in [0, 1].",
            ),
            Measure(
                "spread_skill",
                self,
                lambda sums: (finite * sums[..., 0] / sums[..., 1].clamp(min=_SMALLEST)).sqrt(),
                None,
                "That over the root of the mean squared error: 1 says how wrong it is, less is too sure of itself.",
            ),
        )
