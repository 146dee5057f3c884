"""Cells of torch and Keras, read into canonical form."""

import re

import torch
from torch import Tensor

from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.gating import Reset
from seqimg.cells.gru import GRUCell
from seqimg.cells.importing.source import Imported, Source
from seqimg.errors import SeqimgError, UsageError

__all__ = ["keras_conv_lstm", "keras_gru", "torch_gru"]


_TORCH_NAME = re.compile(r"(weight|bias)_(ih|hh)_l\d+(_reverse)?")


def torch_gru(source: Source, *, layer: int = 0, reverse: bool = False) -> Imported:
    """One layer and direction of `torch.nn.GRU`, or a `torch.nn.GRUCell`: `h' = (1 - z) n + z h`.

    Args:
        source: The entries.
        layer: Which layer.
        reverse: Whether to take the layer's backward direction.
    """
    suffix = "" if "weight_ih" in source.entries else f"_l{layer}" + ("_reverse" if reverse else "")
    layout = {
        f"weight_ih{suffix}": ("3C", "X"),
        f"weight_hh{suffix}": ("3C", "C"),
        f"bias_ih{suffix}?": ("3C",),
        f"bias_hh{suffix}?": ("3C",),
    }
    own = {
        name: value
        for name, value in source.entries.items()
        if f"{name}?" in layout or name in layout or not _TORCH_NAME.fullmatch(name)
    }
    tensors, sizes = Source(source.kind, own, source.place).fit(layout)
    weight_x, weight_h = tensors[f"weight_ih{suffix}"], tensors[f"weight_hh{suffix}"]
    none = weight_x.new_zeros(3 * sizes["C"])
    weights = {
        "weight_x": weight_x,
        "weight_h": weight_h,
        "bias_x": tensors.get(f"bias_ih{suffix}", none),
        "bias_h": tensors.get(f"bias_hh{suffix}", none),
    }
    mirrored = {name: _mirrored(*weight.chunk(3)) for name, weight in weights.items()}
    return Imported(GRUCell(sizes["X"], sizes["C"]), mirrored)


def keras_gru(
    source: Source, *, reset: Reset | None = None, recurrent_activation: str = "sigmoid"
) -> Imported:
    """`keras.layers.GRU`: gates z, r, h, `h' = z h + (1 - z) n`, matrices from input to output.

    Args:
        source: The entries `kernel`, `recurrent_kernel` and, unless it was built without, `bias`.
        reset: `"after"` if it was built with `reset_after=True` (Keras' default), else `"before"`. The
            shape of the bias tells; without a bias it has to be given.
        recurrent_activation: What it was built with.
    """
    _only("recurrent_activation", recurrent_activation, "sigmoid")
    told = reset
    if "bias" in source.entries:
        told = "after" if source.tensor("bias").ndim == 2 else "before"
    if told is None:
        raise UsageError(
            "these Keras GRU weights do not tell where the reset gate acts",
            why="they have no bias, whose shape would tell",
            hint="reset='after' if it was built with reset_after=True, else reset='before'",
        )
    if reset not in (None, told):
        raise UsageError(
            f"these Keras GRU weights are not of reset={reset!r}", why="the bias tells otherwise"
        )
    tensors, sizes = source.fit(
        {
            "kernel": ("X", "3C"),
            "recurrent_kernel": ("C", "3C"),
            "bias?": ("2", "3C") if told == "after" else ("3C",),
        }
    )
    none = tensors["kernel"].new_zeros(2, 3 * sizes["C"])
    biases = tensors.get("bias", none).view(-1, 3 * sizes["C"])  # [1 or 2, 3C]
    parts = {
        "weight_x": tensors["kernel"].T,
        "weight_h": tensors["recurrent_kernel"].T,
        "bias_x": biases[0],
    }
    if told == "after":
        parts["bias_h"] = biases[1]
    weights = {}
    for name, part in parts.items():
        z, r, n = part.chunk(3)
        weights[name] = _mirrored(r, z, n)
    return Imported(GRUCell(sizes["X"], sizes["C"], reset=told), weights)


def keras_conv_lstm(
    source: Source, *, padding: str = "same", recurrent_activation: str = "sigmoid"
) -> Imported:
    """`keras.layers.ConvLSTM2D`: gates i, f, c, o, kernels `[kh, kw, in, out]`.

    Args:
        source: The entries `kernel`, `recurrent_kernel` and, unless it was built without, `bias`.
        padding: What it was built with; Keras' own default is `"valid"`, which is not supported.
        recurrent_activation: What it was built with; `"hard_sigmoid"`, the default before Keras 3, is
            not supported.
    """
    _only("padding", padding, "same")
    _only("recurrent_activation", recurrent_activation, "sigmoid")
    tensors, sizes = source.fit(
        {
            "kernel": ("kh", "kw", "X", "4C"),
            "recurrent_kernel": ("kh", "kw", "C", "4C"),
            "bias?": ("4C",),
        }
    )
    weights = {
        "weight_x": tensors["kernel"].permute(3, 2, 0, 1).contiguous(),
        "weight_h": tensors["recurrent_kernel"].permute(3, 2, 0, 1).contiguous(),
        "bias_x": tensors.get("bias", tensors["kernel"].new_zeros(4 * sizes["C"])),
    }
    return Imported(ConvLSTMCell(sizes["X"], sizes["C"], kernel_size=(sizes["kh"], sizes["kw"])), weights)


def _mirrored(r: Tensor, z: Tensor, n: Tensor) -> Tensor:
    return torch.cat([r, -z, n])


def _only(option: str, given: str, supported: str) -> None:
    if given != supported:
        raise SeqimgError(
            f"cannot import a Keras layer with {option}={given!r}",
            why=f"no cell computes that; {option}={supported!r} is supported",
        )
