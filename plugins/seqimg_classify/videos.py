"""Figures of whole videos, of which several clips were answered."""

from typing import Any

import torch
from torch import Tensor

from seqimg_classify.answers import Scoring
from seqimg_classify.metrics import ClipMetric, hits_of, joined, mean_share

__all__ = ["VideoMeanClass", "VideoTop"]


class _VideoMetric(ClipMetric):
    """Keeps the summed scores of each video: memory grows with their number, not with that of their clips."""

    higher_is_better = True
    ids: list[Tensor]
    labels: list[Tensor]
    sums: list[Tensor]

    def __init__(self, scoring: Scoring, classes: int) -> None:
        super().__init__(scoring)
        self.classes = classes
        for name in ("ids", "labels", "sums"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def tally(self, scores: Tensor, labels: Tensor, videos: Tensor) -> None:
        """Add scores to those of their videos."""
        ids, kinds, sums = ([*self.ids, videos], [*self.labels, labels], [*self.sums, scores])
        merged = _merged(torch.cat(ids), torch.cat(kinds), torch.cat(sums))
        self.ids, self.labels, self.sums = [merged[0]], [merged[1]], [merged[2]]

    def sync(self, *arguments: Any, **options: Any) -> None:
        """Exchange states; a process that has seen nothing has empty ones of the right kind."""
        if isinstance(self.ids, list) and not self.ids:  # once exchanged they are tensors
            nothing = torch.zeros(0, dtype=torch.int64, device=self.device)
            self.ids, self.labels = [nothing], [nothing.clone()]
            self.sums = [torch.zeros(0, self.classes, device=self.device)]
        super().sync(*arguments, **options)

    def videos(self) -> tuple[Tensor, Tensor]:
        """Return whether each video is told right, and its class."""
        ids, labels, sums = joined(self.ids), joined(self.labels), joined(self.sums)
        if ids is None or labels is None or sums is None or not len(ids):
            nothing = torch.zeros(0, dtype=torch.int64, device=self.device)
            return nothing.bool(), nothing
        _, labels, sums = _merged(ids, labels, sums)
        return hits_of(sums, labels), labels


class VideoTop(_VideoMetric):
    """Share of videos whose class is the likeliest by the mean scores of their clips."""

    def compute(self) -> Tensor:
        """Return the share; 0 of no videos."""
        right, _ = self.videos()
        return right.double().sum() / max(len(right), 1)


class VideoMeanClass(_VideoMetric):
    """Share of videos told right of each class, averaged over the classes that occur."""

    def compute(self) -> Tensor:
        """Return the mean; 0 of no videos."""
        right, labels = self.videos()
        hits = torch.bincount(labels[right], minlength=self.classes).double()
        return mean_share(hits, torch.bincount(labels, minlength=self.classes).double())


def _merged(ids: Tensor, labels: Tensor, sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Add up the rows of one video."""
    known, places = ids.unique(return_inverse=True)
    total = sums.new_zeros(len(known), sums.shape[1]).index_add_(0, places, sums)
    return known, labels.new_zeros(len(known)).index_copy_(0, places, labels), total
