"""What is exported of a model of frame prediction: one frame in, the frames to come out."""

from typing import NamedTuple

from torch import Tensor, nn

from seqimg_predict.reading import Levels, PredictState, Reader

__all__ = ["PredictStep", "StepState"]


class StepState(NamedTuple):
    """What the step carries: zeros say that nothing was seen yet.

    Attributes:
        levels: The encoder's state, finest level first.
        last: The last frame seen, `[B, C, H, W]`.
        started: `[B]`, 0 before the first frame.
    """

    levels: Levels
    last: Tensor
    started: Tensor


class PredictStep(nn.Module):
    """Read one frame and predict those that follow it.

    Args:
        model: The model.
        horizon: Frames to predict.

    Attributes:
        answers_each_frame: False: after a clip only what is said after its last frame counts.

    Example:
        >>> import torch
        >>> from seqimg_predict.model import EncoderForecaster
        >>> step = PredictStep(EncoderForecaster(1, (4,)), horizon=2)
        >>> prediction, state = step(torch.rand(1, 1, 1, 16, 16), None)
        >>> prediction.shape, state.started
        (torch.Size([1, 2, 1, 16, 16]), tensor([1.]))
    """

    answers_each_frame = False

    def __init__(self, model: Reader, horizon: int) -> None:
        super().__init__()
        self.model, self.horizon = model, horizon

    def forward(self, frames: Tensor, state: StepState | None = None) -> tuple[Tensor, StepState]:
        """Return the prediction `[B, horizon, C, H, W]` in [0, 1], and the next state, of frames `[B, 1, C, H, W]`."""
        before = started = None
        if state is not None:
            before, started = PredictState(state.levels, state.last, ()), state.started
        prediction, after = self.model(frames, before, horizon=self.horizon, started=started)
        # Not ones as such: a graph whose output hangs on nothing is not taken everywhere.
        begun = frames.new_ones(frames.shape[0]) if started is None else started.clamp(min=1)
        return prediction.clamp(0, 1), StepState(after.levels, after.last, begun)
