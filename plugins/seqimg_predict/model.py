"""The encoder-forecaster: a recurrent encoder whose states start a recurrent forecaster.

The encoder reads the context, coarser and coarser from level to level. Its states become the first
states of the forecaster, which unrolls without input at the coarsest level, finer and finer, for
any number of steps (the layout of Shi et al., "Deep Learning for Precipitation Nowcasting", NIPS
2017, §3.1). The prediction for k frames ahead is the last frame, moved and changed:

    y_k = last(p + flow_k(p)) + change_k(p)

with flow and change both zero before training, so that learning starts from "nothing changes".
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from seqimg.nn import ConvRNN, State, crop_to, pad_to_multiple

__all__ = ["EncoderForecaster", "PredictState"]

Levels = tuple[State, ...]
"""The states of a stack of layers, finest level first."""

_FLOW_UNIT = 8.0  # pixels: one unit of the flow head's output


class PredictState(NamedTuple):
    """What the model carries between frames.

    Attributes:
        levels: The encoder's state, finest level first.
        last: The last frame seen, `[B, C, H, W]`.
    """

    levels: Levels
    last: Tensor


class EncoderForecaster(nn.Module):
    """Predict any number of frames from any number of frames.

    Args:
        channels: Channels of the frames.
        widths: State channels of each level, finest first; each level halves the size.
        patch: Pixels that one position of the finest level stands for.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions.
        motion: Move the last frame's pixels before changing them.

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
    ) -> None:
        super().__init__()
        self.channels, self.patch = channels, patch
        self.multiple = patch * 2 ** (len(widths) - 1)
        finest, coarsest = widths[0], widths[-1]
        layer = partial(ConvRNN, cell=cell, kernel_size=kernel_size)
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(patch), nn.Conv2d(2 * channels * patch**2, finest, 3, padding=1), nn.SiLU()
        )
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
        self.change = _head(finest, channels * patch**2)
        self.flow = _head(finest, 2) if motion else None

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
        """
        state = self._encode(frames, state)
        if horizon == 0:
            return frames.new_empty(frames.shape[0], 0, *frames.shape[2:]), state
        return self.forecast(state, horizon)[0], state

    def forecast(
        self, state: PredictState, horizon: int, levels: Levels | None = None
    ) -> tuple[Tensor, Levels]:
        """Predict the frames after those that made `state`.

        Args:
            state: The encoder's state.
            horizon: Frames to predict, at least 1.
            levels: The forecaster's state that an earlier call returned, to go on where it ended.

        Returns:
            The prediction `[B, horizon, C, H, W]` and the forecaster's state after it.
        """
        before = state.levels if levels is None else levels
        after, last, coarsest = [], state.last, before[-1][0]
        features = coarsest.new_empty(coarsest.shape[0], horizon, 0, *coarsest.shape[-2:])
        for level in reversed(range(len(self.forecasters))):
            features, reached = self.forecasters[level](features, before[level])
            after.append(reached)
            if level:
                features = _each_frame(self.ups[level - 1], features)
        padded = pad_to_multiple(last, self.multiple)
        prediction = self._moved(padded, features) + self._changes(features)
        return crop_to(prediction, (last.shape[-2], last.shape[-1])), tuple(reversed(after))

    def _encode(self, frames: Tensor, state: PredictState | None) -> PredictState:
        before = frames[:, :1] if state is None else state.last[:, None]
        differences = frames - torch.cat([before, frames[:, :-1]], dim=1)
        pictures = torch.cat([2 * frames - 1, 4 * differences], dim=2)  # [B, T, 2C, H, W]
        padded = pad_to_multiple(pictures.flatten(0, 1), self.multiple).unflatten(0, frames.shape[:2])
        features = _each_frame(self.stem, padded)
        levels = []
        for level, encoder in enumerate(self.encoders):
            features, after = encoder(features, None if state is None else state.levels[level])
            levels.append(after)
            if level < len(self.downs):
                features = _each_frame(self.downs[level], features)
        return PredictState(tuple(levels), frames[:, -1])

    def _changes(self, features: Tensor) -> Tensor:
        shuffle = nn.functional.pixel_shuffle
        return _each_frame(lambda f: shuffle(self.change(f), self.patch), features)

    def _moved(self, last: Tensor, features: Tensor) -> Tensor:
        steps = features.shape[1]
        pictures = last[:, None].expand(-1, steps, -1, -1, -1)  # [B, T, C, H, W]
        if self.flow is None:
            return pictures
        size = (last.shape[-2], last.shape[-1])
        coarse = self.flow(features.flatten(0, 1)) * _FLOW_UNIT
        flow = interpolate(coarse, size=size, mode="bilinear", align_corners=False)  # [B·T, 2, H, W]
        moved: Tensor = grid_sample(
            pictures.flatten(0, 1), _grid(flow), mode="bilinear", padding_mode="border", align_corners=False
        )
        by_clip: Tensor = moved.unflatten(0, (last.shape[0], steps))
        return by_clip


def _head(width: int, out: int) -> nn.Sequential:
    """Two convolutions whose output is zero before training."""
    last = nn.Conv2d(width, out, 3, padding=1)
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), last)


def _each_frame(function: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
    """Apply a picture function to every frame of `[B, T, C, H, W]`."""
    applied: Tensor = function(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
    return applied


def _grid(flow: Tensor) -> Tensor:
    """Turn displacements in pixels `[N, 2 (y, x), H, W]` into `grid_sample`'s form, `[N, H, W, 2 (x, y)]`."""
    height, width = flow.shape[-2:]
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 0] + 0.5
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 1] + 0.5
    return torch.stack([columns * (2 / width) - 1, rows * (2 / height) - 1], dim=-1)
