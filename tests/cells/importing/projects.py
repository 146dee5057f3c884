"""The cells of other projects, restated from their equations in their own conventions, for the tests.

Each step takes the project's own parameters and one frame and returns the project's own next state. LSTM
states are h and c one after the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from tests.cells.importing.keras_layers import conv_lstm, conv_lstm_shapes, gru_after, gru_before, gru_shapes

Parameters = Mapping[str, Tensor]
Step = Callable[[Parameters, Tensor, Tensor], Tensor]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Project:
    """One project's cell: the kind it is imported as, its parameters, its step."""

    kind: str
    shapes: Callable[[int, int, int], Shapes]
    step: Step
    variant: str = ""
    state_parts: int = 1
    equal_channels: bool = False
    kernels: tuple[int, ...] = (1, 3, 5)
    options: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.kind + self.variant


def _conv(p: Parameters, name: str, *parts: Tensor) -> Tensor:
    weight = p[name + ".weight"]
    padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    return conv2d(torch.cat(parts, dim=1), weight, p.get(name + ".bias"), padding=padding)


def _shapes(
    *convolutions: tuple[str, int, int], kernel: tuple[int, int], bias: bool = True, prefix: str = ""
) -> Shapes:
    shapes: Shapes = {}
    for name, outputs, inputs in convolutions:
        shapes[f"{prefix}{name}.weight"] = (outputs, inputs, *kernel)
        if bias:
            shapes[f"{prefix}{name}.bias"] = (outputs,)
    return shapes


def _raft_pass(p: Parameters, x: Tensor, h: Tensor, names: tuple[str, str, str]) -> Tensor:
    z = torch.sigmoid(_conv(p, names[0], h, x))
    r = torch.sigmoid(_conv(p, names[1], h, x))
    q = torch.tanh(_conv(p, names[2], r * h, x))
    return (1 - z) * h + z * q


RAFT_GATES = ("convz", "convr", "convq")


def _raft_shapes(x: int, c: int, k: int) -> Shapes:
    return _shapes(*((name, c, c + x) for name in RAFT_GATES), kernel=(k, k))


def _raft(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    return _raft_pass(p, x, h, RAFT_GATES)


def _raft_sep_shapes(x: int, c: int, k: int) -> Shapes:
    rows = _shapes(*((name + "1", c, c + x) for name in RAFT_GATES), kernel=(1, k))
    return rows | _shapes(*((name + "2", c, c + x) for name in RAFT_GATES), kernel=(k, 1))


def _raft_sep(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    h = _raft_pass(p, x, h, ("convz1", "convr1", "convq1"))
    return _raft_pass(p, x, h, ("convz2", "convr2", "convq2"))


def _torchvision_names(number: int) -> tuple[str, str, str]:
    return (f"convgru{number}.convz", f"convgru{number}.convr", f"convgru{number}.convq")


def _torchvision_shapes(x: int, c: int, k: int) -> Shapes:
    rows = _shapes(*((name, c, c + x) for name in _torchvision_names(1)), kernel=(1, k))
    return rows | _shapes(*((name, c, c + x) for name in _torchvision_names(2)), kernel=(k, 1))


def _torchvision(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    return _raft_pass(p, x, _raft_pass(p, x, h, _torchvision_names(1)), _torchvision_names(2))


def _torchvision_small_shapes(x: int, c: int, k: int) -> Shapes:
    return _shapes(*((name, c, c + x) for name in _torchvision_names(1)), kernel=(k, k))


def _torchvision_small(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    return _raft_pass(p, x, h, _torchvision_names(1))


def _rvm_shapes(_: int, c: int, k: int) -> Shapes:
    return _shapes(("ih.0", 2 * c, 2 * c), ("hh.0", c, 2 * c), kernel=(k, k))


def _rvm(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    c = h.shape[1]
    rz = torch.sigmoid(_conv(p, "ih.0", x, h))
    r, z = rz[:, :c], rz[:, c:]
    return (1 - z) * h + z * torch.tanh(_conv(p, "hh.0", x, r * h))


def _e2vid_shapes(x: int, c: int, k: int) -> Shapes:
    return _shapes(*((name, c, x + c) for name in ("reset_gate", "update_gate", "out_gate")), kernel=(k, k))


def _e2vid(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    update = torch.sigmoid(_conv(p, "update_gate", x, h))
    reset = torch.sigmoid(_conv(p, "reset_gate", x, h))
    out = torch.tanh(_conv(p, "out_gate", x, h * reset))
    return h * (1 - update) + out * update


def _lstm_of(name: str) -> Step:
    def step(p: Parameters, x: Tensor, state: Tensor) -> Tensor:
        c = state.shape[1] // 2
        h, memory = state[:, :c], state[:, c:]
        gates = _conv(p, name, x, h)
        i, f, o = (torch.sigmoid(gates[:, n * c : (n + 1) * c]) for n in (0, 1, 2))
        memory = f * memory + i * torch.tanh(gates[:, 3 * c :])
        return torch.cat([o * torch.tanh(memory), memory], dim=1)

    return step


def _happyjin_shapes(x: int, c: int, k: int, *, bias: bool = True) -> Shapes:
    return _shapes(("conv_gates", 2 * c, x + c), ("conv_can", c, x + c), kernel=(k, k), bias=bias)


def _happyjin(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    c = h.shape[1]
    both = _conv(p, "conv_gates", x, h)
    reset, update = torch.sigmoid(both[:, :c]), torch.sigmoid(both[:, c:])
    return (1 - update) * h + update * torch.tanh(_conv(p, "conv_can", x, reset * h))


def _aserdega_shapes(x: int, c: int, k: int) -> Shapes:
    return _shapes(("conv_zr", 2 * c, x + c), ("conv_h1", c, x), ("conv_h2", c, c), kernel=(k, k))


def _aserdega(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    c = h.shape[1]
    both = torch.sigmoid(_conv(p, "conv_zr", x, h))
    z, r = both[:, :c], both[:, c:]
    new = torch.tanh(_conv(p, "conv_h1", x) + r * _conv(p, "conv_h2", h))
    return (1 - z) * new + z * h


def _dgmr_shapes(x: int, c: int, k: int) -> Shapes:
    names = ("read_gate_conv", "update_gate_conv", "output_conv")
    return _shapes(*((name, c, x + c) for name in names), kernel=(k, k))


def dgmr(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    read = torch.sigmoid(_conv(p, "read_gate_conv", x, h))
    update = torch.sigmoid(_conv(p, "update_gate_conv", x, h))
    new = torch.relu(_conv(p, "output_conv", x, read * h))
    return update * h + (1 - update) * new


CONVOLUTIONAL = [
    Project("raft", _raft_shapes, _raft),
    Project("raft_stereo", _raft_shapes, _raft),
    Project("raft_sep", _raft_sep_shapes, _raft_sep, kernels=(1, 3, 5)),
    Project("torchvision_raft", _torchvision_shapes, _torchvision, variant=" large", kernels=(3, 5)),
    Project("torchvision_raft", _torchvision_small_shapes, _torchvision_small, variant=" small"),
    Project("rvm", _rvm_shapes, _rvm, equal_channels=True),
    Project("dgmr", _dgmr_shapes, dgmr, variant=" without norm", kernels=(3,)),
    Project("e2vid", _e2vid_shapes, _e2vid, variant=" gru"),
    Project(
        "e2vid",
        lambda x, c, k: _shapes(("Gates", 4 * c, x + c), kernel=(k, k)),
        _lstm_of("Gates"),
        variant=" lstm",
        state_parts=2,
    ),
    Project("jacobkimmel", _e2vid_shapes, _e2vid),
    Project("happyjin", _happyjin_shapes, _happyjin),
    Project(
        "happyjin", lambda x, c, k: _happyjin_shapes(x, c, k, bias=False), _happyjin, variant=" without bias"
    ),
    Project("aserdega", _aserdega_shapes, _aserdega),
    Project(
        "ndrplz",
        lambda x, c, k: _shapes(("conv", 4 * c, x + c), kernel=(k, k)),
        _lstm_of("conv"),
        state_parts=2,
    ),
    Project(
        "ndrplz",
        lambda x, c, k: _shapes(("conv", 4 * c, x + c), kernel=(k, k), bias=False),
        _lstm_of("conv"),
        variant=" without bias",
        state_parts=2,
    ),
    Project("keras_conv_lstm", conv_lstm_shapes, conv_lstm, state_parts=2),
    Project(
        "keras_conv_lstm",
        lambda x, c, k: {n: s for n, s in conv_lstm_shapes(x, c, k).items() if n != "bias"},
        conv_lstm,
        variant=" without bias",
        state_parts=2,
    ),
]

DENSE = [
    Project("keras_gru", lambda x, c, _: gru_shapes(x, c, biases=(2,)), gru_after, variant=" after"),
    Project("keras_gru", lambda x, c, _: gru_shapes(x, c, biases=()), gru_before, variant=" before"),
    Project(
        "keras_gru",
        lambda x, c, _: gru_shapes(x, c, biases=None),
        gru_after,
        variant=" after, without bias",
        options={"reset": "after"},
    ),
]
