"""What models of frame prediction have in common: how frames are read.

Each frame is cut into patches and read, together with how it differs from the frame before and where its patches
were then, by a stack of recurrent levels, each at half the size of the one below.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError, UsageError
from seqimg.nn import ConvRNN, State, pad_to_multiple, picture_cell_options
from seqimg.nn.matching import is_cut, matching_costs, matching_scores
from seqimg_predict.motion import Predicted

__all__ = [
    "FLOW_UNIT",
    "WEIGHT_START",
    "Levels",
    "PredictState",
    "Reader",
    "each_frame",
    "enlarge_weights",
    "head",
]

Levels = tuple[State, ...]
"""The states of a stack of layers, finest level first."""

FLOW_UNIT = 2.0
"""Pixels a frame: one unit of a flow head's output."""

WEIGHT_START = 1.0
"""The untrained weight is sigmoid(1) = 0.73: motion can be learnt from the first step."""

_REACH = 3  # pixels a frame that matching looks for; what is faster is left to the convolutions
_MOVES = (2 * _REACH + 1) ** 2
_SILU, _TANH = 2.9, 1.67  # times the weights of convolutions and of cells, as they are drawn by default


class PredictState(NamedTuple):
    """What a model carries between frames.

    Attributes:
        levels: The encoder's state, finest level first.
        last: The last frame seen, `[B, C, H, W]`.
        features: What the levels said of it, finest first, `[B, C', h, w]` each.
    """

    levels: Levels
    last: Tensor
    features: tuple[Tensor, ...]


class Reader(nn.Module):
    """A recurrent encoder of any number of frames; its children predict from what it has read.

    Args:
        channels: Channels of the frames.
        widths: State channels of each level, finest first; each level halves the size.
        patch: Pixels that one position of the finest level stands for.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions, of cells that have such.
        motion: Look for motion in the context.
        cuts: Start afresh at a frame that does not continue the one before.
        coordinates: Tell each position where in the frame it is.
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
        super().__init__()
        self.channels, self.patch, self.cuts, self.coordinates = channels, patch, cuts, coordinates
        self.multiple = patch * 2 ** (len(widths) - 1)
        options = picture_cell_options(cell, kernel_size=kernel_size)
        seen = 2 * channels * patch**2 + (_MOVES if motion else 0) + 2 * coordinates
        self.sharpness = nn.Parameter(torch.tensor(8.0)) if motion else None
        self.stem = nn.Sequential(nn.Conv2d(seen, widths[0], 3, padding=1), nn.SiLU())
        self.encoders = nn.ModuleList(ConvRNN(width, width, cell=cell, **options) for width in widths)
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(fine, coarse, 3, stride=2, padding=1), nn.SiLU())
            for fine, coarse in pairwise(widths)
        )

    @abstractmethod
    def rollout(self, state: PredictState, last: Tensor, horizon: int, first: int = 0) -> Iterator[Predicted]:
        """Yield the frames to come one by one, made of a last frame in any size, in constant memory.

        Args:
            state: What was read.
            last: The last frame in the size that is wanted, `[B, C, H, W]` in [0, 1].
            horizon: Frames to predict.
            first: How many of them are not wanted, at the beginning.

        Yields:
            A frame `[B, C, H, W]`, not clipped, and how unsure it is.
        """

    def check(self, frames: Tensor, state: PredictState | None, horizon: int) -> None:
        """Refuse what cannot be read.

        Raises:
            SeqimgError: The frames have another shape than the model or the state needs.
            UsageError: The horizon is negative.
        """
        if frames.ndim != 5 or frames.shape[1] < 1 or frames.shape[2] != self.channels:
            raise SeqimgError(
                f"the model cannot read frames of shape {tuple(frames.shape)}",
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

    def read(
        self,
        frames: Tensor,
        state: PredictState | None,
        started: Tensor | None = None,
        *,
        predicted: bool = False,
    ) -> tuple[list[Tensor], PredictState]:
        """Read frames `[B, T, C, H, W]`; returns what each level says of each, and the state after them.

        Where `started [B]` is 0 the state says nothing: with the first of the frames something begins. Frames that
        are `predicted` go on from those before, however little they look like them, and are not searched for motion:
        what moves in them is what was said to move.
        """
        features, starts = self._look(frames, None if state is None else state.last, started, predicted)
        levels, said = [], []
        for level, encoder in enumerate(self.encoders):
            before = None if state is None else state.levels[level]
            features, after = encoder(features, before, reset_mask=starts)
            levels.append(after)
            said.append(features)
            if level < len(self.downs):
                features = each_frame(self.downs[level], features)
        return said, PredictState(tuple(levels), frames[:, -1], tuple(one[:, -1] for one in said))

    def _look(
        self, frames: Tensor, last: Tensor | None, started: Tensor | None, predicted: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the finest features `[B, T, C', h, w]` and which frames start a sequence, `[B, T]`."""
        first = frames[:, :1] if last is None else last[:, None]
        past = torch.cat([first, frames[:, :-1]], dim=1)
        now, before = (pad_to_multiple(part.flatten(0, 1), self.multiple) for part in (frames, past))
        costs = None
        if not predicted and (self.cuts or self.sharpness is not None):
            costs = matching_costs(now, before, reach=_REACH, patch=self.patch)
        if costs is None or not self.cuts:
            starts = torch.zeros(frames.shape[:2], dtype=torch.bool, device=frames.device)
        else:
            starts = is_cut(costs, now).unflatten(0, frames.shape[:2])
        if last is None:
            starts = torch.cat([torch.ones_like(starts[:, :1]), starts[:, 1:]], dim=1)
        elif started is not None:
            starts = torch.cat([starts[:, :1] | (started == 0)[:, None], starts[:, 1:]], dim=1)
        follows = ~starts.flatten()[:, None, None, None]
        pictures = torch.cat([2 * now - 1, 4 * (now - before) * follows], dim=1)
        seen = [nn.functional.pixel_unshuffle(pictures, self.patch)]
        if self.sharpness is not None:
            height, width = seen[0].shape[-2:]
            seen.append(
                seen[0].new_zeros(1, _MOVES, 1, 1).expand(now.shape[0], -1, height, width)
                if costs is None
                else matching_scores(costs, self.sharpness) * follows
            )
        if self.coordinates:
            seen.append(_places(seen[0]))
        features: Tensor = self.stem(torch.cat(seen, dim=1))
        return features.unflatten(0, frames.shape[:2]), starts


@torch.no_grad()
def enlarge_weights(model: nn.Module) -> None:
    """Make fresh weights so large that what is read reaches the heads undiminished, through however many layers.

    A convolution then keeps the mean square that its SiLU leaves (He et al. 2015, for this function), and a cell's
    gates work at the scale of tanh (5/3). With the usual start the first steps are spent on making weights grow.
    """
    convolutions = {id(part.weight) for part in model.modules() if isinstance(part, nn.Conv2d)}
    for weight in model.parameters():
        if weight.ndim > 1:
            weight.mul_(_SILU if id(weight) in convolutions else _TANH)


def head(width: int, out: int, finer: int) -> nn.Sequential:
    """Two convolutions whose output, `finer` times finer than their input, is zero before training."""
    last = nn.Conv2d(width, out * finer**2, 3, padding=1)
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), last, nn.PixelShuffle(finer))


def each_frame(function: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
    """Apply a picture function to every frame of `[B, T, C, H, W]`."""
    applied: Tensor = function(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
    return applied


def _places(maps: Tensor) -> Tensor:
    """Return how far down and across each position of `[N, C, h, w]` is, from -1 to 1: `[N, 2, h, w]`."""
    height, width = maps.shape[-2:]
    # Not `linspace`, which a graph for pictures of any size cannot say.
    down, across = (
        torch.arange(size, dtype=maps.dtype, device=maps.device) * (2 / max(size - 1, 1)) - 1
        for size in (height, width)
    )
    planes = torch.stack([down[:, None].expand(height, width), across.expand(height, width)])
    return planes.expand(maps.shape[0], -1, -1, -1)
