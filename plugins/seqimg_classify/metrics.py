"""Figures of classifiers, of clips and of whole videos, each one number that is finite for any data.

| name | what |
|---|---|
| `top1`, `top5` | share of clips whose class, or one of whose classes, is the likeliest, among the five likeliest |
| `mean_class` | mean over the classes that occur of the share of their clips that is told right |
| `map` | several classes: mean over the classes that occur of the average precision |
| `nll` | mean of -log of the right class's score; several classes: mean binary cross-entropy |
| `ece` | expected calibration error: mean gap between score and success, in 15 equal bins, weighted |
| `video_top1`, `video_mean_class` | the same of the mean scores of all clips of a video |
"""

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from seqimg_classify.answers import Scoring, Truth

__all__ = [
    "BINS",
    "CONVENTIONS",
    "Calibration",
    "ClipMetric",
    "MeanClass",
    "NegativeLogLikelihood",
    "Top",
    "collection",
    "hits_of",
    "joined",
    "mean_share",
]

BINS = 15
_FLOOR = 1e-7  # scores are not taken for smaller, nor for nearer to 1
_LEADING = 5

CONVENTIONS = {
    "top1": "Share of clips whose class is the likeliest; of several classes, of clips whose likeliest class is one "
    "of theirs.",
    "top5": "Share of clips whose class is among the five likeliest.",
    "mean_class": "Share of clips told right, of each class that occurs, then the mean over those classes.",
    "map": "Average precision (area under the stepwise precision-recall curve) of each class that occurs, then the "
    "mean over those classes.",
    "nll": "Mean of -ln of the right class's score, at least 1e-7; of several classes the mean binary cross-entropy "
    "over clips and classes.",
    "ece": "Expected calibration error: the gap between mean score and share right in each of 15 bins of equal "
    "width, weighted by clips; of the likeliest class, or of several classes of every class.",
    "video_top1": "As top1, of the mean scores of all clips of a video (views times crops).",
    "video_mean_class": "As mean_class, of the mean scores of all clips of a video (views times crops).",
}
"""How each figure is computed, in a sentence."""


def collection(classes: int, scoring: Scoring, *, videos: bool = False) -> MetricCollection:
    """Return the metrics of a classifier; their `update` takes `(logits [B, T, K], Truth)`.

    Args:
        classes: K.
        scoring: How answers are made of logits.
        videos: Whether videos have several clips, so that their figures are others than those of clips.
    """
    found: dict[str, Metric] = {}
    if scoring.several:
        from seqimg_classify.precision import MeanPrecision

        found["map"] = MeanPrecision(scoring)
    found["top1"] = Top(scoring)
    if classes > _LEADING:
        found["top5"] = Top(scoring, _LEADING)
    if not scoring.several:
        found["mean_class"] = MeanClass(scoring, classes)
    if videos and not scoring.several:
        from seqimg_classify.videos import VideoMeanClass, VideoTop

        found["video_top1"] = VideoTop(scoring, classes)
        found["video_mean_class"] = VideoMeanClass(scoring, classes)
    found["nll"], found["ece"] = NegativeLogLikelihood(scoring), Calibration(scoring)
    # Groups are formed by what states are after the first batch, where different figures can be alike.
    return MetricCollection(found, compute_groups=False)


class ClipMetric(Metric):  # type: ignore[misc]  # torchmetrics has no types here
    """Looks at the clips of sequences that do not go on."""

    full_state_update = False
    is_differentiable = False

    def __init__(self, scoring: Scoring) -> None:
        super().__init__()
        self.scoring = scoring

    def update(self, outputs: Tensor, truth: Truth) -> None:
        """Take in a batch: logits `[B, T, K]`."""
        ends = truth.ends
        if not bool(ends.any()):
            return
        scores = self.scoring.clips(outputs[ends].float(), truth.lengths[ends])
        self.tally(scores, truth.labels[ends], truth.videos[ends])

    def tally(self, scores: Tensor, labels: Tensor, videos: Tensor) -> None:
        """Take in scores `[n, K]` and what is right."""
        raise NotImplementedError

    def _counter(self, name: str, *shape: int) -> None:
        self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")


def hits_of(scores: Tensor, labels: Tensor, most: int = 1) -> Tensor:
    """Return `[n]`, whether a right class is among the `most` likeliest of scores `[n, K]`."""
    likeliest = scores.topk(min(most, scores.shape[1]), dim=1).indices
    if labels.dim() == 2:
        return (labels.gather(1, likeliest) >= 0.5).any(1)
    return (likeliest == labels[:, None]).any(1)


class Top(ClipMetric):
    """Share of clips of which a right class is among the `most` likeliest.

    Example:
        >>> truth = Truth(torch.tensor([0, 1]), torch.ones(2, dtype=int), torch.arange(2), torch.ones(2, dtype=bool))
        >>> top = Top(Scoring())
        >>> top.update(torch.tensor([[[2.0, 1.0]], [[2.0, 1.0]]]), truth)
        >>> float(top.compute())
        0.5
    """

    higher_is_better = True
    hits: Tensor
    count: Tensor

    def __init__(self, scoring: Scoring, most: int = 1) -> None:
        super().__init__(scoring)
        self.most = most
        self._counter("hits")
        self._counter("count")

    def tally(self, scores: Tensor, labels: Tensor, videos: Tensor) -> None:
        """Count the clips that are told right."""
        self.hits += hits_of(scores, labels, self.most).sum()
        self.count += len(scores)

    def compute(self) -> Tensor:
        """Return the share; 0 of no clips."""
        return self.hits / self.count.clamp(min=1)


class MeanClass(ClipMetric):
    """Share of clips told right of each class, averaged over the classes that occur."""

    higher_is_better = True
    hits: Tensor
    count: Tensor

    def __init__(self, scoring: Scoring, classes: int) -> None:
        super().__init__(scoring)
        self._counter("hits", classes)
        self._counter("count", classes)

    def tally(self, scores: Tensor, labels: Tensor, videos: Tensor) -> None:
        """Count the clips of each class."""
        right = hits_of(scores, labels)
        self.hits += torch.bincount(labels[right], minlength=len(self.hits))
        self.count += torch.bincount(labels, minlength=len(self.hits))

    def compute(self) -> Tensor:
        """Return the mean; 0 of no clips."""
        return mean_share(self.hits, self.count)


def mean_share(hits: Tensor, count: Tensor) -> Tensor:
    """Return the mean share of hits over the classes that occur; 0 if none does."""
    return (hits / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


class NegativeLogLikelihood(ClipMetric):
    """How surprised the model is by what is right: 0 at best."""

    higher_is_better = False
    total: Tensor
    count: Tensor

    def __init__(self, scoring: Scoring) -> None:
        super().__init__(scoring)
        self._counter("total")
        self._counter("count")

    def tally(self, scores: Tensor, labels: Tensor, videos: Tensor) -> None:
        """Add up the surprise of each clip."""
        scores = scores.double().clamp(_FLOOR, 1 - _FLOOR if self.scoring.several else 1)
        if labels.dim() == 2:
            surprise = -(labels * scores.log() + (1 - labels) * (1 - scores).log()).mean(1)
        else:
            surprise = -scores.gather(1, labels[:, None])[:, 0].log()
        self.total += surprise.sum()
        self.count += len(scores)

    def compute(self) -> Tensor:
        """Return the mean; 0 of no clips."""
        return self.total / self.count.clamp(min=1)


class Calibration(ClipMetric):
    """How far scores are from the share of answers that are right: the expected calibration error.

    Attributes:
        sure: `[15]`, the sum of scores in each bin.
        right: `[15]`, how many were right.
        count: `[15]`, how many there were.
    """

    higher_is_better = False
    sure: Tensor
    right: Tensor
    count: Tensor

    def __init__(self, scoring: Scoring) -> None:
        super().__init__(scoring)
        for name in ("sure", "right", "count"):
            self._counter(name, BINS)

    def tally(self, scores: Tensor, labels: Tensor, videos: Tensor) -> None:
        """Sort scores into bins."""
        if labels.dim() == 2:
            score, right = scores.flatten(), (labels >= 0.5).flatten()
        else:
            score, right = scores.max(1).values, hits_of(scores, labels)
        score = score.double().clamp(0, 1)
        bins = (score * BINS).long().clamp(max=BINS - 1)
        self.sure.index_add_(0, bins, score)
        self.right.index_add_(0, bins, right.double())
        self.count.index_add_(0, bins, torch.ones_like(score))

    def compute(self) -> Tensor:
        """Return the error, from 0 to 1; 0 of no clips."""
        return (self.sure - self.right).abs().sum() / self.count.sum().clamp(min=1)


def joined(parts: list[Tensor] | Tensor) -> Tensor | None:
    """Return a state that is kept as a list, or was made one tensor when processes exchanged theirs."""
    if isinstance(parts, Tensor):
        return parts
    return torch.cat(parts) if parts else None
