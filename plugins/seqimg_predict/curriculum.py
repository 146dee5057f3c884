"""What is asked of a model in the course of its training: more and more frames, and less and less help."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from seqimg.data import ClipSource
from seqimg_predict.config import PredictConfig

__all__ = ["Curriculum"]

_READ, _SAID = 0.4, 0.2  # shares of context and horizon that training begins with
_FEWEST_READ, _FEWEST_SAID = 4, 2  # frames


@dataclass(frozen=True)
class Curriculum:
    """What is asked at one point of a training.

    Attributes:
        config: What was configured.
        progress: How much of the training is done, 0 to 1.

    Example:
        >>> halfway = Curriculum(PredictConfig(context=10, horizon=10, growing=0.8), progress=0.4)
        >>> halfway.lengths(), round(halfway.share_given(), 6)
        ((7, 6), 0.2)
    """

    config: PredictConfig
    progress: float

    def lengths(self) -> tuple[int, int]:
        """Return how many frames are read and predicted.

        Short clips cost less, and motion is learnt from them sooner (a curriculum, Bengio et al. 2009). A compiled
        model has all frames from the beginning: it would be compiled anew for each length.
        """
        context, horizon = self.config.context, self.config.horizon
        if self.config.compile or self.progress >= self.config.growing:
            return context, horizon
        share = self.progress / self.config.growing
        read, said = (
            ceil(round(frames * (first + (1 - first) * share), 6))
            for frames, first in ((context, _READ), (horizon, _SAID))
        )
        return min(context, max(_FEWEST_READ, read)), min(horizon, max(_FEWEST_SAID, said))

    def share_given(self) -> float:
        """Return which share of the true frames to come the model is given in place of its own."""
        begin, end = self.config.sampling
        if self.progress < begin:
            return 1.0
        return 0.0 if self.progress >= end else (end - self.progress) / (end - begin)

    def given(self, sources: Iterable[ClipSource], count: int) -> Tensor:
        """Draw which frames to come the model is given, `[B, count]` bool.

        Drawn by clip and moment, so that several processes learn from their clips what one would.
        """
        seed, moment = self.config.seed, round(self.progress * 1e9)
        keys = ((seed, moment, one.sequence, one.first) for one in sources)
        draws = np.stack([np.random.default_rng(key).random(count) for key in keys])
        return torch.from_numpy(draws) < self.share_given()
