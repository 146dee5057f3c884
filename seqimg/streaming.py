"""`Stream`: a model plus its state, fed one frame at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Stream"]


class Stream:
    """A model plus its state, fed one frame at a time, in constant memory.

    Feeding frames one by one gives the same numbers as feeding the whole clip.

    Args:
        model: Maps `(frames [B, T, C, H, W], state | None)` to `(outputs, state)`.
        device: Where to compute; where the model is, if None.

    Attributes:
        state: What the model carries to the next frame; None before the first.
        frames_seen: Frames since the start or the last reset.

    Example:
        >>> import torch
        >>> from seqimg.nn import ConvGRU
        >>> stream = Stream(ConvGRU(3, 8))
        >>> outputs = [stream.step(frame) for frame in torch.rand(5, 3, 16, 16)]
        >>> outputs[-1].shape, stream.frames_seen
        (torch.Size([1, 1, 8, 16, 16]), 5)
    """

    def __init__(self, model: nn.Module, device: torch.device | None = None) -> None:
        self.model = model.eval()
        self.device = device or next((weight.device for weight in model.parameters()), torch.device("cpu"))
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first again."""
        self.state: Any = None
        self.frames_seen = 0

    @torch.inference_mode()
    def step(self, frame: Tensor) -> Tensor:
        """Feed one frame `[C, H, W]` in [0, 1] and return the model's outputs for it, `[1, …]`.

        Missing values (NaN) are seen as 0, the lower end of the range, as in training.
        """
        frame = frame.to(self.device)
        outputs, self.state = self.model(frame.masked_fill(frame.isnan(), 0)[None, None], self.state)
        self.frames_seen += 1
        result: Tensor = outputs
        return result

    def run(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield `step(frame)` for each frame."""
        for frame in frames:
            yield self.step(frame)
