"""Where a cell is found in a state dict, and what is refused: by name, in three lines."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from seqimg.cells.importing import import_cell, stack_gate_maps
from seqimg.errors import SeqimgError, UsageError


def raft(x: int = 3, c: int = 4, k: int = 3, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    weights = {f"conv{g}.weight": torch.randn(c, c + x, k, k, generator=generator).to(dtype) for g in "zrq"}
    return weights | {f"conv{g}.bias": torch.randn(c, generator=generator).to(dtype) for g in "zrq"}


def below(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in weights.items()}


def refusal(*arguments: object, kind: type[SeqimgError] = SeqimgError, **options: object) -> SeqimgError:
    with pytest.raises(kind) as caught:
        import_cell(*arguments, **options)  # type: ignore[arg-type]
    assert caught.value.why
    assert str(caught.value).count("\n") <= 2
    return caught.value


def same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    ("before", "prefix"),
    [
        ("", ""),
        ("module.", ""),
        ("update_block.gru.", "update_block.gru."),
        ("update_block.gru.", "update_block.gru"),
        ("module.update_block.gru.", "update_block.gru"),
        ("module.update_block.gru.", "module.update_block.gru."),
        ("update_block/gru/", "update_block/gru"),
    ],
)
def test_prefixes(before: str, prefix: str) -> None:
    wanted = import_cell("raft", raft())
    found = import_cell("raft", below(before, raft()), prefix=prefix)
    assert found.cell == wanted.cell
    assert same(found.weights, wanted.weights)


def test_what_is_beside_the_prefix_does_not_matter() -> None:
    whole = below("gru1.", raft()) | below("gru10.", raft(c=6)) | {"head.weight": torch.zeros(1)}
    assert import_cell("raft", whole, prefix="gru1").cell.hidden_channels == 4
    assert import_cell("raft", whole, prefix="gru10").cell.hidden_channels == 6


def test_a_forgotten_prefix_is_found() -> None:
    whole = below("module.net.gru.", raft()) | {"module.head.weight": torch.zeros(1)}
    error = refusal("raft", whole)
    assert error.hint == "prefix='net.gru.'"
    assert refusal("raft", whole, prefix="net").hint == "prefix='net.gru.'"
    two = below("gru08.", raft()) | below("gru16.", raft())
    assert refusal("raft_stereo", two).hint == "prefix='gru08.' or prefix='gru16.'"


def test_another_projects_weights_are_recognised() -> None:
    error = refusal("happyjin", raft())
    assert error.hint == "import_cell('raft', …) or import_cell('raft_stereo', …)"
    gru = torch.nn.GRU(2, 3).state_dict()
    assert refusal("keras_gru", gru, reset="after").hint == "import_cell('torch_gru', …)"


def test_missing_surplus_and_misshapen_keys_are_all_named() -> None:
    weights = raft() | {"convx.weight": torch.zeros(1), "convr.weight": torch.zeros(4, 5, 3, 3)}
    del weights["convq.bias"]
    error = refusal("raft", weights)
    assert error.message == "these are not the weights of a raft cell"
    assert error.why == (
        "missing: convq.bias; surplus: convx.weight; "
        "misshapen: convr.weight is [4, 5, 3, 3], not [4, 7, 3, 3] = [C, C+X, kh, kw]"
    )


def test_one_odd_tensor_is_the_one_that_is_blamed() -> None:
    weights = raft() | {"convr.weight": torch.zeros(8, 14, 5, 5)}
    assert (
        str(refusal("raft", weights).why)
        == "misshapen: convr.weight is [8, 14, 5, 5], not [4, 7, 3, 3] = [C, C+X, kh, kw]"
    )
    assert "convz.bias is [4, 1], not [4]" in str(
        refusal("raft", raft() | {"convz.bias": torch.zeros(4, 1)}).why
    )


def test_sizes_that_cannot_be_are_told_as_they_are_written() -> None:
    weights = {"conv.weight": torch.zeros(6, 7, 3, 3), "conv.bias": torch.zeros(6)}
    assert "conv.weight is [6, 7, 3, 3], not [4C, X+C, 3, 3]" in str(refusal("ndrplz", weights).why)
    no_input = {"conv.weight": torch.zeros(8, 2, 3, 3), "conv.bias": torch.zeros(8)}
    assert "not [8, X+C, 3, 3]" in str(refusal("ndrplz", no_input).why)


def test_long_lists_are_cut() -> None:
    many = {f"layer{number}": torch.zeros(1) for number in range(40)}
    assert "surplus: layer0, layer1, layer2, layer3, layer4, layer5 and 34 more" in str(
        refusal("raft", raft() | many).why
    )


def test_nothing_at_all() -> None:
    assert "missing: convr.weight" in str(refusal("raft", {}).why)


def test_biases_come_all_or_none() -> None:
    weights = {
        "conv_gates.weight": torch.zeros(4, 5, 3, 3),
        "conv_gates.bias": torch.zeros(4),
        "conv_can.weight": torch.zeros(2, 5, 3, 3),
    }
    assert refusal("happyjin", weights).why == "missing: conv_can.bias"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none(value: float) -> None:
    weights = raft()
    weights["convz.weight"][0, 0, 1, 1] = value
    weights["convq.bias"][2] = value
    assert refusal("raft", weights).why == "NaN or infinity in convz.weight, convq.bias"


def test_what_is_not_floating_point() -> None:
    quantised = raft() | {"convz.bias": torch.zeros(4, dtype=torch.int8)}
    assert "not floating-point numbers: convz.bias" in str(refusal("raft", quantised).why)
    assert "convz.bias is a str" in str(refusal("raft", {**raft(), "convz.bias": "zeros"}).why)


def test_even_kernels_are_refused_by_the_cell() -> None:
    assert "kernel_size=(4, 4)" in refusal("raft", raft(k=4), kind=UsageError).message


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_dtype_is_kept(dtype: torch.dtype) -> None:
    weights = import_cell("raft", raft(dtype=dtype)).weights
    assert {tensor.dtype for tensor in weights.values()} == {dtype}


def test_of_several_dtypes_the_widest_is_taken() -> None:
    mixed = raft(dtype=torch.float16) | {"convz.bias": torch.zeros(4, dtype=torch.float32)}
    assert {tensor.dtype for tensor in import_cell("raft", mixed).weights.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("raft", raft),
        ("torch_gru", lambda: dict(torch.nn.GRU(2, 3).state_dict())),
        ("ndrplz", lambda: {"conv.weight": torch.ones(8, 5, 3, 3), "conv.bias": torch.ones(8)}),
        (
            "keras_conv_lstm",
            lambda: {
                "kernel": torch.ones(3, 3, 2, 8),
                "recurrent_kernel": torch.ones(3, 3, 2, 8),
                "bias": torch.ones(8),
            },
        ),
    ],
)
def test_no_memory_is_shared(kind: str, make: Callable[[], dict[str, Tensor]]) -> None:
    given = make()
    before = {name: tensor.clone() for name, tensor in given.items()}
    for weight in import_cell(kind, given).weights.values():
        assert weight.is_contiguous()
        assert not weight.requires_grad
        weight.fill_(7)
    assert same(given, before)


def test_arrays_are_taken_too() -> None:
    arrays = {name: tensor.numpy() for name, tensor in raft().items()}
    for array in arrays.values():
        array.flags.writeable = False
    assert same(import_cell("raft", arrays).weights, import_cell("raft", raft()).weights)
    assert (
        import_cell("raft", {n: a.astype(np.float64) for n, a in arrays.items()}).weights["bias_x"].dtype
        is torch.float64
    )


def test_unknown_kinds_and_options_get_the_nearest() -> None:
    assert refusal("raft_sepp", raft(), kind=UsageError).hint == "import_cell('raft_sep', …)"
    assert "torchvision_raft" in str(refusal("quantum", raft(), kind=UsageError).why)
    error = refusal("torch_gru", {}, kind=UsageError, layers=1)
    assert (error.message, error.hint) == ("torch_gru has no option 'layers'", "layer=…")
    assert refusal("raft", raft(), kind=UsageError, layer=1).why == "it has none"


def test_a_layer_that_is_not_there() -> None:
    gru = torch.nn.GRU(2, 3, num_layers=2)
    assert "missing: weight_ih_l2" in str(refusal("torch_gru", gru.state_dict(), layer=2).why)
    lstm = torch.nn.LSTM(2, 3)
    assert "weight_hh_l0 is [12, 3], not [12, 4]" in str(refusal("torch_gru", lstm.state_dict()).why)


def _dgmr(
    names: tuple[str, ...] = ("read_gate_conv", "update_gate_conv", "output_conv"), k: int = 3
) -> dict[str, Tensor]:
    weights = {f"{name}.weight": torch.ones(2, 5, k, k) for name in names}
    return weights | {f"{name}.bias": torch.ones(2) for name in names}


def test_dgmrs_cells_that_differ_between_steps() -> None:
    steps = {}
    for step in range(18):
        steps |= below(f"sampler.convGRU1.cell_list.{step}.", _dgmr())
    error = refusal("dgmr", steps, prefix="sampler.convGRU1")
    assert "18 cells" in error.message
    assert "at each time step" in str(error.why)
    place = str(error.hint).split("'")[1]
    assert place == "sampler.convGRU1.cell_list.0."
    assert import_cell("dgmr", steps, prefix=place).cell.hidden_channels == 2


def test_dgmrs_padding_and_norm() -> None:
    assert "1 × 1" in refusal("dgmr", _dgmr(k=1)).message
    normed = {}
    for name in ("read_gate_conv", "update_gate_conv", "output_conv"):
        parts = {"original": torch.ones(2, 5, 3, 3), "0._u": torch.zeros(2), "0._v": torch.ones(45)}
        normed |= {f"{name}.parametrizations.weight.{part}": tensor for part, tensor in parts.items()}
        normed[f"{name}.bias"] = torch.ones(2)
    assert refusal("dgmr", normed).why == "the spectral norm of read_gate_conv is 0"
    normed["output_conv.parametrizations.weight.0._v"] = torch.ones(44)
    assert "0._v is [44], not [45]" in str(refusal("dgmr", normed).why)


def test_what_keras_layers_can_be_and_cells_cannot() -> None:
    lstm = {"kernel": torch.ones(3, 3, 2, 8), "recurrent_kernel": torch.ones(3, 3, 2, 8)}
    assert "padding='valid'" in refusal("keras_conv_lstm", lstm, padding="valid").message
    for kind in ("keras_conv_lstm", "keras_gru"):
        assert "hard_sigmoid" in refusal(kind, lstm, recurrent_activation="hard_sigmoid").message


def test_keras_gru_without_bias_does_not_tell_its_reset() -> None:
    gru = {"kernel": torch.ones(2, 9), "recurrent_kernel": torch.ones(3, 9)}
    assert "reset_after=True" in str(refusal("keras_gru", gru, kind=UsageError).hint)
    assert import_cell("keras_gru", gru, reset="before").cell.reset == "before"  # type: ignore[attr-defined]
    told = gru | {"bias": torch.ones(2, 9)}
    assert "reset='before'" in refusal("keras_gru", told, kind=UsageError, reset="before").message
    with pytest.raises(UsageError, match="never"):
        import_cell("keras_gru", gru, reset="never")


@pytest.mark.parametrize("shape", [(1, 4, 3), (1, 4, 3, 2)])
def test_gate_maps_of_different_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(SeqimgError, match="alike"):
        stack_gate_maps(torch.zeros(shape), torch.zeros(shape), torch.zeros(*shape[:-1], 3))
