"""Blends of the clips of a batch, for classification."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from seqimg.data.clips import Batch
from seqimg.errors import SeqimgError, UsageError

__all__ = ["Mixup"]


@dataclass(frozen=True)
class Mixup:
    """Blend each clip with another one of its batch, and their labels in the same shares.

    The labels become `[B, classes]` float32 that sum to 1. A pixel is valid only where both are, and
    padding ends where that of the longer one does.

    Args:
        classes: How many classes there are.
        alpha: The share is drawn from Beta(alpha, alpha), one a batch: small values blend little.

    Raises:
        UsageError: A number is out of its range.

    Example:
        >>> from seqimg.data import Clip, ClipSource, collate
        >>> clips = [Clip(torch.full((2, 1, 1, 1), float(n)), ClipSource("a", n), label=n) for n in (0, 1)]
        >>> mixed = Mixup(classes=3)(collate(clips), np.random.default_rng(0))
        >>> bool((mixed.frames[:, 0, 0, 0, 0] == mixed.labels[:, 1]).all()), mixed.labels.sum(1)
        (True, tensor([1., 1.]))
    """

    classes: int
    alpha: float = 0.2

    keeps_labels = True

    def __post_init__(self) -> None:
        if self.classes < 1 or not self.alpha > 0:
            raise UsageError("a blend of clips", why="classes must be 1 or more, alpha more than 0")

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Blend the clips of a batch.

        Raises:
            SeqimgError: They have no labels, or boxes, which cannot be blended.
        """
        if batch.labels is None or batch.boxes is not None:
            raise SeqimgError(
                "clips cannot be blended", why="blends need one class a clip, and have no boxes"
            )
        share = float(rng.beta(self.alpha, self.alpha))
        other = torch.from_numpy(rng.permutation(len(batch.frames)))
        labels = batch.labels
        shares = labels if labels.dim() == 2 else one_hot(labels, self.classes)
        lengths = batch.lengths
        return replace(
            batch,
            frames=_blend(batch.frames, other, share),
            mask=None if batch.mask is None else batch.mask & batch.mask[other],
            lengths=None if lengths is None else torch.maximum(lengths, lengths[other]),
            labels=_blend(shares.float(), other, share),
        )


def _blend(values: Tensor, other: Tensor, share: float) -> Tensor:
    return share * values + (1 - share) * values[other]
