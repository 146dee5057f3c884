"""Average precision: how well each of several classes is ranked."""

import torch
from torch import Tensor

from seqimg_classify.answers import Scoring
from seqimg_classify.metrics import ClipMetric, joined

__all__ = ["MeanPrecision", "average_precision"]


class MeanPrecision(ClipMetric):
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
        scores, labels = joined(self.scores), joined(self.labels)
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
