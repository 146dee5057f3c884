"""The fused kernel as an operator of torch: its contract, `torch.compile`, `torch.export`, autocast, threads."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.export import Dim, export

from seqimg.cells import Cell
from seqimg.kernels.fused.kernel import sequence as fused
from seqimg.nn import ConvRNN
from tests.kernels.calls import draw
from tests.kernels.cells import each_way
from tests.kernels.operators import check_contract
from tests.tolerances import STREAMING, relative_error

OPTIONS = pytest.mark.parametrize(
    "options",
    [{}, {"keep": True, "update": "values", "gate_bias": "TH", "recompute": True}],
    ids=["plain", "all"],
)
LAYERS = pytest.mark.parametrize(
    "options",
    [
        {"cell": "conv_gru"},
        {"cell": "conv_gru", "reset": "after", "recompute": True},
        {"cell": "conv_gru", "bidirectional": True},
        {"cell": "conv_gru", "norm_groups": 1, "start": "learned", "zoneout": 0.2},
        {"cell": "conv_lstm", "peepholes": True},
        {"cell": "min_conv_gru"},
    ],
    ids=str,
)


@each_way
@OPTIONS
def test_operators_keep_their_contract(cell: Cell, options: dict[str, Any]) -> None:
    check_contract(draw(cell, **options), fused)


def _layer(options: dict[str, Any]) -> ConvRNN:
    torch.manual_seed(0)
    return ConvRNN(2, [3, 4], **options).eval()


def _trained(run: Any, layer: ConvRNN, x: Tensor, **controls: Tensor) -> list[Tensor]:
    """Return outputs, states and every gradient."""
    layer.zero_grad()
    x = x.detach().requires_grad_()
    outputs, state = run(x, **controls)
    (outputs.square().sum() + sum(last.sum() for last in state)).backward()
    gradients = [tensor.grad for tensor in (x, *layer.parameters()) if tensor.grad is not None]
    return [tensor.detach().clone() for tensor in (outputs, *state, *gradients)]


def _check_compiled(options: dict[str, Any], backend: str) -> None:
    torch.compiler.reset()
    layer = _layer(options)
    compiled = torch.compile(layer, fullgraph=True, backend=backend)
    cuts = torch.tensor([[False, True, False, False], [False, False, True, False]])
    for controls in ({}, {"lengths": torch.tensor([2, 4]), "reset_mask": cuts}):
        x = torch.randn(2, 4, 2, 6, 5)
        wanted = _trained(layer, layer, x, **controls)
        found = _trained(compiled, layer, x, **controls)
        assert len(found) == len(wanted) > 4
        for one, other in zip(found, wanted, strict=True):
            assert relative_error(one, other) < STREAMING[torch.float32]


@LAYERS
def test_traced_as_one_graph_equals_eager(options: dict[str, Any]) -> None:
    _check_compiled(options, "aot_eager")


@pytest.mark.skipif(
    shutil.which("c++") is None and shutil.which("g++") is None,
    reason="torch.compile writes C++, and there is no C++ compiler here",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inductor's own
@pytest.mark.parametrize(
    "options",
    [
        {"cell": "conv_gru"},
        pytest.param({"cell": "conv_gru", "reset": "after", "recompute": True}, marks=pytest.mark.slow),
        pytest.param({"cell": "conv_lstm", "peepholes": True}, marks=pytest.mark.slow),
        pytest.param({"cell": "min_conv_gru"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_compiled_equals_eager(options: dict[str, Any]) -> None:
    _check_compiled(options, "inductor")


@LAYERS
def test_exported_equals_eager_at_other_sizes(options: dict[str, Any]) -> None:
    layer = _layer(options)
    sizes = {"x": {1: Dim("T", min=1), 3: Dim("H", min=1)}}
    with torch.no_grad():
        program = export(layer, (torch.randn(2, 4, 2, 6, 5),), dynamic_shapes=sizes, strict=False).module()
        for frames, height in ((4, 6), (7, 9), (1, 2), (2, 1)):
            x = torch.randn(2, frames, 2, height, 5)
            (found, state), (wanted, last) = program(x), layer(x)
            assert relative_error(found, wanted) < STREAMING[torch.float32]
            for one, other in zip(state, last, strict=True):
                assert relative_error(one, other) < STREAMING[torch.float32]


def test_an_exported_program_streams() -> None:
    layer = _layer({})
    x = torch.randn(1, 5, 2, 6, 5)
    with torch.no_grad():
        outputs, state = layer(x)
        start = layer.initial_state(x)
        program = export(layer, (x[:, :1], start), strict=False).module()
        pieces, carried = [], start
        for t in range(5):
            piece, carried = program(x[:, t : t + 1], carried)
            pieces.append(piece)
    assert relative_error(torch.cat(pieces, dim=1), outputs) < STREAMING[torch.float32]
    assert relative_error(carried[-1], state[-1]) < STREAMING[torch.float32]


@LAYERS
def test_autocast_trains_in_bfloat16(options: dict[str, Any]) -> None:
    """The same numbers as the layer itself in bf16; gradients arrive in the dtype of the weights."""
    layer = _layer(options)
    half = _layer(options).to(torch.bfloat16)
    x = torch.randn(2, 4, 2, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = layer(x)
    outputs.float().square().sum().backward()
    wanted, last = half(x.bfloat16())
    wanted.float().square().sum().backward()
    assert outputs.dtype == torch.bfloat16
    assert torch.equal(outputs, wanted)
    assert all(torch.equal(one, other) for one, other in zip(state, last, strict=True))
    for parameter, other in zip(layer.parameters(), half.parameters(), strict=True):
        assert parameter.grad is not None
        assert other.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert torch.equal(parameter.grad.bfloat16(), other.grad)


@LAYERS
def test_autocast_streams(options: dict[str, Any]) -> None:
    if options.get("bidirectional"):
        options = {**options, "bidirectional": False}  # what comes later cannot stream
    layer = _layer(options)
    x = torch.randn(2, 6, 2, 6, 5)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        whole, last = layer(x)
        pieces, state = [], None
        for t in range(6):
            piece, state = layer(x[:, t : t + 1], state)
            pieces.append(piece)
    assert state is not None
    assert relative_error(torch.cat(pieces, dim=1), whole) < STREAMING[torch.bfloat16]
    assert relative_error(state[-1], last[-1]) < STREAMING[torch.bfloat16]


@LAYERS
def test_inference_mode_gives_the_same(options: dict[str, Any]) -> None:
    layer = _layer(options)
    x = torch.randn(2, 4, 2, 6, 5)
    wanted, _ = layer(x)
    with torch.inference_mode():
        found, state = layer(x)
        assert relative_error(found, wanted) < STREAMING[torch.float32]
        again, _ = layer(x, state)
    with torch.no_grad():
        outside, _ = layer(x, state)
    assert relative_error(outside, again) < STREAMING[torch.float32]


@each_way
def test_threads_do_not_meet(cell: Cell) -> None:
    calls = [draw(cell, seed=seed, size=(9, 8), frames=6).to(torch.float32) for seed in range(8)]
    calls = [
        replace(call, controls=replace(call.controls, recompute=n % 2 == 1)) for n, call in enumerate(calls)
    ]
    alone = [call.everything(fused) for call in calls]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda call: call.everything(fused), calls * 4))
    for number, found in enumerate(together):
        for name, wanted in alone[number % 8].items():
            assert torch.equal(found[name], wanted), name


@each_way
def test_more_threads_give_the_same_within_rounding(cell: Cell) -> None:
    call = draw(cell, size=(40, 30), batch=3).to(torch.float32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = call.everything(fused)
        torch.set_num_threads(2)
        two = call.everything(fused)
    finally:
        torch.set_num_threads(before)
    for name, wanted in one.items():
        assert relative_error(two[name], wanted) < STREAMING[torch.float32], name
