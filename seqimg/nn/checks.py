"""What callers hand to a layer: one clear error for each way in which it can be wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, cast

from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.errors import SeqimgError, UsageError, did_you_mean
from seqimg.plugins.manager import plugin_host

__all__ = [
    "check_cells",
    "check_frames",
    "check_norm",
    "check_options",
    "check_state",
    "check_tensor",
    "check_weights",
    "make_cell",
    "picture_cell_options",
    "read_widths",
]


def check_frames(cell: Cell, x: Tensor) -> None:
    """Refuse what is no clip for a layer whose first cell is `cell`."""
    check_tensor("the clip", x)
    axes = "[B, T, C, H, W]" if cell.rank == 2 else "[B, T, C]"
    if x.ndim != 3 + cell.rank or x.shape[1] < 1 or 0 in x.shape[3:]:
        raise SeqimgError(
            f"ConvRNN cannot run over a tensor of shape {tuple(x.shape)}",
            why=f"with {cell.name} it takes clips {axes} of at least one frame",
            hint="x.unsqueeze(1) for single frames" if x.ndim == 2 + cell.rank else None,
        )
    if x.shape[2] != cell.input_channels:
        raise SeqimgError(
            f"ConvRNN was built for {cell.input_channels} input channels, the frames have {x.shape[2]}",
            why=f"the shape is {tuple(x.shape)}, read as {axes}",
        )
    if not x.is_floating_point():
        raise SeqimgError(
            f"ConvRNN cannot run over frames of {x.dtype}",
            why="it computes with real numbers",
            hint="x.float() / 255 for pictures of uint8",
        )


def check_state(state: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
    """Refuse a state that is not like `wanted`."""
    if len(state) != len(wanted):
        raise SeqimgError(
            f"the state has {len(state)} levels, this layer has {len(wanted)}",
            why="it is a tuple with one tensor a level, or two where there are two directions",
            hint="state=None to start afresh",
        )
    for level, (got, start) in enumerate(zip(state, wanted, strict=True)):
        check_tensor(f"the state of level {level}", got)
        if (got.shape, got.dtype, got.device) != (start.shape, start.dtype, start.device):
            raise SeqimgError(
                f"the state of level {level} is {got.dtype} {tuple(got.shape)} on {got.device}",
                why=f"these frames need {start.dtype} {tuple(start.shape)} on {start.device}",
                hint="state=None to start afresh",
            )


def check_tensor(what: str, value: object) -> None:
    """Refuse what is no tensor."""
    if not isinstance(value, Tensor):
        raise SeqimgError(f"{what} is {type(value).__name__}, it has to be a tensor")


def read_widths(hidden_channels: object) -> list[int]:
    """Return the channels of each level."""
    if isinstance(hidden_channels, int):
        return [hidden_channels]
    if (
        isinstance(hidden_channels, Iterable)
        and not isinstance(hidden_channels, str)
        and (w := [*hidden_channels])
    ):
        return w
    raise UsageError(
        f"a ConvRNN cannot have hidden_channels={hidden_channels!r}",
        why="it needs at least one level, each with a whole number of channels",
        hint="hidden_channels=64",
    )


def check_options(dropout: object, zoneout: object, start: object) -> None:
    """Refuse impossible options of a layer."""
    for option, value in (("dropout", dropout), ("zoneout", zoneout)):
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise UsageError(f"{option}={value!r} is no probability", why="it has to be in [0, 1)")
    if start not in ("zeros", "learned"):
        raise UsageError(f"a ConvRNN has no start={start!r}", why="it is 'zeros' or 'learned'")


def check_norm(cell: Cell, groups: object) -> None:
    """Refuse groups of normalisation that do not fit a cell."""
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 0:
        raise UsageError(
            f"norm_groups={groups!r} is no number of groups", why="it is a whole number, 0 for none"
        )
    if groups and (cell.projected_channels % cell.hidden_channels or cell.hidden_channels % groups):
        raise UsageError(
            f"norm_groups={groups} does not divide the {cell.hidden_channels} channels of a gate",
            why=f"{cell.name} has {cell.projected_channels} channels of pre-activations",
        )
    if cell.rank == 0 and groups == cell.hidden_channels:
        raise UsageError(
            f"norm_groups={groups} makes groups of one number each, which normalisation turns into 0",
            why=f"{cell.name} has {cell.hidden_channels} channels a gate, and no pixels",
        )


def make_cell(
    name: str, input_channels: int, width: int, options: dict[str, object], layer_options: Iterable[str]
) -> Cell:
    """Return a registered cell; an unknown option may be meant for it or for the layer."""
    cell_class = plugin_host().cells.load(name)
    known = _options(cell_class)
    for option in options:
        if option not in known:
            near = did_you_mean(option, [*known, *layer_options])
            raise UsageError(
                f"neither ConvRNN nor cell {name} has an option {option!r}",
                why=f"options of {name}: {', '.join(known) or 'none'}",
                hint=f"{near}={options[option]!r}" if near else None,
            )
    return cast(Cell, cell_class(input_channels=input_channels, hidden_channels=width, **options))


def picture_cell_options(name: str, **options: Any) -> dict[str, Any]:
    """Return those of some options that a registered cell has, so that a model can be built of any cell for pictures.

    Args:
        name: Name of the cell.
        **options: What would be passed to it.

    Raises:
        UnavailableError: No such cell is registered.
        UsageError: It is for feature vectors.

    Example:
        >>> picture_cell_options("conv_gru", kernel_size=5, patience=1)
        {'kernel_size': 5}
        >>> picture_cell_options("lstm", kernel_size=5)
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: the cell lstm reads no pictures
        it is for feature vectors, which have no height and width
        Try: --cell conv_gru, or another of rank 2 in seqimg cells list
    """
    cell_class = plugin_host().cells.load(name)
    if cell_class.rank != 2:
        raise UsageError(
            f"the cell {name} reads no pictures",
            why="it is for feature vectors, which have no height and width",
            hint="--cell conv_gru, or another of rank 2 in seqimg cells list",
        )
    known = _options(cell_class)
    return {option: value for option, value in options.items() if option in known}


def _options(cell_class: type[Cell]) -> list[str]:
    return [f.name for f in fields(cell_class) if f.name not in ("input_channels", "hidden_channels")]


def check_weights(cell: Cell, weights: Weights) -> None:
    """Refuse weights that are not those of a cell."""
    shapes, given = cell.shapes(), {name: tuple(weight.shape) for name, weight in weights.items()}
    faults = [f"{name} is missing" for name in shapes if name not in given]
    faults += [f"{name} is unknown" for name in given if name not in shapes]
    faults += [
        f"{name} is {given[name]}, not {shape}"
        for name, shape in shapes.items()
        if name in given and given[name] != shape
    ]
    if faults:
        raise UsageError(f"these are no weights of {cell}", why="; ".join(faults))


def check_cells(cells: Sequence[Cell]) -> None:
    """Refuse cells that do not follow one another."""
    if not cells:
        raise UsageError("a ConvRNN needs at least one level")
    for level, (below, above) in enumerate(pairwise(cells)):
        if below.rank != above.rank or below.hidden_channels != above.input_channels:
            raise UsageError(
                f"level {level + 1} takes {above.input_channels} channels, level {level} has {below.hidden_channels}",
                why=f"{above.name} cannot follow {below.name}" if below.rank != above.rank else None,
            )
