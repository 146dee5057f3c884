"""A memory, and what it changes in each frame."""

from torch import Tensor, nn

from seqimg.nn import ConvRNN, State


class CleanModel(nn.Module):
    """Map frames `[B, T, C, H, W]` to cleaner ones, frame after frame.

    Args:
        channels: C, channels of the frames.
        width: State channels.
        cell: Name of the recurrent cell.
    """

    def __init__(self, channels: int, width: int, cell: str) -> None:
        super().__init__()
        self.memory = ConvRNN(channels, width, cell=cell)
        self.change = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.change.weight)  # training begins with "nothing changes"
        nn.init.zeros_(self.change.bias)

    def forward(self, frames: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the outputs and the state after the last frame, however a clip is cut into calls."""
        features, state = self.memory(frames, state)  # [B, T, width, H, W]
        change = self.change(features.flatten(0, 1)).unflatten(0, frames.shape[:2])
        return frames + change, state
