"""Whole clips, gates in Triton: chunks, pieces, memory, and gradients as people ask for them."""

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.kernels.fused import clip
from seqimg.kernels.triton_clip import walk
from seqimg.kernels.triton_clip.kernel import sequence
from tests.kernels.cells import label
from tests.kernels.triton.interpreted.clips import FAMILIES, SMALL, TOGETHER, check, drawn, rounding
from tests.tolerances import EQUATIONS, STREAMING, relative_error

__all__ = ["rounding"]

each_family = pytest.mark.parametrize("cell", FAMILIES, ids=label)


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
@pytest.mark.parametrize(
    ("dtype", "recompute"), [(torch.float32, True), (torch.bfloat16, False)], ids=["recompute", "bfloat16"]
)
def test_chunks_join_without_a_seam(
    cell: Cell,
    dtype: torch.dtype,
    recompute: bool,
    walked: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pairs(op: Any, family: Any, **_: Any) -> int:
        frames: int = op.x.shape[0]
        return min(2, frames)

    monkeypatch.setattr(walk, "chunk_frames", pairs)
    check(sequence, cell, dtype, frames=5, size=(2, 3), recompute=recompute, **TOGETHER)
    assert set(walked) == {3}


@each_family
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_clip_in_pieces_is_the_clip(cell: Cell, dtype: torch.dtype) -> None:
    call = drawn(cell, dtype, frames=5, size=(2, 3))
    whole, last = call.results(sequence)
    state, pieces = call.state, []
    for part in (slice(0, 2), slice(2, 3), slice(3, 5)):
        outputs, state = replace(call, x=call.x[:, part], state=state).results(sequence)
        pieces.append(outputs)
    assert relative_error(torch.cat(pieces, dim=1), whole) < STREAMING[dtype]
    assert relative_error(state, last) < STREAMING[dtype]


@each_family
def test_each_gradient_alone(cell: Cell) -> None:
    call = drawn(cell, **SMALL, **TOGETHER)
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
        check(sequence, cell, dtype, recompute=recompute, **SMALL, **TOGETHER)


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
