"""The layers that most people ask for by name."""

from collections.abc import Sequence
from typing import Any, Literal

from seqimg.nn.conv_rnn import ConvRNN

__all__ = ["ConvGRU", "ConvLSTM"]


class ConvGRU(ConvRNN):
    """[ConvRNN][seqimg.ConvRNN] with the cell `conv_gru`, as familiar as `torch.nn.GRU`.

    Args:
        input_channels: Channels of the frames.
        hidden_channels: C of each level; one number is one level.
        kernel_size: Odd size of the convolutions.
        reset: Whether r gates the state before or after the candidate's convolution.
        **options: All others of [ConvRNN][seqimg.ConvRNN] and of the cell.

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
        kernel_size: int | tuple[int, int] = 3,
        reset: Literal["before", "after"] = "before",
        **options: Any,
    ) -> None:
        super().__init__(
            input_channels, hidden_channels, cell="conv_gru", kernel_size=kernel_size, reset=reset, **options
        )


class ConvLSTM(ConvRNN):
    """[ConvRNN][seqimg.ConvRNN] with the cell `conv_lstm`; its state holds h and c side by side.

    Args:
        input_channels: Channels of the frames.
        hidden_channels: C of each level; one number is one level.
        kernel_size: Odd size of the convolutions.
        peepholes: Let the gates see the cell's memory, with one weight a channel.
        **options: All others of [ConvRNN][seqimg.ConvRNN] and of the cell.

    Example:
        >>> import torch
        >>> outputs, (state,) = ConvLSTM(3, 16)(torch.rand(1, 5, 3, 20, 20))
        >>> outputs.shape, state.shape
        (torch.Size([1, 5, 16, 20, 20]), torch.Size([1, 32, 20, 20]))
    """

    def __init__(
        self,
        input_channels: int,
        hidden_channels: int | Sequence[int],
        *,
        kernel_size: int | tuple[int, int] = 3,
        peepholes: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            input_channels,
            hidden_channels,
            cell="conv_lstm",
            kernel_size=kernel_size,
            peepholes=peepholes,
            **options,
        )
