"""Weights: their names, copies, files and other dtypes; layers of imported cells; torch's own dense layers."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

import seqimg
from seqimg.errors import UsageError
from seqimg.nn import ConvRNN
from tests.nn.layers import CELLS, clip, every_cell, make
from tests.tolerances import IMPORTED, relative_error

OPTIONS: dict[str, Any] = {"bidirectional": True, "norm_groups": 1, "start": "learned"}


@every_cell
def test_names_are_canonical(cell: str) -> None:
    layer = make(cell, **OPTIONS)
    wanted: dict[str, tuple[int, ...]] = {}
    for number, each in enumerate(layer.cells):
        own: dict[str, tuple[int, ...]] = {**each.shapes(), "norm": (each.projected_channels,)}
        own["first_state"] = (each.state_channels,)
        for direction in ("levels", "backward_levels"):
            wanted |= {f"{direction}.{number}.{name}": shape for name, shape in own.items()}
    assert {name: tuple(tensor.shape) for name, tensor in layer.state_dict().items()} == wanted
    plain = make(cell, (3,)).state_dict()
    assert set(plain) == {f"levels.0.{name}" for name in layer.cells[0].shapes()}


def _copied(layer: ConvRNN, folder: Path) -> ConvRNN:
    return deepcopy(layer)


def _loaded(layer: ConvRNN, folder: Path) -> ConvRNN:
    other = make(layer.cells[0].name, seed=1, **OPTIONS)
    other.load_state_dict(layer.state_dict())
    return other


def _assigned(layer: ConvRNN, folder: Path) -> ConvRNN:
    other = make(layer.cells[0].name, seed=1, **OPTIONS)
    other.load_state_dict(deepcopy(layer.state_dict()), assign=True)
    return other


def _from_file(layer: ConvRNN, folder: Path) -> ConvRNN:
    save_model(layer, str(folder / "layer.safetensors"))
    other = make(layer.cells[0].name, seed=1, **OPTIONS)
    missing, unexpected = load_model(other, str(folder / "layer.safetensors"))
    assert not missing
    assert not unexpected
    return other


def _from_meta(layer: ConvRNN, folder: Path) -> ConvRNN:
    with torch.device("meta"):
        other = ConvRNN(2, (3, 3), cell=layer.cells[0].name, **CELLS[layer.cells[0].name], **OPTIONS)
    assert all(parameter.is_meta for parameter in other.parameters())
    other.to_empty(device="cpu").double().load_state_dict(layer.state_dict())
    return other.eval()


@every_cell
@pytest.mark.parametrize("way", [_copied, _loaded, _assigned, _from_file, _from_meta])
def test_copies_are_equal_and_independent(
    cell: str, way: Callable[[ConvRNN, Path], ConvRNN], tmp_path: Path
) -> None:
    layer = make(cell, **OPTIONS)
    x = clip(layer)
    wanted, _ = layer(x)
    other = way(layer, tmp_path)
    assert torch.equal(other(x)[0], wanted)
    assert repr(other) == repr(layer)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.5)
    assert torch.equal(layer(x)[0], wanted)
    assert relative_error(other(x)[0], wanted) > 1e-3


@every_cell
def test_a_layer_moves_to_other_dtypes(cell: str) -> None:
    layer = make(cell, **OPTIONS)
    x = clip(layer)
    wanted, _ = layer(x)
    layer.float()
    found, state = layer(x.float())
    assert {tensor.dtype for tensor in (found, *state, *layer.parameters())} == {torch.float32}
    assert relative_error(found, wanted) < 1e-5
    layer.to(torch.bfloat16)
    assert layer(x.bfloat16())[0].dtype == torch.bfloat16


@every_cell
def test_a_layer_takes_channels_last_weights(cell: str) -> None:
    layer = make(cell, **OPTIONS).float()
    x = clip(layer).float()
    wanted, _ = layer(x)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert relative_error(layer(x)[0], wanted) < 1e-5


def test_an_incomplete_state_dict_is_refused_by_torch() -> None:
    layer = make("conv_gru")
    entries = layer.state_dict()
    del entries["levels.1.bias_x"]
    with pytest.raises(RuntimeError, match=r"levels\.1\.bias_x"):
        layer.load_state_dict(entries)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_dense_gru_is_torchs(bidirectional: bool) -> None:
    """The same weights through the importer: outputs and last states."""
    original = nn.GRU(3, 4, batch_first=True, bidirectional=bidirectional).double()
    layer = ConvRNN(3, 4, cell="gru", bidirectional=bidirectional).double()
    for suffix, levels in (("", layer.levels), ("_reverse", layer.backward_levels)):
        if levels is not None:
            entries = {
                name.removesuffix("_reverse"): tensor
                for name, tensor in original.state_dict().items()
                if name.endswith("_reverse") == bool(suffix)
            }
            levels[0].load_state_dict(dict(seqimg.import_cell("torch_gru", entries)[1]))
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    (outputs, state), (wanted, last) = layer(x), original(x)
    assert relative_error(outputs, wanted) < IMPORTED[torch.float64]
    for one, other in zip(state, last, strict=True):
        assert relative_error(one, other) < IMPORTED[torch.float64]


def test_layers_of_imported_cells() -> None:
    originals = [nn.GRU(3, 4, batch_first=True), nn.GRU(4, 2, batch_first=True)]
    layer = ConvRNN.from_cells([seqimg.import_cell("torch_gru", o.state_dict()) for o in originals])
    x = torch.randn(2, 5, 3)
    wanted, _ = originals[1](originals[0](x)[0])
    outputs, state = layer(x)
    assert relative_error(outputs, wanted) < IMPORTED[torch.float32]
    assert [tuple(last.shape) for last in state] == [(2, 4), (2, 2)]
    outputs.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    assert set(layer.state_dict()) == {f"levels.{n}.{w}" for n in (0, 1) for w in layer.cells[0].shapes()}


def test_imported_weights_stay_the_callers() -> None:
    cell, weights = seqimg.import_cell("torch_gru", nn.GRU(3, 4).state_dict())
    before = {name: tensor.clone() for name, tensor in weights.items()}
    layer = ConvRNN.from_cells([(cell, weights)])
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    assert all(torch.equal(weights[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("levels", [1, 2])
def test_the_dense_lstm_is_torchs(levels: int) -> None:
    original = nn.LSTM(3, 4, num_layers=levels, batch_first=True).double()
    layer = ConvRNN(3, [4] * levels, cell="lstm").double()
    for number, level in enumerate(layer.levels):
        entries: dict[str, Tensor] = dict(original.state_dict())
        own = {
            name: entries[f"{name}_l{number}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        level.load_state_dict(
            {
                "weight_x": own["weight_ih"],
                "weight_h": own["weight_hh"],
                "bias_x": own["bias_ih"] + own["bias_hh"],
            }
        )
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    first = tuple(torch.randn(levels, 2, 4, dtype=torch.float64) for _ in range(2))
    wanted, last = original(x, first)
    outputs, state = layer(x, tuple(torch.cat(pair, dim=1) for pair in zip(*first, strict=True)))
    assert relative_error(outputs, wanted) < IMPORTED[torch.float64]
    for number in range(levels):
        together = torch.cat([last[0][number], last[1][number]], dim=1)
        assert relative_error(state[number], together) < IMPORTED[torch.float64]


def test_cells_that_do_not_fit_are_refused() -> None:
    def given(layer: ConvRNN) -> tuple[Any, dict[str, Tensor]]:
        return layer.cells[0], dict(layer.levels[0].items())  # type: ignore[operator]

    one, wide = given(make("conv_gru", (3,))), given(ConvRNN(4, 3))
    for cells, named in (
        ([], "at least one level"),
        ([one, wide], "level 1 takes 4 channels, level 0 has 3"),
        ([one, given(ConvRNN(3, 3, cell="gru"))], "gru cannot follow conv_gru"),
        ([(one[0], {**one[1], "more": one[1]["bias_x"]})], "more is unknown"),
        (
            [(one[0], {"bias_x": one[1]["bias_x"][1:]})],
            r"weight_h is missing; .*bias_x is \(8,\), not \(9,\)",
        ),
    ):
        with pytest.raises(UsageError, match=named) as caught:
            ConvRNN.from_cells(cells)
        assert len(str(caught.value).splitlines()) <= 3
