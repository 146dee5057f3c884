"""What is right of a batch, and what a model's logits say: scores of the classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor

from seqimg.data import Batch, ClipSource
from seqimg.errors import SeqimgError

__all__ = ["Scoring", "Truth", "mean_over", "number_of", "real_frames", "truth_of"]

_GENERATED = "demo:"


@dataclass(frozen=True)
class Truth:
    """What is right of some clips.

    Attributes:
        labels: `[B]` int64 classes, or `[B, K]` float32 in [0, 1], the share of each class.
        lengths: `[B]` int64, real frames of each clip.
        videos: `[B]` int64, a number for the sequence that each was cut from.
        ends: `[B]` bool, False where the sequence goes on in the next clip: the answer is still to come.
    """

    labels: Tensor
    lengths: Tensor
    videos: Tensor
    ends: Tensor

    def __getitem__(self, some: slice) -> "Truth":
        return Truth(self.labels[some], self.lengths[some], self.videos[some], self.ends[some])


@dataclass(frozen=True)
class Scoring:
    """How logits become scores of the classes.

    Attributes:
        answer: Whether a clip's scores are those after its `last` frame, or the `mean` over its frames.
        several: Whether each class is answered by itself, rather than one out of all.
    """

    answer: str = "last"
    several: bool = False

    def scores(self, logits: Tensor) -> Tensor:
        """Return scores in [0, 1] of logits `[..., K]`; they sum to 1 unless several classes may be right."""
        return logits.sigmoid() if self.several else logits.softmax(-1)

    def clips(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """Return the scores `[B, K]` of clips from their logits `[B, T, K]` and their real frames `[B]`.

        Example:
            >>> logits = torch.tensor([[[0.0, 0.0], [2.0, -2.0], [9.0, 9.0]]])
            >>> Scoring().clips(logits, torch.tensor([2]))
            tensor([[0.9820, 0.0180]])
            >>> Scoring("mean").clips(logits, torch.tensor([2]))
            tensor([[0.7410, 0.2590]])
        """
        if self.answer == "mean":
            return mean_over(self.scores(logits), lengths)
        rows = torch.arange(len(logits), device=logits.device)
        return self.scores(logits[rows, lengths - 1])


def real_frames(batch: Batch) -> Tensor:
    """Return how many frames of each clip are real, `[B]`."""
    if batch.lengths is not None:
        return batch.lengths
    count, frames = batch.frames.shape[:2]
    return torch.full((count,), frames, dtype=torch.int64, device=batch.frames.device)


def mean_over(values: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean `[B, …]` of values `[B, T, …]` over the real frames."""
    steps = torch.arange(values.shape[1], device=values.device)
    real = (steps < lengths[:, None]).reshape(*values.shape[:2], *[1] * (values.dim() - 2))
    return torch.where(real, values, 0).sum(1) / lengths.reshape(-1, *[1] * (values.dim() - 2))


def number_of(source: ClipSource, *, clip: bool = False) -> int:
    """Return a number for the sequence of a clip, or for the clip itself: the same in any process.

    Clips of generated data are sequences of their own.
    """
    own = clip or source.path.startswith(_GENERATED)
    name = f"{source.path} {source.sequence}" + (f" {source.first} {source.view}" if own else "")
    return int.from_bytes(sha256(name.encode(errors="surrogateescape")).digest()[:8], signed=True)


def truth_of(batch: Batch) -> Truth:
    """Return what is right of a batch.

    Raises:
        SeqimgError: Some of its clips have no label.
    """
    if batch.labels is None:
        raise SeqimgError(
            f"{_names(batch.sources)} has no class",
            why="a classifier learns from sequences with their classes, and is measured on them",
            hint="--layout class-folders, or a list with lines `path class`",
        )
    device = batch.frames.device
    return Truth(
        batch.labels,
        real_frames(batch),
        torch.tensor([number_of(source) for source in batch.sources], device=device),
        torch.tensor([source.ends for source in batch.sources], device=device),
    )


def _names(sources: Sequence[ClipSource]) -> str:
    paths = list(dict.fromkeys(source.path for source in sources))
    return paths[0] if len(paths) == 1 else f"one of {', '.join(paths[:3])}{', …' if len(paths) > 3 else ''}"
