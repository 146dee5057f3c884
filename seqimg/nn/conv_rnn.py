"""`ConvRNN`: cells stacked over depth and run over time, with the state in the caller's hands."""

from collections.abc import Iterable, Iterator, Sequence
from inspect import signature
from typing import Literal, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqimg.cells import Cell, Weights
from seqimg.errors import UsageError
from seqimg.kernels import Controls
from seqimg.nn.checks import check_cells, check_frames, check_options, check_state, make_cell, read_widths
from seqimg.nn.controls import GateBias, Timing, cut, level_gate_bias
from seqimg.nn.levels import Level
from seqimg.nn.stream_plan import forget_plan, is_stream_call, known_plan, new_plan

__all__ = ["ConvRNN", "State", "detached"]

State = tuple[Tensor, ...]
"""What a layer carries between frames: one tensor `[B, S, H, W]` a level, first level first.

A bidirectional layer has two a level: forward, then backward.
"""


class ConvRNN(nn.Module):
    """Recurrent layer over clips.

    Calling it on T frames gives the same numbers as T calls on one frame, or any other split, as
    long as the state is passed on (for one direction: the backward direction of a bidirectional
    layer starts at the end of whatever it is given).

    Args:
        input_channels: Channels of the frames; 0 for a layer that is driven by its state alone
            (give it frames with no channels, `[B, T, 0, H, W]`).
        hidden_channels: C of each level; one number is one level.
        cell: Name of a registered cell.
        kernel: Name of a kernel, or None to choose automatically.
        bidirectional: Run a second set of cells from the last frame to the first and put its outputs
            behind those of the first: 2C channels a level.
        residual: Add a level's input to its output wherever their channels agree.
        norm_groups: Normalise the input's share of the pre-activations of each frame in so many
            groups a gate (group normalisation; of the input's share only, as Laurent et al., "Batch
            normalized recurrent neural networks", ICASSP 2016, found best); 0 is off.
        dropout: Probability of a zero in the outputs of each level but the last, in training.
        zoneout: Probability that a value of the state stays as it was: a mask in training, its
            expectation in evaluation.
        start: `"zeros"` or `"learned"`: one parameter a state channel.
        recompute: Keep no gates for the backward pass but compute them again there: less memory, more time.
        **cell_options: Passed to the cell: `kernel_size`, `reset`, …

    Raises:
        UnavailableError: No such cell is registered.
        UsageError: An option is impossible.

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
        bidirectional: bool = False,
        residual: bool = False,
        norm_groups: int = 0,
        dropout: float = 0.0,
        zoneout: float = 0.0,
        start: Literal["zeros", "learned"] = "zeros",
        recompute: bool = False,
        **cell_options: object,
    ) -> None:
        super().__init__()
        widths = read_widths(hidden_channels)
        check_options(dropout, zoneout, start)
        self.kernel, self.residual, self.recompute = kernel, residual, recompute
        self.dropout, self.zoneout = dropout, zoneout
        directions = 2 if bidirectional else 1
        below = [input_channels, *(directions * width for width in widths)]
        mine = signature(ConvRNN).parameters
        cells = [make_cell(cell, x, c, cell_options, mine) for x, c in zip(below, widths, strict=False)]

        def levels() -> nn.ModuleList:
            learned = start == "learned"
            return nn.ModuleList(Level(c, norm_groups=norm_groups, learned_start=learned) for c in cells)

        self.levels = levels()
        self.backward_levels = levels() if bidirectional else None

    @classmethod
    def from_cells(cls, cells: Iterable[tuple[Cell, Weights]], *, kernel: str | None = None) -> "ConvRNN":
        """Build a layer from cells with weights, for example imported ones.

        Args:
            cells: One `(cell, weights)` a level, as [seqimg.import_cell][] returns.
            kernel: As of the class.

        Raises:
            UsageError: Weights do not fit their cell, or a cell does not fit the one below.

        Example:
            >>> import seqimg, torch
            >>> gru = torch.nn.GRU(3, 4)
            >>> layer = ConvRNN.from_cells([seqimg.import_cell("torch_gru", gru.state_dict())])
        """
        levels = [Level(cell, weights=dict(weights)) for cell, weights in cells]
        check_cells([level.cell for level in levels])
        layer = ConvRNN(1, 1, kernel=kernel)
        layer.levels = nn.ModuleList(levels)
        return layer

    @property
    def cells(self) -> list[Cell]:
        """The cell of each level."""
        return [level.cell for level in self.each_level()]

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        *,
        lengths: Tensor | None = None,
        reset_mask: Tensor | None = None,
        gate_bias: GateBias = None,
    ) -> tuple[Tensor, State]:
        """Run over a clip.

        Args:
            x: Frames `[B, T, C, H, W]`; `[B, T, C]` for dense cells.
            state: What an earlier call returned, one tensor `[B, S, H, W]` a level and direction, or None to start
                afresh.
            lengths: `[B]` whole numbers: frames of each sample. Beyond them a sample's state and its
                outputs stay as they are.
            reset_mask: `[B, T]`: True where the state starts afresh before that frame (a scene cut,
                the seam of packed clips).
            gate_bias: `[B, P, H, W]` or `[B, T, P, H, W]` (T, H and W may be 1), added to the
                pre-activations of the level; a list with one entry a level for several.

        Returns:
            The last level's outputs `[B, T, C, H, W]` and the state after the last frame.

        Raises:
            SeqimgError: The frames, the state or one of the others have another shape, dtype or device
                than expected.
        """
        streams = is_stream_call(x) and lengths is None and reset_mask is None and gate_bias is None
        if streams and (plan := known_plan(self, x, state)) is not None:
            return plan(x, state or ())
        check_frames(self.cells[0], x)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
            state = None if state is None else tuple(s.to(x.dtype) for s in state)
        checked = self._checked_state(state, x)
        if streams and (plan := new_plan(self, x, checked)) is not None:
            return plan(x, checked)
        before = iter(checked)
        timing = Timing.read(x, lengths, reset_mask)
        after: list[Tensor] = []
        with torch.autocast(x.device.type, enabled=False):
            for number, level in enumerate(self.each_level()):
                if number and self.dropout:
                    x = dropout(x, self.dropout, self.training)
                bias = level_gate_bias(gate_bias, number, len(self.levels), level.cell, x)
                outputs, last = self._run(level, x, before, timing, bias)
                after.append(last)
                if self.backward_levels is not None:
                    other = cast(Level, self.backward_levels[number])
                    flipped = bias.flip(1) if bias is not None else None
                    backward, last = self._run(other, x.flip(1), before, timing.backward(), flipped)
                    after.append(last)
                    outputs = torch.cat([outputs, backward.flip(1)], dim=2)
                x = outputs + x if self.residual and outputs.shape == x.shape else outputs
        return x, tuple(after)

    def truncated(
        self,
        x: Tensor,
        every: int,
        state: State | None = None,
        *,
        lengths: Tensor | None = None,
        reset_mask: Tensor | None = None,
        gate_bias: GateBias = None,
    ) -> Iterator[tuple[Tensor, State]]:
        """Run over a clip in pieces that no gradient crosses: backpropagation through time, truncated.

        Call `backward()` on each piece's loss before asking for the next: memory does not grow with T.

        Args:
            x: Frames `[B, T, C, H, W]`.
            every: Frames in a piece.
            state: As of `forward`.
            lengths: As of `forward`, for the whole clip; as are the two below. They are cut with the frames.
            reset_mask: As of `forward`.
            gate_bias: As of `forward`.

        Yields:
            Each piece's outputs `[B, every, C, H, W]` and the detached state after it.

        Raises:
            UsageError: A piece would have no frames.

        Example:
            >>> import torch
            >>> layer = ConvRNN(1, 4)
            >>> for outputs, state in layer.truncated(torch.rand(1, 6, 1, 8, 8), every=2):
            ...     outputs.square().mean().backward()
        """
        if every < 1:
            raise UsageError(f"every={every} is no number of frames")
        check_frames(self.cells[0], x)
        Timing.read(x, lengths, reset_mask)
        for first in range(0, x.shape[1], every):
            part = range(first, min(first + every, x.shape[1]))
            outputs, state = self(
                x[:, first : part.stop],
                state,
                lengths=None if lengths is None else (lengths - first).clamp(0, len(part)),
                reset_mask=None if reset_mask is None else reset_mask[:, first : part.stop],
                gate_bias=cut(gate_bias, x, part),
            )
            state = detached(state)
            yield outputs, state

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation, as of `torch.nn.Module`.

        It is also the moment from which streams see weights that were written through `.data`, which
        torch keeps no count of.

        Args:
            mode: True for training, False for evaluation.
        """
        forget_plan(self)
        return super().train(mode)

    def initial_state(self, x: Tensor) -> State:
        """Return the state before the first of the frames `x [B, T, C, H, W]`."""
        directions = [self.levels] if self.backward_levels is None else [self.levels, self.backward_levels]
        return tuple(cast(Level, level).start(x) for pair in zip(*directions, strict=True) for level in pair)

    def _run(
        self, level: Level, x: Tensor, before: Iterator[Tensor], timing: Timing, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        state = next(before)
        restarts = timing.keep is not None and level.starts_learned
        controls = Controls(
            keep=timing.keep,
            restart=level.start(x) if restarts else None,
            update=timing.update(x, level.cell, self.zoneout, training=self.training),
            gate_bias=None if bias is None else bias.to(x.dtype),
            recompute=self.recompute and torch.is_grad_enabled(),
        )
        return level.run(x, state, controls, self.kernel)

    def _checked_state(self, state: State | None, x: Tensor) -> State:
        wanted = self.initial_state(x)
        if state is not None:
            check_state(state, wanted)
        return wanted if state is None else state

    def each_level(self) -> Iterator[Level]:
        """Yield the levels of the forward direction, first to last."""
        return (cast(Level, level) for level in self.levels)

    def extra_repr(self) -> str:
        """Name the cell and the widths in `print(layer)`."""
        widths = [cell.hidden_channels for cell in self.cells]
        return f"{self.cells[0].input_channels}, {widths}, cell={self.cells[0].name!r}"


def detached(state: State) -> State:
    """Return the same state, cut off from what made it: no gradient flows further back.

    Args:
        state: What a layer carries: one tensor `[B, S, H, W]` a level.

    Returns:
        The same tensors, of the same shapes.

    Example:
        >>> import torch
        >>> detached((torch.ones(1, requires_grad=True) * 2,))[0].requires_grad
        False
    """
    return tuple(tensor.detach() for tensor in state)
