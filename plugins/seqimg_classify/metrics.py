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

from typing import Any, cast

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from seqimg_classify.answers import Scoring, Truth

__all__ = [
    "BINS",
    "CONVENTIONS",
    "Calibration",
    "MeanClass",
    "MeanPrecision",
    "NegativeLogLikelihood",
    "Top",
    "collection",
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


def collection(classes: int, scoring: Scoring) -> MetricCollection:
    """Return the metrics of a classifier; their `update` takes `(logits [B, T, K], Truth)`.

    Args:
        classes: K.
        scoring: How answers are made of logits.
    """
    found: dict[str, Metric] = {}
    if scoring.several:
        found["map"] = MeanPrecision(scoring)
    found["top1"] = Top(scoring)
    if classes > _LEADING:
        found["top5"] = Top(scoring, _LEADING)
    if not scoring.several:
        found["mean_class"] = MeanClass(scoring, classes)
        found["video_top1"] = VideoTop(scoring, classes)
        found["video_mean_class"] = VideoMeanClass(scoring, classes)
    found["nll"], found["ece"] = NegativeLogLikelihood(scoring), Calibration(scoring)
    # Groups are formed by what states are after the first batch, where different figures can be alike.
    return MetricCollection(found, compute_groups=False)


class _ClipMetric(Metric):
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


def _hits(scores: Tensor, labels: Tensor, most: int = 1) -> Tensor:
    """Return `[n]`, whether a right class is among the likeliest."""
    likeliest = scores.topk(min(most, scores.shape[1]), dim=1).indices
    if labels.dim() == 2:
        return (labels.gather(1, likeliest) >= 0.5).any(1)
    return (likeliest == labels[:, None]).any(1)


class Top(_ClipMetric):
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
        self.hits += _hits(scores, labels, self.most).sum()
        self.count += len(scores)

    def compute(self) -> Tensor:
        """Return the share; 0 of no clips."""
        return self.hits / self.count.clamp(min=1)


class MeanClass(_ClipMetric):
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
        right = _hits(scores, labels)
        self.hits += torch.bincount(labels[right], minlength=len(self.hits))
        self.count += torch.bincount(labels, minlength=len(self.hits))

    def compute(self) -> Tensor:
        """Return the mean; 0 of no clips."""
        return _mean_share(self.hits, self.count)


def _mean_share(hits: Tensor, count: Tensor) -> Tensor:
    return (hits / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


class NegativeLogLikelihood(_ClipMetric):
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


class Calibration(_ClipMetric):
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
            score, right = scores.max(1).values, _hits(scores, labels)
        score = score.double().clamp(0, 1)
        bins = (score * BINS).long().clamp(max=BINS - 1)
        self.sure.index_add_(0, bins, score)
        self.right.index_add_(0, bins, right.double())
        self.count.index_add_(0, bins, torch.ones_like(score))

    def compute(self) -> Tensor:
        """Return the error, from 0 to 1; 0 of no clips."""
        return (self.sure - self.right).abs().sum() / self.count.sum().clamp(min=1)


class MeanPrecision(_ClipMetric):
    """Average precision of each class that occurs, then their mean; keeps the scores of all clips."""

    higher_is_better = True
    scores: list[Tensor]
    labels: list[Tensor]

    def __init__(self, scoring: Scoring) -> None:
        super().__init__(scoring)
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def tally(self, scores: Tensor, labels: Tensor, videos: Tensor) -> None:
        """Keep them."""
        self.scores.append(scores)
        self.labels.append(labels)

    def compute(self) -> Tensor:
        """Return the mean; 0 if no class occurs."""
        scores, labels = _joined(self.scores), _joined(self.labels)
        if scores is None or labels is None:
            return torch.zeros((), device=self.device)
        precisions = [average_precision(scores[:, k], labels[:, k] >= 0.5) for k in range(scores.shape[1])]
        occurring = [precision for precision in precisions if precision is not None]
        return scores.new_tensor(occurring).mean() if occurring else scores.new_zeros(())


def average_precision(scores: Tensor, right: Tensor) -> float | None:
    """Return the area under the stepwise precision-recall curve; None if nothing is right.

    Clips of one score count together, in whatever order they came.

    Example:
        >>> average_precision(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([True, False, True]))
        0.8333333333333333
    """
    total = int(right.sum())
    if not total:
        return None
    order = scores.argsort(descending=True, stable=True)
    ranked, found = scores[order], right[order].double().cumsum(0)
    last = torch.cat([ranked[1:] != ranked[:-1], torch.ones(1, dtype=torch.bool, device=scores.device)])
    found, seen = found[last], (last.nonzero()[:, 0] + 1).double()
    gained = torch.diff(found, prepend=found.new_zeros(1))
    return float((gained * found / seen).sum() / total)


class _VideoMetric(_ClipMetric):
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
        if not self.ids:
            nothing = torch.zeros(0, dtype=torch.int64, device=self.device)
            self.ids, self.labels = [nothing], [nothing.clone()]
            self.sums = [torch.zeros(0, self.classes, device=self.device)]
        super().sync(*arguments, **options)

    def videos(self) -> tuple[Tensor, Tensor]:
        """Return whether each video is told right, and its class."""
        ids, labels, sums = _joined(self.ids), _joined(self.labels), _joined(self.sums)
        if ids is None or labels is None or sums is None or not len(ids):
            nothing = torch.zeros(0, dtype=torch.int64, device=self.device)
            return nothing.bool(), nothing
        _, labels, sums = _merged(ids, labels, sums)
        return _hits(sums, labels), labels


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
        return _mean_share(hits, torch.bincount(labels, minlength=self.classes).double())


def _merged(ids: Tensor, labels: Tensor, sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Add up the rows of one video."""
    known, places = ids.unique(return_inverse=True)
    total = sums.new_zeros(len(known), sums.shape[1]).index_add_(0, places, sums)
    return known, labels.new_zeros(len(known)).index_copy_(0, places, labels), total


def _joined(parts: list[Tensor] | Tensor) -> Tensor | None:
    """Return a state that is kept as a list, or was made one tensor when processes exchanged theirs."""
    if isinstance(parts, Tensor):
        return parts
    return torch.cat(cast(list[Tensor], parts)) if parts else None
