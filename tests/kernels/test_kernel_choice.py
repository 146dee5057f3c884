"""Which kernel a layer really runs, asserted by counters, and what `explain` says of the others."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.errors import UnavailableError
from seqimg.kernels import CallSignature, Controls, explain, use_kernel
from seqimg.kernels.signature import signature_of
from seqimg.nn import ConvRNN
from seqimg.nn import levels as levels_module
from seqimg.plugins.manager import plugin_host
from tests.kernels.calls import draw
from tests.kernels.cells import every_cell
from tests.kernels.counters import counted

CLIP = torch.randn(2, 3, 2, 6, 5)
FUSED = ("conv_gru", "conv_gru_lite", "conv_lstm", "min_conv_gru")
REFERENCE_ONLY = ("sep_conv_gru", "depthwise_conv_gru", "traj_gru", "gru", "lstm")


def _layer(cell: str, **options: Any) -> tuple[ConvRNN, torch.Tensor]:
    layer = ConvRNN(2, [3, 3], cell=cell, **options)
    return layer, CLIP if layer.cells[0].rank == 2 else CLIP[:, :, :, 0, 0]


def _reasons(signature: CallSignature) -> dict[str, tuple[str, ...]]:
    return {candidate.spec.name: candidate.reasons for candidate in explain(signature)}


def test_every_registered_cell_is_named_here() -> None:
    names = {spec.name for spec in plugin_host().cells.values() if spec.cell.startswith("seqimg.")}
    assert names == {*FUSED, *REFERENCE_ONLY}


@pytest.mark.parametrize("cell", FUSED)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"recompute": True},
        {"zoneout": 0.2},
        {"norm_groups": 1},
        {"start": "learned"},
        {"residual": True, "dropout": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_automatic_choice_is_fused(cell: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    layer, clip = _layer(cell, **options)
    with counted() as calls:
        layer.to(dtype)(clip.to(dtype), lengths=torch.tensor([1, 3]))
    assert calls == {f"{layer.cells[0].family}.sequence/fused": 2}


@pytest.mark.parametrize("cell", FUSED)
def test_two_directions_are_two_calls(cell: str) -> None:
    layer, clip = _layer(cell, bidirectional=True)
    with counted() as calls:
        layer(clip)
    assert calls == {f"{layer.cells[0].family}.sequence/fused": 4}


@pytest.mark.parametrize("cell", REFERENCE_ONLY)
def test_cells_without_another_kernel_take_the_reference(cell: str) -> None:
    layer, clip = _layer(cell)
    with counted() as calls:
        layer(clip)
    assert calls == {f"{cell}.sequence/reference": 2}
    assert list(_reasons(signature_of(layer.cells[0], "cpu", "float32"))) == ["reference"]


def _grouped() -> tuple[ConvRNN, dict[str, Any], str]:
    layer = ConvRNN(2, [4, 4], cell="conv_gru", groups=2)
    return layer, {}, "it knows no groups"


def _restarting() -> tuple[ConvRNN, dict[str, Any], str]:
    layer, _ = _layer("conv_lstm", start="learned")
    return layer, {"reset_mask": torch.tensor([[False, True, False]] * 2)}, "it restarts from zeros only"


@pytest.mark.parametrize("made", [_grouped, _restarting])
def test_automatic_choice_falls_back_and_explain_says_why(
    made: Callable[[], tuple[ConvRNN, dict[str, Any], str]],
) -> None:
    layer, controls, reason = made()
    family = layer.cells[0].family
    with counted() as calls:
        layer(CLIP, **controls)
    assert calls == {f"{family}.sequence/reference": 2}
    features = ("keep", "restart") if controls else ()
    reasons = _reasons(signature_of(layer.cells[0], "cpu", "float32", features))
    assert reasons["fused"] == (reason,)
    assert reasons["reference"] == ()
    layer.kernel = "fused"
    with pytest.raises(UnavailableError, match=reason):
        layer(CLIP, **controls)


def test_an_explicit_kernel_that_cannot_run_says_every_reason() -> None:
    layer = ConvRNN(2, 4, groups=2, start="learned", kernel="fused")
    with pytest.raises(UnavailableError, match="cannot compute") as caught:
        layer(CLIP, reset_mask=torch.zeros(2, 3, dtype=torch.bool))
    assert "it knows no groups" in str(caught.value)
    assert "it restarts from zeros only" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("kernel", "named"), [("fusde", "fused"), ("refrence", "reference"), ("zzz", "registered")]
)
def test_an_unknown_kernel_is_refused_with_the_nearest(kernel: str, named: str) -> None:
    with pytest.raises(UnavailableError, match=named) as caught:
        ConvRNN(2, 3, kernel=kernel)(CLIP)
    assert len(str(caught.value).splitlines()) <= 3


def test_argument_beats_context_beats_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = ConvRNN(2, 3)

    def taken() -> list[str]:
        with counted() as calls:
            layer(CLIP)
        return list(calls)

    fused, reference = ["conv_gru.sequence/fused"], ["conv_gru.sequence/reference"]
    assert taken() == fused
    monkeypatch.setenv("SEQIMG_KERNEL", "reference")
    assert taken() == reference
    with use_kernel("fused"):
        assert taken() == fused
        layer.kernel = "reference"
        assert taken() == reference
    layer.kernel = "auto"
    assert taken() == fused


@every_cell
def test_a_call_is_explained_as_it_is_chosen(cell: Cell) -> None:
    """The signature that tests and `seqimg cells explain` make is the one that layers choose by."""
    call = draw(cell, keep=True, update="lengths", gate_bias="T", recompute=True)
    signature = signature_of(cell, "cpu", "float64", call.controls.features)
    assert signature == call.signature
    assert signature.features == ("keep", "update", "gate_bias", "recompute")
    assert _reasons(signature)["fused"] == ()


def test_controls_name_what_is_in_use() -> None:
    restart = Controls(keep=torch.ones(1, 1), restart=torch.ones(1, 1, 1, 1))
    assert restart.features == ("keep", "restart")
    assert Controls().features == ()


def test_kernels_made_by_one_function_are_not_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two functions may share module and name, and a kernel may be an object that has neither."""

    class Marked:
        def __init__(self, mark: float) -> None:
            self.mark = mark

        def __call__(self, cell: Cell, x: torch.Tensor, state: torch.Tensor, *_: Any) -> Any:
            return x.new_full((*x.shape[:2], cell.hidden_channels, *x.shape[3:]), self.mark), state

    kernels = {"float32": Marked(1.0), "float64": Marked(2.0)}
    monkeypatch.setattr(levels_module, "select", lambda signature, _: kernels[signature.dtype])
    layer = ConvRNN(2, 3)
    assert layer(CLIP)[0].unique().tolist() == [1.0]
    assert layer(CLIP.double())[0].unique().tolist() == [2.0]
    assert layer(CLIP)[0].unique().tolist() == [1.0]


def test_conv_gru_lite_takes_the_kernels_of_conv_gru() -> None:
    layer, _ = _layer("conv_gru_lite")
    assert signature_of(layer.cells[0], "cpu", "float32").op == "conv_gru.sequence"
