"""Weights from elsewhere: cells of public projects, imported exactly.

| kind | what it reads | keys | becomes |
|---|---|---|---|
| `raft` | princeton-vl/RAFT `ConvGRU` | `convz`, `convr`, `convq` | `conv_gru` |
| `raft_sep` | princeton-vl/RAFT `SepConvGRU` | `convz1`, …, `convq2` | `sep_conv_gru` |
| `raft_stereo` | princeton-vl/RAFT-Stereo `ConvGRU` | `convz`, `convr`, `convq` | `conv_gru` and a gate bias |
| `torchvision_raft` | torchvision `RecurrentBlock` | `convgru1.convz`, … | `sep_conv_gru`, small: `conv_gru` |
| `rvm` | RobustVideoMatting `ConvGRU` | `ih.0`, `hh.0` | `conv_gru` |
| `dgmr` | skillful_nowcasting `ConvGRUCell` | `read_gate_conv`, … | `conv_gru`, ReLU |
| `e2vid` | rpg_e2vid `ConvGRU`, `ConvLSTM` | `reset_gate`, … or `Gates` | `conv_gru` or `conv_lstm` |
| `jacobkimmel` | jacobkimmel/pytorch_convgru | `reset_gate`, … | `conv_gru` |
| `happyjin` | happyjin/ConvGRU-pytorch | `conv_gates`, `conv_can` | `conv_gru` |
| `aserdega` | aserdega/convlstmgru | `conv_zr`, `conv_h1`, `conv_h2` | `conv_gru`, reset after |
| `ndrplz` | ndrplz/ConvLSTM_pytorch | `conv` | `conv_lstm` |
| `torch_gru` | `torch.nn.GRU`, `torch.nn.GRUCell` | `weight_ih_l0`, … | `gru` |
| `keras_gru` | `keras.layers.GRU` | `kernel`, `recurrent_kernel`, `bias` | `gru` |
| `keras_conv_lstm` | `keras.layers.ConvLSTM2D` | the same | `conv_lstm` |

Channels, kernel sizes and, where they tell, options are read off the shapes. What weights cannot tell is
taken to be the project's default; set anything else on the cell, which is a plain dataclass:
`dataclasses.replace(cell, activation="relu")`.
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from seqimg.cells.importing.conv_kinds import (
    aserdega,
    dgmr,
    e2vid,
    happyjin,
    ndrplz,
    raft,
    raft_sep,
    rvm,
    torchvision_raft,
)
from seqimg.cells.importing.framework_kinds import keras_conv_lstm, keras_gru, torch_gru
from seqimg.cells.importing.source import Imported, MisfitError, Source
from seqimg.errors import SeqimgError, UsageError, did_you_mean

__all__ = ["KINDS", "Imported", "import_cell", "stack_gate_maps"]

Reader = Callable[..., Imported]
KINDS: Mapping[str, Reader] = {
    "aserdega": aserdega,
    "dgmr": dgmr,
    "e2vid": e2vid,
    "happyjin": happyjin,
    "jacobkimmel": e2vid,  # E2VID took its ConvGRU from there
    "keras_conv_lstm": keras_conv_lstm,
    "keras_gru": keras_gru,
    "ndrplz": ndrplz,
    "raft": raft,
    "raft_sep": raft_sep,
    "raft_stereo": raft,
    "rvm": rvm,
    "torch_gru": torch_gru,
    "torchvision_raft": torchvision_raft,
}
"""What can be imported, by name."""


def import_cell(kind: str, state_dict: Mapping[str, Any], *, prefix: str = "", **options: object) -> Imported:
    """Read one cell out of another project's weights.

    The result computes what the original computes, up to rounding. Weights keep their dtype and device
    (several dtypes become the widest) and share no memory with the state dict.

    Args:
        kind: One of [KINDS][seqimg.cells.importing], which lists them.
        state_dict: Tensors or NumPy arrays by key. A `module.` in front of all keys, which
            `DataParallel` leaves, is ignored.
        prefix: Where in the state dict the cell is, for example `"update_block.gru."`.
        **options: `torch_gru`: `layer=0`, `reverse=False`. `keras_gru`: `reset`, only needed without
            bias, and `recurrent_activation`. `keras_conv_lstm`: `padding` and `recurrent_activation`. The
            last two only exist to refuse what is not supported: say what the layer was built with.

    Returns:
        The cell and its parameters by canonical name.

    Raises:
        UsageError: The kind or an option is unknown, or the cell cannot exist (an even kernel).
        SeqimgError: Keys are missing, surplus or misshapen, a weight is not finite, or the project's
            cell has no equal here.

    Example:
        >>> gru = torch.nn.GRU(input_size=2, hidden_size=4)
        >>> cell, weights = import_cell("torch_gru", gru.state_dict())
        >>> cell
        GRUCell(input_channels=2, hidden_channels=4, reset='after')
        >>> x, h = torch.rand(1, 2), torch.rand(1, 4)
        >>> torch.allclose(cell.step(cell.project(x, weights), h, weights), gru(x, h)[1], atol=1e-6)
        True
    """
    reader = _reader(kind)
    _check_options(kind, reader, options)
    entries = _without_module(state_dict)
    place = _place(entries, prefix.removeprefix("module."))
    try:
        return reader(Source(kind, _under(entries, place), place), **options)
    except MisfitError as error:
        raise SeqimgError(error.message, why=error.why, hint=_advice(kind, entries, place, options)) from None


def stack_gate_maps(cz: Tensor, cr: Tensor, cq: Tensor) -> Tensor:
    """Return RAFT-Stereo's additive maps as the gate bias of the imported cell.

    RAFT-Stereo computes three maps from the context of a picture pair, once, and adds them to the
    pre-activations of z, r and q at every step. Here that is one map added to the projection, in the
    order r, z, n. (RAFT's z = 1 takes the new value, as ours: nothing is mirrored.)

    Args:
        cz: `[B, C, H, W]`, added to z.
        cr: `[B, C, H, W]`, added to r.
        cq: `[B, C, H, W]`, added to the candidate.

    Returns:
        The gate bias `[B, 3C, H, W]`.

    Raises:
        SeqimgError: The maps are of different shapes.

    Example:
        >>> cz, cr, cq = (torch.full((1, 1, 1, 1), float(value)) for value in (1, 2, 3))
        >>> stack_gate_maps(cz, cr, cq).flatten().tolist()
        [2.0, 1.0, 3.0]
    """
    if not cz.shape == cr.shape == cq.shape or cz.ndim != 4:
        shapes = ", ".join(str(tuple(part.shape)) for part in (cz, cr, cq))
        raise SeqimgError(
            "cannot stack these gate maps", why=f"three [B, C, H, W] alike are needed, got {shapes}"
        )
    return torch.cat([cr, cz, cq], dim=1)


def _reader(kind: str) -> Reader:
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise UsageError(
            f"cannot import cells of kind {kind!r}",
            why=f"the kinds are {', '.join(KINDS)}",
            hint=f"import_cell({near!r}, …)" if near else None,
        )
    return KINDS[kind]


def _check_options(kind: str, reader: Reader, options: Mapping[str, object]) -> None:
    known = list(signature(reader).parameters)[1:]
    for option in options:
        if option not in known:
            near = did_you_mean(option, known)
            raise UsageError(
                f"{kind} has no option {option!r}",
                why=f"its options are {', '.join(known)}" if known else "it has none",
                hint=f"{near}=…" if near else None,
            )


def _without_module(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    if all(name.startswith("module.") for name in state_dict):
        return {name.removeprefix("module."): value for name, value in state_dict.items()}
    return dict(state_dict)


def _place(entries: Mapping[str, Any], prefix: str) -> str:
    """Return the prefix with the dot (Keras: slash) at its end."""
    if prefix == "" or prefix[-1] in "./":
        return prefix
    return prefix + ("/" if any(name.startswith(prefix + "/") for name in entries) else ".")


def _under(entries: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {name[len(place) :]: value for name, value in entries.items() if name.startswith(place)}


def _advice(kind: str, entries: Mapping[str, Any], tried: str, options: Mapping[str, object]) -> str | None:
    """Return where in the state dict the cell is, or what else it is, if anything fits."""
    places = dict.fromkeys(
        name[:cut] for name in entries for cut in range(1, len(name)) if name[cut - 1] in "./"
    )
    found = [place for place in places if _fits(KINDS[kind], kind, _under(entries, place), options)]
    if found:
        return " or ".join(f"prefix={place!r}" for place in found[:4])
    others = [other for other in KINDS if _fits(KINDS[other], other, _under(entries, tried), {})]
    return " or ".join(f"import_cell({other!r}, …)" for other in others) or None


def _fits(reader: Reader, kind: str, entries: Mapping[str, Any], options: Mapping[str, object]) -> bool:
    try:
        reader(Source(kind, entries), **options)
    except SeqimgError:
        return False
    return True
