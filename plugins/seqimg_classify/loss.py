"""What training minimises: cross-entropy of the clip's answer, and if asked of every frame's."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot

from seqimg_classify.answers import mean_over

__all__ = ["ClassLoss", "balanced_weights"]

_RAREST = 100.0  # no class weighs more than this
_TINY = 1e-7


class ClassLoss:
    """Cross-entropy of one class out of all, or of several classes each by itself.

    Args:
        several: Whether each class is answered by itself.
        answer: A clip's answer: that after its `last` frame, or the `mean` of the scores over its frames.
        every_frame: Share of the loss that is the mean over all frames.
        smoothing: Share of the truth that goes to all classes alike.
        weights: How much each class counts; of several, how much having it counts against not having it. None
            for all alike.

    Example:
        >>> loss = ClassLoss()
        >>> float(loss(torch.zeros(1, 3, 4), torch.tensor([2]), torch.tensor([3])))  # ln 4
        1.3862943649291992
    """

    def __init__(
        self,
        *,
        several: bool = False,
        answer: str = "last",
        every_frame: float = 0.0,
        smoothing: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.several, self.answer, self.every_frame = several, answer, every_frame
        self.smoothing, self.weights = smoothing, weights

    def __call__(self, logits: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean loss of clips.

        Args:
            logits: `[B, T, K]`.
            labels: `[B]` int64, or `[B, K]` shares.
            lengths: `[B]`, real frames.
        """
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()  # there 1 less a little is 1, whose opposite has no logarithm
        truth = self._truth(labels, logits.shape[-1]).to(logits.dtype)
        total = logits.new_zeros(())
        if self.every_frame < 1:
            total = total + (1 - self.every_frame) * self.of_answer(logits, truth, lengths).mean()
        if self.every_frame > 0:
            each = self._surprise(self._logarithms(logits), truth[:, None])  # [B, T]
            total = total + self.every_frame * mean_over(each, lengths).mean()
        return total

    def of_answer(self, logits: Tensor, truth: Tensor, lengths: Tensor) -> Tensor:
        """Return the loss `[B]` of the clips' answers."""
        if self.answer == "mean":
            scores = mean_over(logits.sigmoid() if self.several else logits.softmax(-1), lengths)
            scores = scores.clamp(_TINY, 1 - _TINY if self.several else 1)
            logs = (scores.log(), (1 - scores).log() if self.several else None)
        else:
            rows = torch.arange(len(logits), device=logits.device)
            logs = self._logarithms(logits[rows, lengths - 1])
        return self._surprise(logs, truth)

    def _logarithms(self, logits: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logarithms of the scores, and of several classes those of their opposites."""
        if self.several:
            return logsigmoid(logits), logsigmoid(-logits)
        return logits.log_softmax(-1), None

    def _surprise(self, logs: tuple[Tensor, Tensor | None], truth: Tensor) -> Tensor:
        yes, no = logs
        weights = 1.0 if self.weights is None else truth.new_tensor(self.weights)
        if no is None:
            return -(weights * truth * yes).sum(-1)
        return -(weights * truth * yes + (1 - truth) * no).mean(-1)

    def _truth(self, labels: Tensor, classes: int) -> Tensor:
        shares = labels.float() if labels.dim() == 2 else one_hot(labels, classes).float()
        even = 0.5 if self.several else 1 / classes
        return shares * (1 - self.smoothing) + even * self.smoothing


def balanced_weights(counts: Sequence[int], clips: int, *, several: bool) -> tuple[float, ...]:
    """Return weights with which all classes count alike, of the clips of each and of all.

    One class out of all: inversely as its clips, 1 in the mean over clips. Several: having a class weighs as
    much in all as not having it. A class without clips weighs 1; none weighs more than 100.

    Example:
        >>> balanced_weights([1, 3], 4, several=False)
        (2.0, 0.6666666666666666)
        >>> balanced_weights([1, 2], 4, several=True)
        (3.0, 1.0)
    """
    present = sum(count > 0 for count in counts)

    def weight(count: int) -> float:
        if not count:
            return 1.0
        ratio = (clips - count) / count if several else clips / (present * count)
        return min(max(ratio, 1 / _RAREST), _RAREST)

    return tuple(map(weight, counts))
