"""Measures as metrics that training and evaluation understand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from seqimg_predict.measures import Measure

__all__ = ["Figure", "collection"]


class Figure(Metric):  # type: ignore[misc, unused-ignore]
    """A measure as a metric: one number, streamed, of truths with NaN where there is no value.

    Example:
        >>> from seqimg_predict.measures import Errors
        >>> metric = Figure(Errors().measures()[0])
        >>> metric.update(torch.zeros(2, 3, 1, 8, 8), torch.full((2, 3, 1, 8, 8), 0.5))
        >>> metric.compute(), metric.higher_is_better
        (tensor(0.2500), False)
    """

    is_differentiable = False
    full_state_update = False

    if TYPE_CHECKING:
        sums: Tensor

    def __init__(self, measure: Measure) -> None:
        super().__init__()
        self.measure = measure
        self.add_state("sums", torch.zeros(measure.family.size, dtype=torch.float64), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool | None:
        """Whether more is better; None if neither end is the good one."""
        return self.measure.higher

    def update(self, outputs: Tensor, truth: Tensor) -> None:
        """Take in predictions and what came, both `[B, T, C, H, W]` in [0, 1]; NaN in the truth counts for nothing."""
        family = self.measure.family
        self.sums += family.sums(family.seen(outputs, truth), truth).sum(0)

    def compute(self) -> Tensor:
        """Return the figure; NaN if there was nothing to compare with."""
        return self.measure.figure(self.sums).float()


def collection(measures: Sequence[Measure]) -> MetricCollection:
    """Return measures as one collection, in which each family adds up only once."""
    families: dict[object, list[str]] = {}
    for measure in measures:
        families.setdefault(measure.family, []).append(measure.name)
    metrics = {measure.name: Figure(measure) for measure in measures}
    # Told, not found out from what the first batch gives: sums that are equal once need not stay so.
    return MetricCollection(cast("dict[str, Metric]", metrics), compute_groups=list(families.values()))
