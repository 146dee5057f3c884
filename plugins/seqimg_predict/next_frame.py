"""The autoregressive model: says the next frame, reads it, and so on.

    y_{t+1}(p) = (1 - w_t(p)) x_t(p) + w_t(p) x_t(p + v_t(p)) + change_t(p)

where x_t is the frame that came or, beyond the context, the model's own y_t. Velocity and change are zero before
training. Training begins with true frames throughout and ends with its own (scheduled sampling, Bengio et al.
2015), so that it learns to live with its mistakes.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from seqimg.errors import UsageError
from seqimg.nn import crop_to
from seqimg_predict.motion import Forecast, Predicted, apply_forecast, enlarge
from seqimg_predict.reading import FLOW_UNIT, WEIGHT_START, PredictState, Reader, each_frame, head

__all__ = ["NextFrame"]


class NextFrame(Reader):
    """Predict any number of frames from any number of frames, one from the other.

    Args:
        channels: Channels of the frames.
        widths: State channels of each level, finest first; each level halves the size.
        patch: Pixels that one position of the finest level stands for.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions, of cells that have such.
        motion: Look for motion, and move the frame's pixels.
        cuts: Start afresh at a frame that does not continue the one before.
        coordinates: Tell each position where in the frame it is.

    Example:
        >>> import torch
        >>> model = NextFrame(channels=1, widths=(8, 8))
        >>> prediction, state = model(torch.rand(2, 5, 1, 30, 42), horizon=3)
        >>> prediction.shape
        torch.Size([2, 3, 1, 30, 42])
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int] = (48, 64),
        *,
        patch: int = 4,
        cell: str = "conv_gru",
        kernel_size: int = 3,
        motion: bool = True,
        cuts: bool = True,
        coordinates: bool = False,
    ) -> None:
        super().__init__(
            channels,
            widths,
            patch=patch,
            cell=cell,
            kernel_size=kernel_size,
            motion=motion,
            cuts=cuts,
            coordinates=coordinates,
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2), nn.SiLU())
            for fine, coarse in pairwise(widths)
        )
        self.change = head(widths[0], channels, patch)
        self.flow = head(widths[0], 3, min(patch, 2)) if motion else None

    def forward(
        self,
        frames: Tensor,
        state: PredictState | None = None,
        *,
        horizon: int = 0,
        started: Tensor | None = None,
        future: Tensor | None = None,
        given: Tensor | None = None,
    ) -> tuple[Tensor, PredictState]:
        """Read frames and predict the next ones.

        Args:
            frames: `[B, T, C, H, W]` in [0, 1].
            state: What an earlier call returned, or None at the start of a sequence.
            horizon: Frames to predict after the last; 0 only reads.
            started: `[B]`, 0 where the state says nothing and with the first frame something begins; None for nowhere.
            future: In training, the true frames to come, `[B, horizon, C, H, W]`.
            given: `[B, horizon - 1]` bool, which of them are read in place of the model's own.

        Returns:
            The prediction `[B, horizon, C, H, W]`, not clipped, and the state after the last of `frames`. With
            `future` there stand before it the predictions of the frames after the first, `[B, T - 1 + horizon, …]`.

        Raises:
            SeqimgError: The frames have another shape than the model or the state needs.
            UsageError: The horizon is negative, or `future` and `given` do not belong together.
        """
        self.check(frames, state, horizon)
        if (future is None) != (given is None):
            raise UsageError(
                "future and given go together", why="one says which frames of the other are read"
            )
        said, reached = self.read(frames, state, started)
        if horizon == 0:
            return frames.new_empty(frames.shape[0], 0, *frames.shape[2:]), reached
        passed = [] if future is None else [self._after(frames[:, :-1], [one[:, :-1] for one in said])]
        own = self._unroll(reached, horizon, future, given)
        return torch.cat([*passed, *own], dim=1), reached

    def rollout(self, state: PredictState, last: Tensor, horizon: int, first: int = 0) -> Iterator[Predicted]:
        """Yield the frames to come, each made of the one before in the size that is wanted."""
        size = (last.shape[-2], last.shape[-1])
        for number in range(horizon):
            forecast = self._forecast(state.last[:, None], [one[:, None] for one in state.features])
            frame = _moved(last, forecast.resized(size))
            if number >= first:
                yield Predicted(frame)
            last = frame.clamp(0, 1)
            if number + 1 < horizon:
                small = _moved(state.last, forecast)[:, None].clamp(0, 1)
                _, state = self.read(small, state, predicted=True)

    def _unroll(
        self, state: PredictState, horizon: int, future: Tensor | None, given: Tensor | None
    ) -> Iterator[Tensor]:
        """Yield the prediction of each time to come, `[B, 1, C, H, W]`."""
        for number in range(horizon):
            frame = self._after(state.last[:, None], [one[:, None] for one in state.features])
            yield frame
            if number + 1 == horizon:
                return
            read = frame.clamp(0, 1)
            if future is not None and given is not None:
                chosen = given[:, number, None, None, None, None]
                read = torch.where(chosen, future[:, number : number + 1], read)
            _, state = self.read(read, state, predicted=True)

    def _after(self, frames: Tensor, said: list[Tensor]) -> Tensor:
        """Return for each frame `[B, T, C, H, W]` the one that is to come after it."""
        forecast = self._forecast(frames, said)
        change, motion = (None if part is None else part.flatten(0, 1)[:, None] for part in forecast)
        assert change is not None
        after = _moved(frames.flatten(0, 1), Forecast(change, motion))
        by_clip: Tensor = after.unflatten(0, frames.shape[:2])
        return by_clip

    def _forecast(self, frames: Tensor, said: list[Tensor]) -> Forecast:
        """Say what happens to each frame until the next."""
        features = said[-1]
        for level in reversed(range(len(self.ups))):
            features = each_frame(self.ups[level], features) + said[level]
        size = (frames.shape[-2], frames.shape[-1])
        change = crop_to(each_frame(self.change, features).to(frames.dtype), size)
        if self.flow is None:
            return Forecast(change)
        moves = each_frame(self.flow, features).to(frames.dtype)  # [B, T, 3, h, w]
        motion = torch.cat([FLOW_UNIT * moves[:, :, :2], (moves[:, :, 2:] + WEIGHT_START).sigmoid()], dim=2)
        padded = (features.shape[-2] * self.patch, features.shape[-1] * self.patch)
        return Forecast(change, crop_to(enlarge(motion, padded), size))


def _moved(frames: Tensor, forecast: Forecast) -> Tensor:
    """Return the frames `[B, C, H, W]` after one time; from 16 pixels, for they are moved again and again."""
    return apply_forecast(frames, forecast, "bicubic")[:, 0]
