"""Convolutional cells of public projects, read into canonical form.

Four rules do all the work:

- **Split.** Zero-padded, conv([x, h]; W) = conv(x; W_x) + conv(h; W_h); the order of the concatenation says
  which input channels are whose. It holds for the candidate too, whose x-part does not see r.
- **Reorder.** Gates are stacked r, z, n (GRU) and i, f, g, o (LSTM).
- **Mirror.** Where a project's z = 1 keeps the old state, the rows of z are negated: σ(-a) = 1 - σ(a).
- **Fold.** A spectral norm is divided out of each gate's whole weight, before anything is split.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.gating import Activation
from seqimg.cells.importing.source import Imported, Layout, Sizes, Source
from seqimg.cells.sep_conv_gru import SepConvGRUCell
from seqimg.errors import SeqimgError

__all__ = ["aserdega", "dgmr", "e2vid", "happyjin", "ndrplz", "raft", "raft_sep", "rvm", "torchvision_raft"]

Tensors = dict[str, Tensor]


def raft(source: Source) -> Imported:
    """`ConvGRU` of RAFT and RAFT-Stereo: convolutions of [h, x], `h' = (1 - z) h + z q`."""
    names = ("convr", "convz", "convq")
    tensors, sizes = source.fit(_convolutions(names, ("C", "C+X", "kh", "kw")))
    return _gru(tensors, names, sizes, state_first=True)


def raft_sep(source: Source) -> Imported:
    """`SepConvGRU` of RAFT: the same twice, 1 × k then k × 1."""
    passes = {"row": ("convr1", "convz1", "convq1"), "column": ("convr2", "convz2", "convq2")}
    return _separable(source, passes)


def torchvision_raft(source: Source) -> Imported:
    """`recurrent_block` of torchvision's RAFT: two passes in the large model, one in the small."""
    gates = ("convr", "convz", "convq")
    first, second = (tuple(f"convgru{number}.{gate}" for gate in gates) for number in (1, 2))
    if any(name.startswith("convgru2.") for name in source.entries):
        return _separable(source, {"row": first, "column": second})
    tensors, sizes = source.fit(_convolutions(first, ("C", "C+X", "kh", "kw")))
    return _gru(tensors, first, sizes, state_first=True)


def rvm(source: Source) -> Imported:
    """`ConvGRU` of RobustVideoMatting: convolutions of [x, h], X = C, gates r and z in one."""
    layout = _convolutions(("ih.0",), ("2C", "2C", "kh", "kw"))
    tensors, sizes = source.fit({**layout, **_convolutions(("hh.0",), ("C", "2C", "kh", "kw"))})
    return _gru(tensors, ("ih.0", "hh.0"), sizes | {"X": sizes["C"]})


def happyjin(source: Source) -> Imported:
    """`ConvGRUCell` of happyjin/ConvGRU-pytorch: convolutions of [x, h], gates r and z in one."""
    layout = _convolutions(("conv_gates",), ("2C", "X+C", "kh", "kw"), optional=True)
    layout |= _convolutions(("conv_can",), ("C", "X+C", "kh", "kw"), optional=True)
    tensors, sizes = source.fit(layout)
    return _gru(tensors, ("conv_gates", "conv_can"), sizes)


def e2vid(source: Source) -> Imported:
    """`ConvGRU` or `ConvLSTM` of E2VID, whichever the keys are of: convolutions of [x, h]."""
    if any(name.startswith("Gates.") for name in source.entries):
        return _lstm(source, "Gates")
    names = ("reset_gate", "update_gate", "out_gate")
    tensors, sizes = source.fit(_convolutions(names, ("C", "X+C", "kh", "kw")))
    return _gru(tensors, names, sizes)


def ndrplz(source: Source) -> Imported:
    """`ConvLSTMCell` of ndrplz/ConvLSTM_pytorch: one convolution of [x, h], gates i, f, o, g."""
    return _lstm(source, "conv")


def aserdega(source: Source) -> Imported:
    """`ConvGRUCell` of aserdega/convlstmgru: gates z, r of [x, h], reset after, `h' = (1 - z) n + z h`."""
    layout = _convolutions(("conv_zr",), ("2C", "X+C", "kh", "kw"), optional=True)
    layout |= _convolutions(("conv_h1",), ("C", "X", "kh", "kw"), optional=True)
    layout |= _convolutions(("conv_h2",), ("C", "C", "kh", "kw"), optional=True)
    tensors, sizes = source.fit(layout)
    x, c = sizes["X"], sizes["C"]
    z, r = tensors["conv_zr.weight"].split(c)
    cell = ConvGRUCell(x, c, kernel_size=(sizes["kh"], sizes["kw"]), reset="after")
    bias_z, bias_r = _bias(tensors, "conv_zr").split(c)
    bias_h = _bias(tensors, "conv_h2")
    weights = {
        "weight_x": torch.cat([r[:, :x], -z[:, :x], tensors["conv_h1.weight"]]),
        "weight_h": torch.cat([r[:, x:], -z[:, x:], tensors["conv_h2.weight"]]),
        "bias_x": torch.cat([bias_r, -bias_z, _bias(tensors, "conv_h1")]),
        "bias_h": torch.cat([bias_h.new_zeros(2 * c), bias_h]),
    }
    return Imported(cell, weights)


def dgmr(source: Source) -> Imported:
    """`ConvGRUCell` of skillful_nowcasting (DGMR): [x, h], `h' = u h + (1 - u) c`, ReLU, spectral norm."""
    untied = [name for name in source.entries if "cell_list." in name]
    if untied:
        steps = {name.split("cell_list.")[1].split(".")[0] for name in untied}
        first = untied[0][: untied[0].index("cell_list.")]
        raise SeqimgError(
            f"cannot import a DGMR ConvGRU of {len(steps)} cells as one cell",
            why="it has other weights at each time step, a cell has the same at all of them",
            hint=f"prefix='{source.place}{first}cell_list.0.' for the cell of the first step",
        )
    names = ("read_gate_conv", "update_gate_conv", "output_conv")
    normed = any(".parametrizations." in name for name in source.entries)
    tensors, sizes = source.fit(
        _spectral(names) if normed else _convolutions(names, ("C", "X+C", "kh", "kw"))
    )
    if (sizes["kh"], sizes["kw"]) != (3, 3):
        raise SeqimgError(
            f"cannot import a DGMR cell with a kernel of {sizes['kh']} × {sizes['kw']}",
            why="that project always pads by 1, which keeps the size of the picture for 3 × 3 only",
        )
    if normed:
        tensors |= {f"{name}.weight": _folded(tensors, name) for name in names}
    return _gru(tensors, names, sizes, mirrored=True, activation="relu")


def _convolutions(
    names: Sequence[str], axes: tuple[str, ...], *, optional: bool = False
) -> dict[str, tuple[str, ...]]:
    bias = ".bias?" if optional else ".bias"
    return {
        name + part: axes if part == ".weight" else axes[:1] for name in names for part in (".weight", bias)
    }


def _spectral(names: Sequence[str]) -> Layout:
    layout: dict[str, tuple[str, ...]] = {}
    for name in names:
        layout[f"{name}.bias"] = ("C",)
        layout[f"{name}.parametrizations.weight.original"] = ("C", "X+C", "kh", "kw")
        layout[f"{name}.parametrizations.weight.0._u"] = ("C",)
        layout[f"{name}.parametrizations.weight.0._v"] = ("X*kh*kw+C*kh*kw",)
    return layout


def _folded(tensors: Tensors, name: str) -> Tensor:
    """Divide a weight by its spectral norm uᵀ W v, as the original does in evaluation mode."""
    weight, u, v = (
        tensors[f"{name}.parametrizations.weight.{part}"].double() for part in ("original", "0._u", "0._v")
    )
    sigma = u @ weight.flatten(1) @ v
    if sigma == 0:
        raise SeqimgError("cannot import dgmr weights", why=f"the spectral norm of {name} is 0")
    return (weight / sigma).to(tensors[f"{name}.bias"].dtype)


def _bias(tensors: Tensors, name: str) -> Tensor:
    """Return the bias of a convolution, zeros where the project was told to go without."""
    weight = tensors[f"{name}.weight"]
    return tensors.get(f"{name}.bias", weight.new_zeros(len(weight)))


def _gru(
    tensors: Tensors,
    names: Sequence[str],
    sizes: Sizes,
    *,
    state_first: bool = False,
    mirrored: bool = False,
    activation: Activation = "tanh",
) -> Imported:
    """Read a ConvGRU with reset before from convolutions that together stack r, z, n."""
    x, c = sizes["X"], sizes["C"]
    weight = torch.cat([tensors[f"{name}.weight"] for name in names])  # [3C, X + C, kh, kw]
    bias = torch.cat([_bias(tensors, name) for name in names])
    if mirrored:
        weight[c : 2 * c] *= -1
        bias[c : 2 * c] *= -1
    weight_x, weight_h = reversed(weight.split([c, x], dim=1)) if state_first else weight.split([x, c], dim=1)
    cell = ConvGRUCell(x, c, kernel_size=(sizes["kh"], sizes["kw"]), activation=activation)
    parts = {"weight_x": weight_x.contiguous(), "weight_h": weight_h.contiguous(), "bias_x": bias}
    return Imported(cell, parts)


def _separable(source: Source, passes: Mapping[str, tuple[str, ...]]) -> Imported:
    layout = _convolutions(passes["row"], ("C", "C+X", "1", "k"))
    tensors, sizes = source.fit(layout | _convolutions(passes["column"], ("C", "C+X", "k", "1")))
    weights: Tensors = {}
    for name, gates in passes.items():
        shape = {"kh": 1, "kw": sizes["k"]} if name == "row" else {"kh": sizes["k"], "kw": 1}
        part = _gru(tensors, gates, sizes | shape, state_first=True)
        weights |= {f"{key}_{name}": weight for key, weight in part.weights.items()}
    return Imported(SepConvGRUCell(sizes["X"], sizes["C"], kernel_size=sizes["k"]), weights)


def _lstm(source: Source, name: str) -> Imported:
    """Read a ConvLSTM from one convolution of [x, h] with gates i, f, o, g."""
    tensors, sizes = source.fit(_convolutions((name,), ("4C", "X+C", "kh", "kw"), optional=True))
    x, c = sizes["X"], sizes["C"]
    weight, bias = (_swap_last_gates(part) for part in (tensors[f"{name}.weight"], _bias(tensors, name)))
    weights = {
        "weight_x": weight[:, :x].contiguous(),
        "weight_h": weight[:, x:].contiguous(),
        "bias_x": bias,
    }
    return Imported(ConvLSTMCell(x, c, kernel_size=(sizes["kh"], sizes["kw"])), weights)


def _swap_last_gates(stacked: Tensor) -> Tensor:
    i, f, o, g = stacked.chunk(4)
    return torch.cat([i, f, g, o])
