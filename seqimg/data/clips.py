"""Clips and batches of them, each knowing where it came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqimg.data.boxes import Boxes
from seqimg.errors import SeqimgError

__all__ = ["Batch", "Clip", "ClipSource", "collate"]


@dataclass(frozen=True)
class ClipSource:
    """Where a clip came from.

    Attributes:
        path: The sequence's path, or `demo:NAME` for generated data.
        first: Place of its first frame in the sequence.
        stride: Frames from one of its frames to the next.
        indices: Places of all its frames; empty where `first` and `stride` say it all.
        view: Which of several views of one sequence it is, in testing, or which of the clips that follow one another.
        sequence: Which of the data set's sequences it was cut from: a file may hold several.
        ends: Whether the sequence has no more clips after it, where they follow one another.

    Example:
        >>> ClipSource("clip.mp4", first=40, stride=2).first
        40
    """

    path: str
    first: int
    stride: int = 1
    indices: tuple[int, ...] = ()
    view: int = 0
    sequence: int = 0
    ends: bool = True


@dataclass(frozen=True)
class Clip:
    """A window of a sequence, plus its target and where it came from.

    Attributes:
        frames: `[T, C, H, W]` float32, scaled to [0, 1] by the sequence's value range. Missing values
            are 0, the lower end of the range.
        source: Where it came from.
        target: What the task should answer, of any shape, where the frames themselves don't say it.
        mask: `[T, C, H, W]` bool, True where there is a value; None if there is one everywhere.
        length: Frames before padding; None if all are real.
        times: `[T]` float64, seconds since the sequence's start; None if there are no times.
        label: Class of the whole clip, counted from 0; several of them; or `[classes]` float32, the share of each.
        boxes: Boxes in its frames, where the data have them.

    Example:
        >>> clip = Clip(torch.zeros(5, 3, 8, 8), ClipSource("a.mp4", first=0), label=2)
        >>> clip.mask is None, clip.label
        (True, 2)
    """

    frames: Tensor
    source: ClipSource
    target: Tensor | None = None
    mask: Tensor | None = None
    length: int | None = None
    times: Tensor | None = None
    label: int | tuple[int, ...] | Tensor | None = None
    boxes: Boxes | None = None


@dataclass(frozen=True)
class Batch:
    """Clips of one size; shorter ones are padded at their end.

    Attributes:
        frames: `[B, T, C, H, W]` float32; padding and missing values are 0.
        sources: Where each came from.
        target: The stacked targets, `[B, …]`, or None.
        mask: `[B, T, C, H, W]` bool, True where there is a value, False in padding; None if nothing is missing.
        lengths: `[B]` int64, real frames of each; None if all have T.
        times: `[B, T]` float64 seconds, the last time repeated in padding; None unless all clips have times.
        labels: `[B]` int64, or `[B, classes]` float32 shares; None unless all have one of the same form.
        boxes: Boxes of each clip; None unless all have them.

    Example:
        >>> batch = Batch(torch.zeros(2, 5, 3, 8, 8), (ClipSource("a", 0), ClipSource("b", 0)))
        >>> batch.to(torch.device("cpu")).frames.shape, batch.lengths is None
        (torch.Size([2, 5, 3, 8, 8]), True)
    """

    frames: Tensor
    sources: tuple[ClipSource, ...]
    target: Tensor | None = None
    mask: Tensor | None = None
    lengths: Tensor | None = None
    times: Tensor | None = None
    labels: Tensor | None = None
    boxes: tuple[Boxes, ...] | None = None

    def valid(self) -> Tensor | None:
        """Return where there is a real value, bool that broadcasts to `frames`; None if everywhere.

        Returns:
            `[B, T, C, H, W]`, or `[B, T, 1, 1, 1]` where only padding is not real.

        Example:
            >>> batch = Batch(torch.zeros(1, 3, 1, 2, 2), (ClipSource("a", 0),), lengths=torch.tensor([2]))
            >>> batch.valid().flatten()
            tensor([ True,  True, False])
        """
        if self.mask is not None or self.lengths is None:
            return self.mask
        steps = torch.arange(self.frames.shape[1], device=self.frames.device)
        return (steps < self.lengths[:, None])[:, :, None, None, None]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch with its tensors on `device`."""
        boxes = None if self.boxes is None else tuple(boxes.to(device) for boxes in self.boxes)
        return replace(self._each(lambda tensor: tensor.to(device, non_blocking=True)), boxes=boxes)

    def pin_memory(self) -> "Batch":
        """Return the batch with its tensors in page-locked memory; the data loader calls this."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        def optional(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else change(tensor)

        return replace(
            self,
            frames=change(self.frames),
            target=optional(self.target),
            mask=optional(self.mask),
            lengths=optional(self.lengths),
            times=optional(self.times),
            labels=optional(self.labels),
        )


def collate(clips: Sequence[Clip]) -> Batch:
    """Stack clips of one size, padding the shorter ones at their end.

    Args:
        clips: At least one, all of one height, width and number of channels.

    Raises:
        SeqimgError: They differ in height, width or channels; the message names two of them.

    Example:
        >>> clip = Clip(torch.zeros(5, 3, 8, 8), ClipSource("a.mp4", first=0))
        >>> short = Clip(torch.zeros(3, 3, 8, 8), ClipSource("b.mp4", first=0))
        >>> batch = collate([clip, short])
        >>> batch.frames.shape, batch.lengths
        (torch.Size([2, 5, 3, 8, 8]), tensor([5, 3]))
    """
    _check_alike(clips)
    longest = max(len(clip.frames) for clip in clips)
    lengths = [len(clip.frames) if clip.length is None else clip.length for clip in clips]
    masks = None
    if any(clip.mask is not None for clip in clips):
        masks = torch.stack(
            [_mask(clip, length, longest) for clip, length in zip(clips, lengths, strict=True)]
        )
    return Batch(
        frames=torch.stack([_padded(clip.frames, longest) for clip in clips]),
        sources=tuple(clip.source for clip in clips),
        target=_stacked([clip.target for clip in clips]),
        mask=masks,
        lengths=torch.tensor(lengths) if min(lengths) < longest else None,
        times=_stacked([None if clip.times is None else _held(clip.times, longest) for clip in clips]),
        labels=_labels(clips),
        boxes=_all([clip.boxes for clip in clips]),
    )


def _padded(frames: Tensor, length: int) -> Tensor:
    missing = length - len(frames)
    return torch.cat([frames, frames.new_zeros(missing, *frames.shape[1:])]) if missing else frames


def _held(times: Tensor, length: int) -> Tensor:
    return torch.cat([times, times[-1:].expand(length - len(times))])


def _mask(clip: Clip, length: int, longest: int) -> Tensor:
    whole = torch.ones(clip.frames.shape, dtype=torch.bool) if clip.mask is None else clip.mask
    return _padded(whole[:length], longest)


def _labels(clips: Sequence[Clip]) -> Tensor | None:
    """Stack labels of one form; several classes a clip only stack as shares."""
    found = [torch.tensor(clip.label) if isinstance(clip.label, int) else clip.label for clip in clips]
    alike = [
        label
        for label in found
        if isinstance(label, Tensor) and label.shape == getattr(found[0], "shape", None)
    ]
    return torch.stack(alike) if len(alike) == len(clips) else None


def _all(parts: list[Boxes | None]) -> tuple[Boxes, ...] | None:
    present = tuple(part for part in parts if part is not None)
    return present if len(present) == len(parts) else None


def _stacked(parts: list[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.stack(present) if present and len(present) == len(parts) else None


def _check_alike(clips: Sequence[Clip]) -> None:
    first = clips[0]
    for clip in clips:
        if clip.frames.shape[1:] != first.frames.shape[1:]:
            raise SeqimgError(
                f"clips of {first.source.path} and {clip.source.path} do not go into one batch",
                why=f"their frames are {_size(first)} and {_size(clip)}",
                hint="--crop 64, or another size that fits all",
            )


def _size(clip: Clip) -> str:
    channels, height, width = clip.frames.shape[1:]
    return f"{width}×{height} with {channels} channel{'s' * (channels > 1)}"
