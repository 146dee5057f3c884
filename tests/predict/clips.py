"""Clips for tests of the forecaster."""

from typing import Any

import torch
from torch import Tensor, nn

from seqimg.streaming import Stream
from seqimg.task import Seen, Task

__all__ = ["drifting", "pictures_of"]


def drifting(
    batch: int = 1,
    frames: int = 6,
    channels: int = 3,
    size: tuple[int, int] = (20, 28),
    *,
    speed: float = 1.0,
    seed: int = 0,
) -> Tensor:
    """Waves that travel by `speed` pixels a frame, a different pattern for each clip and channel.

    Unlike noise, each frame continues the one before: nothing here is a scene cut.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(size[0], dtype=torch.float32)[:, None]
    columns = torch.arange(size[1], dtype=torch.float32)
    time = torch.arange(frames, dtype=torch.float32)[:, None, None]
    clips = []
    for _ in range(batch * channels):
        down, across, phase, tilt = torch.rand(4, generator=generator).tolist()
        place = (0.2 + 0.3 * down) * (rows + speed * time) + (0.2 + 0.3 * across) * columns
        other = (0.4 * tilt - 0.2) * rows + 0.3 * (columns - speed * time)
        clips.append(0.5 + 0.25 * (place + 6 * phase).sin() + 0.2 * other.cos())
    return torch.stack(clips).unflatten(0, (batch, channels)).transpose(1, 2).contiguous()


def pictures_of(task: Task[Any, Any, Any], model: nn.Module, frames: Tensor, **options: int) -> list[Tensor]:
    """Return the pictures that `run` would write of frames `[T, C, H, W]`."""
    seen = (Seen(frame, index, index / 25) for index, frame in enumerate(frames))
    shown = task.show(Stream(model), seen, task.RunOptions(**options))
    return [answer.picture for answer in shown if answer.picture is not None]
