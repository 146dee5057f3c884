"""The encoder-forecaster: a recurrent encoder whose states start a recurrent forecaster.

The encoder reads the context, coarser and coarser from level to level. Its states become the first
states of the forecaster, which unrolls without input at the coarsest level, finer and finer, for
any number of steps (the layout of Shi et al., "Deep Learning for Precipitation Nowcasting", NIPS
2017, §3.1). The prediction for k frames ahead is the last frame, moved and changed:

    y_k(p) = (1 - w_k(p)) last(p) + w_k(p) last(p + v_1(p) + … + v_k(p)) + change_k(p)

with the velocities v and the change zero before training, so that learning starts from "nothing
changes". Steady motion is a constant v, however far ahead.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError, UsageError
from seqimg.nn import ConvRNN, State, crop_to, pad_to_multiple
from seqimg_predict.matching import is_cut, matching_costs, matching_scores
from seqimg_predict.motion import Forecast, apply_forecast, enlarge

__all__ = ["Carried", "EncoderForecaster", "PredictState"]

Levels = tuple[State, ...]
"""The states of a stack of layers, finest level first."""

_REACH = 3  # pixels a frame that matching looks for; what is faster is left to the convolutions
_FLOW_UNIT = 2.0  # pixels a frame: one unit of the flow head's output
_WEIGHT_START = 1.0  # the untrained weight is sigmoid(1) = 0.73: motion can be learnt from the first step


class PredictState(NamedTuple):
    """What the model carries between frames.

    Attributes:
        levels: The encoder's state, finest level first.
        last: The last frame seen, `[B, C, H, W]`.
    """

    levels: Levels
    last: Tensor


class Carried(NamedTuple):
    """What the forecaster carries from one piece of a forecast to the next.

    Attributes:
        levels: Its state, finest level first.
        flow: The displacement so far, `[B, 2, h, w]`; None without motion.
    """

    levels: Levels
    flow: Tensor | None


class EncoderForecaster(nn.Module):
    """Predict any number of frames from any number of frames.

    Args:
        channels: Channels of the frames.
        widths: State channels of each level, finest first; each level halves the size.
        patch: Pixels that one position of the finest level stands for.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions.
        motion: Look for motion in the context, and move the last frame's pixels.
        cuts: Start afresh at a frame that does not continue the one before.

    Example:
        >>> import torch
        >>> model = EncoderForecaster(channels=1, widths=(8, 8))
        >>> prediction, state = model(torch.rand(2, 5, 1, 30, 42), horizon=3)
        >>> prediction.shape
        torch.Size([2, 3, 1, 30, 42])
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int] = (32, 48),
        *,
        patch: int = 4,
        cell: str = "conv_gru",
        kernel_size: int = 3,
        motion: bool = True,
        cuts: bool = True,
    ) -> None:
        super().__init__()
        self.channels, self.patch, self.cuts = channels, patch, cuts
        self.multiple = patch * 2 ** (len(widths) - 1)
        finest, coarsest = widths[0], widths[-1]
        layer = partial(ConvRNN, cell=cell, kernel_size=kernel_size)
        seen = 2 * channels * patch**2 + ((2 * _REACH + 1) ** 2 if motion else 0)
        self.sharpness = nn.Parameter(torch.tensor(8.0)) if motion else None
        self.stem = nn.Sequential(nn.Conv2d(seen, finest, 3, padding=1), nn.SiLU())
        self.encoders = nn.ModuleList(layer(width, width) for width in widths)
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(fine, coarse, 3, stride=2, padding=1), nn.SiLU())
            for fine, coarse in pairwise(widths)
        )
        self.forecasters = nn.ModuleList(
            [*(layer(width, width) for width in widths[:-1]), layer(0, coarsest)]
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2), nn.SiLU())
            for fine, coarse in pairwise(widths)
        )
        self.change = _head(finest, channels, patch)
        # Motion is finer than the states' grid: moving things have edges.
        self.flow = _head(finest, 3, min(patch, 2)) if motion else None

    def forward(
        self, frames: Tensor, state: PredictState | None = None, *, horizon: int = 0
    ) -> tuple[Tensor, PredictState]:
        """Read frames and predict the next ones.

        Args:
            frames: `[B, T, C, H, W]` in [0, 1].
            state: What an earlier call returned, or None at the start of a sequence.
            horizon: Frames to predict after the last; 0 only reads.

        Returns:
            The prediction `[B, horizon, C, H, W]`, not clipped, and the state after the last frame.

        Raises:
            SeqimgError: The frames have another shape than the model or the state needs.
            UsageError: The horizon is negative.
        """
        self._check(frames, state, horizon)
        state = self._encode(frames, state)
        if horizon == 0:
            return frames.new_empty(frames.shape[0], 0, *frames.shape[2:]), state
        return apply_forecast(state.last, self.forecast(state, horizon)[0]), state

    def forecast(
        self, state: PredictState, horizon: int, carried: Carried | None = None
    ) -> tuple[Forecast, Carried]:
        """Say what happens to the last frame.

        Args:
            state: The encoder's state.
            horizon: Frames to predict, at least 1.
            carried: What an earlier call returned, to go on where it ended.

        Returns:
            The forecast for `horizon` times, and what to give to the next call.
        """
        before = carried or Carried(state.levels, None)
        after, coarsest = [], before.levels[-1][0]
        features = coarsest.new_empty(coarsest.shape[0], horizon, 0, *coarsest.shape[-2:])
        for level in reversed(range(len(self.forecasters))):
            features, reached = self.forecasters[level](features, before.levels[level])
            after.append(reached)
            if level:
                features = _each_frame(self.ups[level - 1], features)
        size = (state.last.shape[-2], state.last.shape[-1])
        change = crop_to(_each_frame(self.change, features).to(state.last.dtype), size)
        forecast, flow = Forecast(change), None
        if self.flow is not None:
            moves = _each_frame(self.flow, features).to(state.last.dtype)  # [B, T, 3, h, w]
            flows = _FLOW_UNIT * moves[:, :, :2].cumsum(1)
            flows = flows if before.flow is None else flows + before.flow[:, None]
            flow = flows[:, -1]
            padded = (features.shape[-2] * self.patch, features.shape[-1] * self.patch)
            motion = torch.cat([flows, (moves[:, :, 2:] + _WEIGHT_START).sigmoid()], dim=2)
            forecast = Forecast(change, crop_to(enlarge(motion, padded), size))
        return forecast, Carried(tuple(reversed(after)), flow)

    def _check(self, frames: Tensor, state: PredictState | None, horizon: int) -> None:
        if frames.ndim != 5 or frames.shape[1] < 1 or frames.shape[2] != self.channels:
            raise SeqimgError(
                f"the forecaster cannot read frames of shape {tuple(frames.shape)}",
                why=f"it takes [B, T, C, H, W] with at least one frame of {self.channels} channels",
            )
        if state is not None and state.last.shape != frames[:, 0].shape:
            raise SeqimgError(
                f"the frames before were {tuple(state.last.shape)}, these are {tuple(frames[:, 0].shape)}",
                why="a sequence keeps its size",
                hint="state=None to start afresh",
            )
        if horizon < 0:
            raise UsageError(f"horizon={horizon} is no number of frames", why="it has to be 0 or more")

    def _encode(self, frames: Tensor, state: PredictState | None) -> PredictState:
        features, starts = self._look(frames, None if state is None else state.last)
        levels = []
        for level, encoder in enumerate(self.encoders):
            before = None if state is None else state.levels[level]
            features, after = encoder(features, before, reset_mask=starts)
            levels.append(after)
            if level < len(self.downs):
                features = _each_frame(self.downs[level], features)
        return PredictState(tuple(levels), frames[:, -1])

    def _look(self, frames: Tensor, last: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the finest features `[B, T, C', h, w]` and which frames start a sequence, `[B, T]`."""
        first = frames[:, :1] if last is None else last[:, None]
        past = torch.cat([first, frames[:, :-1]], dim=1)
        now, before = (pad_to_multiple(part.flatten(0, 1), self.multiple) for part in (frames, past))
        costs = matching_costs(now, before, reach=_REACH, patch=self.patch)
        starts = is_cut(costs, now).unflatten(0, frames.shape[:2]) & self.cuts
        if last is None:
            starts = torch.cat([torch.ones_like(starts[:, :1]), starts[:, 1:]], dim=1)
        follows = ~starts.flatten()[:, None, None, None]
        pictures = torch.cat([2 * now - 1, 4 * (now - before) * follows], dim=1)
        seen = [nn.functional.pixel_unshuffle(pictures, self.patch)]
        if self.sharpness is not None:
            seen.append(matching_scores(costs, self.sharpness) * follows)
        features: Tensor = self.stem(torch.cat(seen, dim=1))
        return features.unflatten(0, frames.shape[:2]), starts


def _head(width: int, out: int, finer: int) -> nn.Sequential:
    """Two convolutions whose output, `finer` times finer than their input, is zero before training."""
    last = nn.Conv2d(width, out * finer**2, 3, padding=1)
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), last, nn.PixelShuffle(finer))


def _each_frame(function: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
    """Apply a picture function to every frame of `[B, T, C, H, W]`."""
    applied: Tensor = function(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
    return applied
