"""A recurrent convolutional classifier: what moved, remembered at several sizes.

A small strided encoder reads each frame together with how it differs from the one before. A stack of recurrent
levels, each at half the size of the one below, remembers; each level's state, averaged over each quarter of the
picture, has a classifier of its own, and their answers are averaged (the layout of GRU-RCN: Ballas et al., "Delving
deeper into convolutional networks for learning video representations", ICLR 2016).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError
from seqimg.nn import ConvRNN, State, pad_to_multiple, picture_cell_options
from seqimg_classify.models.rivals import (
    QUARTERS,
    STEM_STRIDE,
    FrameEncoder,
    Heads,
    RivalHeads,
    Rivalled,
    convolution,
    quarters,
    stacked,
    stem,
)

__all__ = ["ConvGRUClassifier", "ConvGRUState", "check_frames"]

_LIVELIER = 4.0  # differences between neighbouring frames are that much smaller than frames


class ConvGRUState(NamedTuple):
    """What the model carries between frames.

    Attributes:
        levels: The state of each level, finest first.
        last: The last frame seen, `[B, C, H, W]`.
    """

    levels: tuple[State, ...]
    last: Tensor


class ConvGRUClassifier(Rivalled):
    """Say after every frame what the sequence shows.

    Args:
        channels: Channels of the frames.
        classes: K.
        widths: State channels of each level, finest first; the finest has a quarter of the frames' size.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions.
        dropout: Share of the features dropped before the classifiers in training.
        rivals: Have networks without memory beside it.

    Raises:
        UnavailableError: No such cell is registered.
        UsageError: The cell is not one for pictures.

    Example:
        >>> import torch
        >>> model = ConvGRUClassifier(3, classes=5, widths=(8, 8))
        >>> logits, state = model(torch.rand(2, 4, 3, 30, 42))
        >>> logits.shape
        torch.Size([2, 4, 5])
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        widths: Sequence[int] = (32, 48, 64),
        *,
        cell: str = "conv_gru",
        kernel_size: int = 3,
        dropout: float = 0.0,
        rivals: bool = True,
    ) -> None:
        super().__init__()
        options = picture_cell_options(cell, kernel_size=kernel_size)
        self.channels, self.has_rivals = channels, rivals
        self.multiple = STEM_STRIDE * 2 ** (len(widths) - 1)
        self.stem = stem(2 * channels, widths[0])
        self.levels = nn.ModuleList(ConvRNN(width, width, cell=cell, **options) for width in widths)
        self.downs = nn.ModuleList(convolution(fine, coarse, stride=2) for fine, coarse in pairwise(widths))
        seen = [QUARTERS * width for width in widths]
        self.heads = Heads(seen, classes, dropout)
        self.frame_encoder = FrameEncoder(channels, widths) if rivals else None
        self.rival_heads = RivalHeads(seen, classes, dropout) if rivals else None

    def forward(
        self,
        frames: Tensor,
        state: ConvGRUState | None = None,
        *,
        rivals: bool = False,
        started: Tensor | None = None,
    ) -> tuple[Tensor, ConvGRUState]:
        """Read frames and answer after each.

        Args:
            frames: `[B, T, C, H, W]` in [0, 1].
            state: What an earlier call returned, or None at the start of a sequence.
            rivals: Answer for the rivals too, for training.
            started: `[B]`, 0 where the state is zeros and with the first frame something begins; None for nowhere.

        Returns:
            The logits `[B, T, K]`, with rivals `[B, 1 + R, T, K]`, and the state after the last frame.

        Raises:
            SeqimgError: The frames have another shape than the model or the state needs.
        """
        check_frames(frames, self.channels)
        if state is not None and state.last.shape != frames[:, 0].shape:
            raise SeqimgError(
                f"the frames before were {tuple(state.last.shape)}, these are {tuple(frames[:, 0].shape)}",
                why="a sequence keeps its size",
                hint="state=None to start afresh",
            )
        first = frames[:, :1] if state is None else state.last[:, None]
        if started is not None:
            first = torch.where((started == 0).view(-1, 1, 1, 1, 1), frames[:, :1], first)
        change = frames - torch.cat([first, frames[:, :-1]], dim=1)
        seen = torch.cat([2 * frames - 1, _LIVELIER * change], dim=2).flatten(0, 1)
        x = self.stem(pad_to_multiple(seen, self.multiple))
        pooled, after = [], []
        for number, level in enumerate(self.levels):
            x = x if number == 0 else self.downs[number - 1](x)
            before = None if state is None else state.levels[number]
            remembered, reached = level(x.unflatten(0, frames.shape[:2]), before)
            after.append(reached)
            x = remembered.flatten(0, 1)
            pooled.append(quarters(x).unflatten(0, frames.shape[:2]))  # [B, T, 4 · C']
        logits: Tensor = self.heads(pooled)
        if rivals:
            logits = stacked(logits, self.rivals(frames))
        return logits, ConvGRUState(tuple(after), frames[:, -1])

    def with_rivals(self, frames: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the logits `[B, T, K]` of the model and of its rivals."""
        return self(frames)[0], self.rivals(frames)

    def rivals(self, frames: Tensor) -> Mapping[str, Tensor]:
        """Return the rivals' logits `[B, T, K]` by their names."""
        if self.frame_encoder is None or self.rival_heads is None:
            return {}
        found: Mapping[str, Tensor] = self.rival_heads(self.frame_encoder(frames))
        return found


def check_frames(frames: Tensor, channels: int) -> None:
    """Refuse frames that a classifier of `channels` cannot read."""
    if frames.ndim != 5 or frames.shape[1] < 1 or frames.shape[2] != channels:
        raise SeqimgError(
            f"the classifier cannot read frames of shape {tuple(frames.shape)}",
            why=f"it takes [B, T, C, H, W] with at least one frame of {channels} channels",
        )
