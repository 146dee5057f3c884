"""The simpler answers that stand beside a classifier: what is frequent, what single frames say, frames out of order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from seqimg.data import Batch
from seqimg.task import Baseline
from seqimg_classify.answers import Scoring
from seqimg_classify.models import Rivalled
from seqimg_classify.protocols import Carried, PooledRival, model_step, shuffled

__all__ = ["RIVALS", "majority", "out_of_order", "without_memory"]

RIVALS = ("average_pool", "last_frame")
"""The networks without memory, in the order of the outputs in training."""


def majority(counts: Sequence[int], clips: int, *, several: bool) -> Baseline:
    """Return what always says the most frequent class, with the classes' shares as scores.

    Args:
        counts: Training clips of each class.
        clips: Training clips in all.
        several: Whether a clip may have several classes.
    """
    # One clip more of each class, and of several one without it: no share is 0 or 1.
    shares = torch.tensor(counts, dtype=torch.float64) + 1
    logits = (shares / (clips + 2 - shares)).log() if several else shares.log()

    def answer(batch: Batch) -> Tensor:
        return logits.to(batch.frames).expand(*batch.frames.shape[:2], -1)

    return answer


def without_memory(model: Rivalled, scoring: Scoring, *, streaming: bool) -> dict[str, Baseline]:
    """Return the networks that were trained beside the model.

    Args:
        model: The model.
        scoring: How answers are made of logits.
        streaming: Whether clips follow one another, and what was seen before counts.
    """
    rivals = _Remembered(model)

    def of_clips(name: str) -> Baseline:
        return lambda batch: rivals(batch.frames)[name]

    if not streaming:
        return {name: of_clips(name) for name in RIVALS}
    pooled, last = RIVALS
    return {
        pooled: Carried(PooledRival(lambda frames: rivals(frames)[pooled]), scoring),
        last: Carried(lambda frames, state: (rivals(frames)[last], None), scoring),
    }


def out_of_order(model: nn.Module, scoring: Scoring, *, streaming: bool) -> Baseline:
    """Return the model's own answers to the frames of each clip in another order."""
    carried = Carried(model_step(model), scoring) if streaming else None

    def answer(batch: Batch) -> Tensor:
        mixed = replace(batch, frames=shuffled(batch))
        logits: Tensor = model(mixed.frames)[0] if carried is None else carried(mixed)
        return logits

    return answer


class _Remembered:
    """The rivals' answers to the frames they were asked about last, so that both come from one pass."""

    def __init__(self, model: Rivalled) -> None:
        self._model = model
        self._frames: Tensor | None = None
        self._answers: Mapping[str, Tensor] = {}

    def __call__(self, frames: Tensor) -> Mapping[str, Tensor]:
        if self._frames is not frames:
            self._frames, self._answers = frames, self._model.rivals(frames)
        return self._answers
