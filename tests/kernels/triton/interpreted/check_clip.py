"""Whole clips, gates in Triton: results and every gradient against the reference in fp64."""

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.kernels.fused import clip
from seqimg.kernels.triton_clip import walk
from seqimg.kernels.triton_clip.kernel import sequence
from tests.kernels.calls import UPDATES, Flow
from tests.kernels.cells import label
from tests.kernels.triton.interpreted.clips import DTYPES, FAMILIES, TOGETHER, check, drawn, rounding
from tests.tolerances import EQUATIONS, STREAMING, relative_error

__all__ = ["rounding"]

each_family = pytest.mark.parametrize("cell", FAMILIES, ids=label)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

OTHERS: list[Cell] = [
    ConvGRUCell(3, 2, activation="relu", kernel_size=(1, 3), input_kernel_size=5),
    ConvGRUCell(3, 4, reset="after", activation="leaky", dilation=2, input_dilation=(2, 1)),
    ConvGRUCell(0, 3, reset="after", kernel_size=(5, 1)),
    ConvGRUCell(0, 2),
    ConvGRUCell(1, 1),
    ConvGRULiteCell(2, 8),
    ConvLSTMCell(3, 1, input_kernel_size=1, dilation=(1, 2)),
    ConvLSTMCell(0, 2, peepholes=True),
    MinConvGRUCell(1, 2, activation="leaky", dilation=3),
    MinConvGRUCell(0, 1, activation="linear"),
    MinConvGRUCell(1, 8, activation="relu"),
]

SIZES: dict[str, dict[str, Any]] = {
    "one pixel": {"size": (1, 1), "batch": 3},
    "one row": {"size": (1, 6), "frames": 3},
    "odd": {"size": (7, 9), "batch": 1, "frames": 2},
    "one frame": {"frames": 1},
    "one of everything": {"size": (1, 1), "batch": 1, "frames": 1},
}


@each_family
@every_dtype
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("options", [{}, TOGETHER], ids=["plain", "together"])
def test_results_and_every_gradient(
    cell: Cell, dtype: torch.dtype, options: dict[str, Any], recompute: bool
) -> None:
    errors = check(sequence, cell, dtype, recompute=recompute, **options)
    if dtype != torch.float32:
        # What the state in fp32 is for.
        assert errors["outputs"] < 1


@pytest.mark.parametrize("cell", OTHERS, ids=label)
@every_dtype
def test_other_cells(cell: Cell, dtype: torch.dtype) -> None:
    check(sequence, cell, dtype)


@each_family
@pytest.mark.parametrize("options", SIZES.values(), ids=SIZES.keys())
def test_sizes(cell: Cell, options: dict[str, Any]) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        check(sequence, cell, dtype, **options)


@each_family
@pytest.mark.parametrize("flow", ["outputs", "last"])
def test_gradients_from_one_result_alone(cell: Cell, flow: Flow) -> None:
    check(sequence, cell, torch.float32, flow=flow, keep=True)


@each_family
@pytest.mark.parametrize(
    "options",
    [{"keep": True}, *({"update": kind} for kind in UPDATES), {"gate_bias": ""}, {"gate_bias": "THW"}],
    ids=str,
)
def test_controls(cell: Cell, options: dict[str, Any]) -> None:
    check(sequence, cell, torch.float32, **options)


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many chunks each walk was cut into."""
    found: list[int] = []

    def counted(frames: int, chunk: int) -> Iterator[range]:
        spans = list(clip.chunks(frames, chunk))
        found.append(len(spans))
        return iter(spans)

    monkeypatch.setattr(walk, "chunks", counted)
    return found


@each_family
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_chunks_join_without_a_seam(
    cell: Cell,
    dtype: torch.dtype,
    recompute: bool,
    walked: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pairs(op: Any, family: Any, **_: Any) -> int:
        return min(2, op.x.shape[0])

    monkeypatch.setattr(walk, "chunk_frames", pairs)
    check(sequence, cell, dtype, frames=5, size=(3, 4), recompute=recompute, **TOGETHER)
    assert set(walked) == {3}


@each_family
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_clip_in_pieces_is_the_clip(cell: Cell, dtype: torch.dtype) -> None:
    call = drawn(cell, dtype, frames=5)
    whole, last = call.results(sequence)
    state, pieces = call.state, []
    for part in (slice(0, 2), slice(2, 3), slice(3, 5)):
        outputs, state = replace(call, x=call.x[:, part], state=state).results(sequence)
        pieces.append(outputs)
    assert relative_error(torch.cat(pieces, dim=1), whole) < STREAMING[dtype]
    assert relative_error(state, last) < STREAMING[dtype]


@each_family
def test_each_gradient_alone(cell: Cell) -> None:
    call = drawn(cell, **TOGETHER)
    everything = call.everything(sequence)
    for name in call.differentiable:
        alone = call.everything(sequence, wanted={name})
        assert relative_error(alone[f"d_{name}"], everything[f"d_{name}"]) < EQUATIONS[torch.float32], name


@each_family
@pytest.mark.parametrize("recompute", [False, True])
def test_nothing_is_read_before_it_is_written(
    cell: Cell, recompute: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("empty", "empty_like"):
        _poison(monkeypatch, torch, name)
    _poison(monkeypatch, torch.Tensor, "new_empty")
    assert bool(torch.zeros(1).new_empty(3).isnan().all())
    for dtype in (torch.float32, torch.bfloat16):
        check(sequence, cell, dtype, recompute=recompute, **TOGETHER)


def _poison(monkeypatch: pytest.MonkeyPatch, owner: "ModuleType | type", name: str) -> None:
    make = getattr(owner, name)

    def poisoned(*args: Any, **kwargs: Any) -> torch.Tensor:
        made: torch.Tensor = make(*args, **kwargs)
        return made.fill_(torch.nan) if made.is_floating_point() else made

    monkeypatch.setattr(owner, name, poisoned)


@each_family
def test_nothing_of_the_callers_is_written(cell: Cell) -> None:
    for options in ({}, {**TOGETHER, "recompute": True}):
        call = drawn(cell, **options)
        before = call.map(torch.clone)
        call.everything(sequence)
        for name, tensor in call.differentiable.items():
            assert torch.equal(tensor, before.differentiable[name]), name
        assert torch.equal(call.d_outputs, before.d_outputs)
        assert torch.equal(call.d_last, before.d_last)


@each_family
def test_a_kept_graph_gives_the_same_gradients_again(cell: Cell) -> None:
    call = drawn(cell, **TOGETHER)
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in call.differentiable.items()}
    results = call.with_leaves(leaves).results(sequence)
    seeds = [call.d_outputs, call.d_last]
    first = torch.autograd.grad(results, list(leaves.values()), seeds, retain_graph=True)
    second = torch.autograd.grad(results, list(leaves.values()), seeds)
    for name, once, twice in zip(leaves, first, second, strict=True):
        assert torch.equal(once, twice), name
