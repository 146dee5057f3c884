"""What is exported of the recurrent classifier: one frame in, logits out."""

from typing import NamedTuple

from torch import Tensor, nn

from seqimg.nn import State
from seqimg_classify.models.convgru import ConvGRUClassifier, ConvGRUState

__all__ = ["ConvGRUStep", "StepState"]


class StepState(NamedTuple):
    """What the step carries: zeros say that nothing was seen yet.

    Attributes:
        levels: The state of each level, finest first.
        last: The last frame seen, `[B, C, H, W]`.
        started: `[B]`, 0 before the first frame.
    """

    levels: tuple[State, ...]
    last: Tensor
    started: Tensor


class ConvGRUStep(nn.Module):
    """Read one frame and answer after it.

    Args:
        model: The model.

    Example:
        >>> import torch
        >>> step = ConvGRUStep(ConvGRUClassifier(3, 5, (8,)))
        >>> logits, state = step(torch.rand(1, 1, 3, 16, 16), None)
        >>> logits.shape, state.started
        (torch.Size([1, 1, 5]), tensor([1.]))
    """

    def __init__(self, model: ConvGRUClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, state: StepState | None = None) -> tuple[Tensor, StepState]:
        """Return the logits `[B, 1, K]` and the next state, of frames `[B, 1, C, H, W]`."""
        before = started = None
        if state is not None:
            before, started = ConvGRUState(state.levels, state.last), state.started
        logits, after = self.model(frames, before, started=started)
        # Not ones as such: a graph whose output hangs on nothing is not taken everywhere.
        begun = frames.new_ones(frames.shape[0]) if started is None else started.clamp(min=1)
        return logits, StepState(after.levels, after.last, begun)
