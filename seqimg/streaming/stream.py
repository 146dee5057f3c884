"""`Stream`: a model plus its state, fed one frame at a time."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError

__all__ = ["Reset", "Stream"]


@dataclass(frozen=True, slots=True)
class Reset:
    """When a stream began anew.

    Attributes:
        frame: Number of the frame, counted from 0 over the whole stream, that was the first one again.
        reason: Why, in a few words.

    Example:
        >>> Reset(frame=240, reason="a cut").frame
        240
    """

    frame: int
    reason: str


class Stream:
    """A model plus its state, fed one frame at a time, in constant memory.

    Feeding frames one by one gives the same numbers as feeding the whole clip.

    Where frames of another size, number of channels, dtype or device come, what is remembered of those before
    means nothing: the stream begins anew by itself and says so in `last_reset`.

    Args:
        model: Maps `(frames [B, T, C, H, W], state | None)` to `(outputs, state)`.
        device: Where to compute; where the model is, if None.
        remember: Whether the state is carried; without, every frame is as if it were the first, which shows
            what the memory is worth.

    Attributes:
        state: What the model carries to the next frame; None before the first.
        age: Frames since the start or the last reset.
        frames_seen: Frames since the start.
        last_reset: When and why the stream last began anew; None if it never did.
        resets: How often it did.

    Example:
        >>> import torch
        >>> from seqimg.nn import ConvGRU
        >>> stream = Stream(ConvGRU(3, 8))
        >>> outputs = [stream.step(frame) for frame in torch.rand(5, 3, 16, 16)]
        >>> outputs[-1].shape, stream.age
        (torch.Size([1, 1, 8, 16, 16]), 5)
        >>> outputs = stream.step(torch.rand(3, 24, 16))
        >>> stream.age, stream.last_reset.reason
        (1, 'frames of 16×24 pixels after 16×16')
    """

    def __init__(
        self, model: nn.Module, device: torch.device | None = None, *, remember: bool = True
    ) -> None:
        self.model = model.eval()
        self.device = device or next((weight.device for weight in model.parameters()), torch.device("cpu"))
        self.remember = remember
        self.state: Any = None
        self.age = self.frames_seen = self.resets = 0
        self.last_reset: Reset | None = None
        self._pts: float | None = None
        self._kind: tuple[torch.Size, torch.dtype, torch.device] | None = None

    def reset(self, reason: str = "asked for") -> None:
        """Forget everything: the next frame is the first again, and may have any time.

        Args:
            reason: Why, for `last_reset`.
        """
        self._forget(reason)
        self._pts = self._kind = None

    @torch.inference_mode()
    def step(self, frame: Tensor, pts: float | None = None) -> Tensor:
        """Feed one frame and return the model's outputs for it.

        Missing values (NaN) are seen as 0, the lower end of the range, as in training.

        Args:
            frame: `[C, H, W]` in [0, 1].
            pts: The frame's time in seconds, if it is to be checked: each is later than the one before.

        Returns:
            `[1, …]`, whatever the model gives.

        Raises:
            SeqimgError: The frame is not later than the one before.
        """
        self._check_time(pts)
        kind = frame.shape, frame.dtype, frame.device
        if self._kind is not None and kind != self._kind:
            self._forget(_change(self._kind, kind))
        self._kind = kind
        frame = frame.to(self.device)
        before = self.state if self.remember else None
        outputs, self.state = self.model(frame.masked_fill(frame.isnan(), 0)[None, None], before)
        self.age += 1
        self.frames_seen += 1
        result: Tensor = outputs
        return result

    def run(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield `step(frame)` for each frame.

        Args:
            frames: Frames `[C, H, W]` in [0, 1].

        Returns:
            Tensors `[1, …]`, one a frame.
        """
        for frame in frames:
            yield self.step(frame)

    def _check_time(self, pts: float | None) -> None:
        if pts is None:
            return
        if not math.isfinite(pts) or (self._pts is not None and pts <= self._pts):
            raise SeqimgError(
                f"frame {self.frames_seen} of a stream comes at {pts:g} s",
                why="its time is no number"
                if self._pts is None
                else f"the one before came at {self._pts:g} s",
                hint="stream.reset() before another sequence begins",
            )
        self._pts = pts

    def _forget(self, reason: str) -> None:
        self.state = None
        if self.frames_seen:
            self.last_reset = Reset(self.frames_seen, reason)
            self.resets += 1
        self.age = 0


def _change(
    before: tuple[torch.Size, torch.dtype, torch.device], now: tuple[torch.Size, torch.dtype, torch.device]
) -> str:
    """Say what is different about a frame."""
    if before[0][-2:] != now[0][-2:]:
        old, new = (f"{shape[-1]}×{shape[-2]}" for shape in (before[0], now[0]))
        return f"frames of {new} pixels after {old}"
    if before[0] != now[0]:
        return f"frames of {now[0][0]} channels after {before[0][0]}"
    kind = 1 if before[1] != now[1] else 2
    return f"frames {'of' if kind == 1 else 'on'} {now[kind]} after {before[kind]}".replace("torch.", "")
