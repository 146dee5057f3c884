"""How whole sequences are measured: clip after clip with the state carried on; and frames out of order."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqimg.data import Batch
from seqimg.errors import SeqimgError
from seqimg_classify.answers import Scoring, number_of, real_frames

__all__ = ["Carried", "PooledRival", "Step", "model_step", "shuffled"]

_TINY = 1e-7

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""Maps frames `[1, T, C, H, W]` and a state to logits `[1, T, K]` and the state after them."""


class Carried:
    """Answers about sequences whose clips follow one another, in constant memory.

    Called with one batch after the other, in order, it returns for every frame the logits after all frames of
    the sequence so far. Where a clip's answer is the mean over its frames, they are those of the mean so far.

    Args:
        step: What answers.
        scoring: How answers are made of logits.
    """

    def __init__(self, step: Step, scoring: Scoring) -> None:
        self._step, self._scoring = step, scoring
        self._next: tuple[str, int] | None = None
        self._state: Any = None
        self._sum: Tensor | None = None
        self._count = 0

    def __call__(self, batch: Batch) -> Tensor:
        """Return logits `[B, T, K]`; those of padding are 0.

        Raises:
            SeqimgError: A clip does not follow the one before.
        """
        longest = batch.frames.shape[1]
        found = []
        for source, frames, length in zip(
            batch.sources, batch.frames, real_frames(batch).tolist(), strict=True
        ):
            if source.view == 0:
                self._state, self._sum, self._count = None, None, 0
            elif self._next != (source.path, source.view):
                raise SeqimgError(
                    f"the clips of {source.path} do not follow one another",
                    why="with the state carried through, a sequence is measured in order, by one process",
                )
            logits, self._state = self._step(frames[None, :length], self._state)
            self._next = (source.path, source.view + 1)
            logits = self._running(logits[0])
            found.append(torch.cat([logits, logits.new_zeros(longest - length, logits.shape[-1])]))
        return torch.stack(found)

    def _running(self, logits: Tensor) -> Tensor:
        if self._scoring.answer != "mean":
            return logits
        scores = self._scoring.scores(logits.double())
        sums = scores.cumsum(0) + (0 if self._sum is None else self._sum)
        counts = torch.arange(self._count + 1, self._count + len(scores) + 1, device=logits.device)
        self._sum, self._count = sums[-1], self._count + len(scores)
        means = sums / counts[:, None]
        running = torch.logit(means, _TINY) if self._scoring.several else means.clamp(_TINY).log()
        return running.to(logits.dtype)


class PooledRival:
    """The answers of a network without memory, averaged over all frames of a sequence so far.

    Args:
        rivals: Returns the mean logits `[1, T, K]` over the frames of a clip so far.
    """

    def __init__(self, rivals: Callable[[Tensor], Tensor]) -> None:
        self._rivals = rivals

    def __call__(self, frames: Tensor, state: tuple[Tensor, int] | None) -> tuple[Tensor, tuple[Tensor, int]]:
        """Return the logits `[1, T, K]`, and their sum and number so far."""
        means = self._rivals(frames).double()
        counts = torch.arange(1, means.shape[1] + 1, device=means.device)[:, None]
        before, number = state or (means.new_zeros(means.shape[0], 1, means.shape[2]), 0)
        sums = means * counts + before
        logits = sums / (counts + number)
        return logits.to(frames.dtype), (sums[:, -1:], number + means.shape[1])


def shuffled(batch: Batch) -> Tensor:
    """Return the frames `[B, T, C, H, W]` of each clip in another order; padding stays at the end.

    The order is drawn by what the clip is called, so it is the same in every measurement.
    """
    orders = []
    for source, length in zip(batch.sources, real_frames(batch).tolist(), strict=True):
        seed = number_of(source, clip=True) % 2**63
        order = torch.randperm(length, generator=torch.Generator().manual_seed(seed))
        orders.append(torch.cat([order, torch.arange(length, batch.frames.shape[1])]))
    places = torch.stack(orders).to(batch.frames.device)
    rows = torch.arange(len(places), device=places.device)[:, None]
    found: Tensor = batch.frames[rows, places]
    return found


def model_step(model: nn.Module) -> Step:
    """Return what answers with a model, its state carried on."""
    return lambda frames, state: model(frames, state)
