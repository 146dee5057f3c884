"""Clips and batches of them, each knowing where it came from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["Batch", "Clip", "ClipSource", "collate"]


@dataclass(frozen=True)
class ClipSource:
    """Where a clip came from.

    Attributes:
        path: The sequence's path, or `demo:NAME` for generated data.
        first: Index of its first frame in the sequence.
        stride: Frames from one of its frames to the next.
    """

    path: str
    first: int
    stride: int = 1


@dataclass(frozen=True)
class Clip:
    """A window of a sequence, plus its target and where it came from.

    Attributes:
        frames: `[T, C, H, W]` float32, scaled to [0, 1] by the sequence's value range.
        source: Where it came from.
        target: What the task should answer, where the frames themselves don't say it.
    """

    frames: Tensor
    source: ClipSource
    target: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Clips of one length and size.

    Attributes:
        frames: `[B, T, C, H, W]` float32.
        sources: Where each came from.
        target: The stacked targets, or None.
    """

    frames: Tensor
    sources: tuple[ClipSource, ...]
    target: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch with its tensors on `device`."""
        target = None if self.target is None else self.target.to(device)
        return replace(self, frames=self.frames.to(device, non_blocking=True), target=target)

    def pin_memory(self) -> "Batch":
        """Return the batch with its tensors in page-locked memory; the data loader calls this."""
        target = None if self.target is None else self.target.pin_memory()
        return replace(self, frames=self.frames.pin_memory(), target=target)


def collate(clips: Sequence[Clip]) -> Batch:
    """Stack clips of one length and size.

    Example:
        >>> clip = Clip(torch.zeros(5, 3, 8, 8), ClipSource("a.mp4", first=0))
        >>> collate([clip, clip]).frames.shape
        torch.Size([2, 5, 3, 8, 8])
    """
    targets = [clip.target for clip in clips if clip.target is not None]
    return Batch(
        frames=torch.stack([clip.frames for clip in clips]),
        sources=tuple(clip.source for clip in clips),
        target=torch.stack(targets) if targets else None,
    )
