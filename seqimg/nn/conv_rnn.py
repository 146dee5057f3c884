"""`ConvRNN`: cells stacked over depth and run over time, with the state in the caller's hands."""

from collections.abc import Sequence
from dataclasses import fields
from typing import cast

import torch
from torch import Tensor, nn

from seqimg.cells import Cell
from seqimg.errors import SeqimgError, UsageError
from seqimg.kernels import CallSignature, select
from seqimg.plugins.manager import plugin_host

__all__ = ["ConvGRU", "ConvRNN", "State"]

State = tuple[Tensor, ...]
"""What a layer carries between frames: one tensor `[B, S, H, W]` a level, first level first."""


class ConvRNN(nn.Module):
    """Recurrent convolutional layer over clips.

    Calling it on T frames gives the same numbers as T calls on one frame, or any other split, as
    long as the state is passed on.

    Args:
        input_channels: Channels of the frames; 0 for a layer that is driven by its state alone
            (give it frames with no channels, `[B, T, 0, H, W]`).
        hidden_channels: Channels of the state of each level; one number is one level.
        cell: Name of a registered cell.
        kernel: Name of a kernel, or None to choose automatically.
        **cell_options: Passed to the cell: `kernel_size`, `reset`, …

    Raises:
        UnavailableError: No such cell is registered.
        UsageError: The cell refuses an option.

    Example:
        >>> import torch
        >>> layer = ConvRNN(3, [16, 16], cell="conv_gru", kernel_size=3)
        >>> video = torch.rand(2, 10, 3, 24, 32)
        >>> outputs, state = layer(video)
        >>> outputs.shape
        torch.Size([2, 10, 16, 24, 32])
        >>> first, state = layer(video[:, :4])
        >>> rest, state = layer(video[:, 4:], state)
        >>> torch.allclose(torch.cat([first, rest], dim=1), outputs, atol=1e-5)
        True
    """

    def __init__(
        self,
        input_channels: int,
        hidden_channels: int | Sequence[int],
        *,
        cell: str = "conv_gru",
        kernel: str | None = None,
        **cell_options: object,
    ) -> None:
        super().__init__()
        widths = [hidden_channels] if isinstance(hidden_channels, int) else list(hidden_channels)
        if not widths:
            raise UsageError("a ConvRNN needs at least one level", hint="hidden_channels=64")
        self.cell_name, self.kernel = cell, kernel
        self.cells: list[Cell] = []
        self.levels = nn.ModuleList()
        for below, width in zip([input_channels, *widths], widths, strict=False):
            self.cells.append(_make_cell(cell, below, width, cell_options))
            self.levels.append(nn.ParameterDict(_initial_weights(self.cells[-1])))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over a clip.

        Args:
            x: Frames `[B, T, C, H, W]`.
            state: What an earlier call returned, or None to start from zeros.

        Returns:
            The last level's outputs `[B, T, hidden, H, W]` and the state after the last frame.

        Raises:
            SeqimgError: The frames or the state have another shape, dtype or device than expected.
        """
        self._check_frames(x)
        before = self.initial_state(x) if state is None else self._checked_state(state, x)
        after = []
        for cell, level, level_state in zip(self.cells, self.levels, before, strict=True):
            weights = dict(cast(nn.ParameterDict, level).items())
            run = select(_signature(self.cell_name, cell, x), self.kernel)
            x, level_state = run(cell, x, level_state, weights)
            after.append(level_state)
        return x, tuple(after)

    def initial_state(self, x: Tensor) -> State:
        """Return the state of zeros for frames like `x [B, T, C, H, W]`."""
        batch, (height, width) = x.shape[0], x.shape[-2:]
        return tuple(x.new_zeros(batch, cell.state_channels, height, width) for cell in self.cells)

    def _check_frames(self, x: Tensor) -> None:
        wanted = self.cells[0].input_channels
        if x.ndim != 5 or x.shape[1] < 1:
            raise SeqimgError(
                f"ConvRNN cannot run over a tensor of shape {tuple(x.shape)}",
                why="it takes clips [B, T, C, H, W] of at least one frame",
                hint="x.unsqueeze(1) for single frames [B, C, H, W]" if x.ndim == 4 else None,
            )
        if x.shape[2] != wanted:
            raise SeqimgError(
                f"ConvRNN was built for {wanted} input channels, the frames have {x.shape[2]}",
                why=f"the shape is {tuple(x.shape)}, read as [B, T, C, H, W]",
            )

    def _checked_state(self, state: State, x: Tensor) -> State:
        wanted = self.initial_state(x)
        if len(state) != len(wanted):
            raise SeqimgError(f"the state has {len(state)} levels, this layer has {len(wanted)}")
        for level, (got, zeros) in enumerate(zip(state, wanted, strict=True)):
            if (got.shape, got.dtype, got.device) != (zeros.shape, zeros.dtype, zeros.device):
                raise SeqimgError(
                    f"the state of level {level} is {got.dtype} {tuple(got.shape)} on {got.device}",
                    why=f"these frames need {zeros.dtype} {tuple(zeros.shape)} on {zeros.device}",
                    hint="state=None to start afresh",
                )
        return state

    def extra_repr(self) -> str:
        """Name the cell and the widths in `print(layer)`."""
        widths = [cell.hidden_channels for cell in self.cells]
        return f"{self.cells[0].input_channels}, {widths}, cell={self.cell_name!r}"


class ConvGRU(ConvRNN):
    """[ConvRNN][seqimg.ConvRNN] with the cell `conv_gru`.

    Example:
        >>> import torch
        >>> outputs, state = ConvGRU(3, 16)(torch.rand(1, 5, 3, 20, 20))
        >>> outputs.shape
        torch.Size([1, 5, 16, 20, 20])
    """

    def __init__(
        self,
        input_channels: int,
        hidden_channels: int | Sequence[int],
        *,
        kernel_size: int = 3,
        reset: str = "before",
        kernel: str | None = None,
    ) -> None:
        super().__init__(
            input_channels,
            hidden_channels,
            cell="conv_gru",
            kernel=kernel,
            kernel_size=kernel_size,
            reset=reset,
        )


def _make_cell(name: str, input_channels: int, width: int, options: dict[str, object]) -> Cell:
    cell_class = plugin_host().cells.load(name)
    try:
        return cast(Cell, cell_class(input_channels=input_channels, hidden_channels=width, **options))
    except TypeError as error:
        raise UsageError(f"cell {name!r} refuses its options", why=str(error)) from error


def _initial_weights(cell: Cell) -> dict[str, nn.Parameter]:
    """Weights uniform with variance 1 / fan-in, biases zero: unit-scale gates, open half way."""
    weights = {}
    for name, shape in cell.shapes().items():
        weight = torch.zeros(shape)
        if len(shape) > 1:
            bound = (3.0 / cell.fan_in(name)) ** 0.5
            nn.init.uniform_(weight, -bound, bound)
        weights[name] = nn.Parameter(weight)
    return weights


def _signature(name: str, cell: Cell, x: Tensor) -> CallSignature:
    options = tuple((field.name, getattr(cell, field.name)) for field in fields(cell))  # type: ignore[arg-type]
    return CallSignature(f"{name}.sequence", x.device.type, str(x.dtype).removeprefix("torch."), options)
