"""What is exported of a restyler: one frame in, its painting out, kept steady by what came before."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqimg_style.memory import Past
from seqimg_style.model import Restyler, colours

__all__ = ["StepState", "StyleStep"]


class StepState(NamedTuple):
    """What the step carries: zeros say that nothing was seen yet.

    Attributes:
        past: What the memory carries.
        started: `[B]`, 0 before the first frame.
    """

    past: Past
    started: Tensor


class StyleStep(nn.Module):
    """Restyle one frame; it is painted once, however it begins.

    Args:
        model: The model.

    Example:
        >>> step = StyleStep(Restyler([(32, 32)], width=8, blocks=1, state=4).eval())
        >>> outputs, state = step(torch.rand(1, 1, 3, 24, 32), None)
        >>> outputs.shape, state.started
        (torch.Size([1, 1, 6, 24, 32]), tensor([1.]))
    """

    def __init__(self, model: Restyler) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, state: StepState | None = None) -> tuple[Tensor, StepState]:
        """Return the result and the frame as painted by itself, `[B, 1, 6, H, W]`, and the next state."""
        frame = colours(frames)[:, 0]
        painted = self.model.paint(frame)
        if state is None:
            result, after = self.model.memory(frame, painted, None)
            begun = frame.new_ones(frame.shape[0])
        else:
            kept, after = self.model.memory(frame, painted, state.past)
            result = torch.where((state.started == 0).view(-1, 1, 1, 1), painted, kept)
            # The memory of a first frame is empty.
            remembered = [part * state.started.view(-1, 1, 1, 1) for part in after.hidden]
            after = Past(tuple(remembered), result, frame)
            # Not ones as such: a graph whose output hangs on nothing is not taken everywhere.
            begun = state.started.clamp(min=1)
        return torch.cat([result, painted], dim=1)[:, None], StepState(after, begun)
