"""The encoder-forecaster: a recurrent encoder whose states start a recurrent forecaster.

The encoder reads the context, coarser and coarser from level to level. Its states become the first
states of the forecaster, which unrolls without input at the coarsest level, finer and finer, for
any number of steps (the layout of Shi et al., "Deep Learning for Precipitation Nowcasting", NIPS
2017, §3.1). The prediction for k frames ahead is the last frame, moved and changed:

    y_k(p) = (1 - w_k(p)) last(p) + w_k(p) last(p + v_1(p) + … + v_k(p)) + change_k(p)

with the velocities v and the change zero before training, so that learning starts from "nothing
changes". Steady motion is a constant v, however far ahead.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqimg.nn import ConvRNN, crop_to, picture_cell_options
from seqimg_predict.motion import Forecast, Predicted, apply_forecast, enlarge, mean_and_spread
from seqimg_predict.reading import (
    FLOW_UNIT,
    WEIGHT_START,
    Levels,
    PredictState,
    Reader,
    each_frame,
    enlarge_weights,
    head,
)

__all__ = ["Carried", "EncoderForecaster", "PredictState"]

_CHUNK = 8  # frames forecast at once: any horizon in constant memory
_TILE = 32  # side of the noise that is kept; larger frames have it over and over


class Carried(NamedTuple):
    """What the forecaster carries from one piece of a forecast to the next.

    Attributes:
        levels: Its state, finest level first.
        flow: The displacement so far, `[B, 2, h, w]`; None without motion.
    """

    levels: Levels
    flow: Tensor | None


class EncoderForecaster(Reader):
    """Predict any number of frames from any number of frames.

    Args:
        channels: Channels of the frames.
        widths: State channels of each level, finest first; each level halves the size.
        patch: Pixels that one position of the finest level stands for.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions, of cells that have such.
        motion: Look for motion in the context, and move the last frame's pixels.
        cuts: Start afresh at a frame that does not continue the one before.
        coordinates: Tell each position where in the frame it is.
        noise: Channels of noise that the coarsest level of the forecaster is given; with any, futures are drawn.
        members: How many.

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
        widths: Sequence[int] = (48, 64),
        *,
        patch: int = 4,
        cell: str = "conv_gru",
        kernel_size: int = 3,
        motion: bool = True,
        cuts: bool = True,
        coordinates: bool = False,
        noise: int = 0,
        members: int = 8,
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
        finest, coarsest = widths[0], widths[-1]
        options = picture_cell_options(cell, kernel_size=kernel_size)
        self.forecasters = nn.ModuleList(
            [
                *(ConvRNN(width, width, cell=cell, **options) for width in widths[:-1]),
                ConvRNN(noise, coarsest, cell=cell, **options),
            ]
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2), nn.SiLU())
            for fine, coarse in pairwise(widths)
        )
        self.change = head(finest, channels, patch)
        # Motion is finer than the states' grid: moving things have edges.
        self.flow = head(finest, 3, min(patch, 2)) if motion else None
        # Kept with the weights: a model draws the same futures everywhere and always.
        self.draws: Tensor | None
        self.register_buffer("draws", torch.randn(members, noise, _TILE, _TILE) if noise else None)
        enlarge_weights(self)

    def forward(
        self,
        frames: Tensor,
        state: PredictState | None = None,
        *,
        horizon: int = 0,
        started: Tensor | None = None,
        fresh: int = 0,
    ) -> tuple[Tensor, PredictState]:
        """Read frames and predict the next ones.

        Args:
            frames: `[B, T, C, H, W]` in [0, 1].
            state: What an earlier call returned, or None at the start of a sequence.
            horizon: Frames to predict after the last; 0 only reads.
            started: `[B]`, 0 where the state says nothing and with the first frame something begins; None for nowhere.
            fresh: Of a model with noise, how many futures to draw anew and return as they are; 0 for mean and spread
                of those that it always draws.

        Returns:
            The prediction `[B, horizon, C, H, W]`, not clipped, and the state after the last frame. With noise after
            the mean its spread, `[B, 2·horizon, …]`, or one future after the other, `[B, fresh·horizon, …]`.

        Raises:
            SeqimgError: The frames have another shape than the model or the state needs.
            UsageError: The horizon is negative.
        """
        self.check(frames, state, horizon)
        _, state = self.read(frames, state, started)
        if horizon == 0:
            return frames.new_empty(frames.shape[0], 0, *frames.shape[2:]), state
        if self.draws is None:
            return apply_forecast(state.last, self.forecast(state, horizon)[0]), state
        noises = self.noises(state, fresh)
        futures = (
            apply_forecast(state.last, self.forecast(state, horizon, None, noise)[0]) for noise in noises
        )
        return torch.cat(tuple(futures) if fresh else mean_and_spread(futures), dim=1), state

    def noises(self, state: PredictState, fresh: int = 0) -> list[Tensor]:
        """Return the noise of each future, `[B, noise, h, w]`: drawn anew, or the kept one over and over."""
        coarsest = state.levels[-1][0]
        count, _, height, width = coarsest.shape
        assert self.draws is not None
        if fresh:
            size = (fresh, count, self.draws.shape[1], height, width)
            return list(torch.randn(size).to(coarsest).unbind(0))
        rows, columns = (torch.arange(side, device=coarsest.device) % _TILE for side in (height, width))
        tiled = self.draws.to(coarsest.dtype)[:, :, rows[:, None], columns]
        return [one.expand(count, -1, -1, -1) for one in tiled.unbind(0)]

    def forecast(
        self,
        state: PredictState,
        horizon: int,
        carried: Carried | None = None,
        noise: Tensor | None = None,
    ) -> tuple[Forecast, Carried]:
        """Say what happens to the last frame.

        Args:
            state: The encoder's state.
            horizon: Frames to predict, at least 1.
            carried: What an earlier call returned, to go on where it ended.
            noise: What decides which future it is, `[B, noise, h, w]` at the coarsest level; None without noise.

        Returns:
            The forecast for `horizon` times, and what to give to the next call.
        """
        before = carried or Carried(state.levels, None)
        after, coarsest = [], before.levels[-1][0]
        if noise is None:
            noise = coarsest.new_empty(coarsest.shape[0], 0, *coarsest.shape[-2:])
        features = noise[:, None].expand(-1, horizon, -1, -1, -1)
        for level in reversed(range(len(self.forecasters))):
            features, reached = self.forecasters[level](features, before.levels[level])
            after.append(reached)
            if level:
                features = each_frame(self.ups[level - 1], features)
        size = (state.last.shape[-2], state.last.shape[-1])
        change = crop_to(each_frame(self.change, features).to(state.last.dtype), size)
        forecast, flow = Forecast(change), None
        if self.flow is not None:
            moves = each_frame(self.flow, features).to(state.last.dtype)  # [B, T, 3, h, w]
            flows = FLOW_UNIT * moves[:, :, :2].cumsum(1)
            flows = flows if before.flow is None else flows + before.flow[:, None]
            flow = flows[:, -1]
            padded = (features.shape[-2] * self.patch, features.shape[-1] * self.patch)
            motion = torch.cat([flows, (moves[:, :, 2:] + WEIGHT_START).sigmoid()], dim=2)
            forecast = Forecast(change, crop_to(enlarge(motion, padded), size))
        return forecast, Carried(tuple(reversed(after)), flow)

    def rollout(self, state: PredictState, last: Tensor, horizon: int, first: int = 0) -> Iterator[Predicted]:
        """Yield the frames to come, each made of `last` at once: nothing is blurred by repetition."""
        size = (last.shape[-2], last.shape[-1])
        noises: list[Tensor] | list[None] = [None] if self.draws is None else self.noises(state)
        carried: list[Carried | None] = [None] * len(noises)
        for begun in range(0, horizon, _CHUNK):
            forecasts = []
            for place, noise in enumerate(noises):
                found, carried[place] = self.forecast(
                    state, min(_CHUNK, horizon - begun), carried[place], noise
                )
                forecasts.append(found)
            for number in range(max(first - begun, 0), min(_CHUNK, horizon - begun)):
                futures = (apply_forecast(last, one.frame(number).resized(size))[:, 0] for one in forecasts)
                yield Predicted(next(futures)) if self.draws is None else Predicted(*mean_and_spread(futures))
