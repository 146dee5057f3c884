"""The kernels that launch Triton programs as callers see them: choice, refusals, and what they launch."""

from collections import Counter
from typing import Any

import pytest
import torch

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.errors import UnavailableError
from seqimg.kernels import explain, select
from seqimg.kernels.signature import signature_of
from seqimg.kernels.triton_clip import kernel
from seqimg.kernels.triton_clip.kernel import conv_sequence, sequence
from seqimg.kernels.triton_gates import record
from seqimg.kernels.triton_gates.launch import interpreting
from tests.kernels.calls import Kernel, draw

CELLS: list[Cell] = [ConvGRUCell(2, 8), ConvLSTMCell(2, 8), MinConvGRUCell(2, 8)]


def _reasons(
    cell: Cell, name: str, *features: str, device: str = "cuda", dtype: str = "float32"
) -> list[str]:
    found = explain(signature_of(cell, device, dtype, features))
    return list(next(candidate.reasons for candidate in found if candidate.spec.name == name))


@pytest.fixture
def with_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "find_spec", lambda name: name)


@pytest.mark.usefixtures("with_triton")
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_what_is_served(cell: Cell, dtype: str) -> None:
    features = ("keep", "update", "gate_bias", "recompute")
    assert _reasons(cell, "triton", *features, dtype=dtype) == []


@pytest.mark.usefixtures("with_triton")
def test_taken_by_name_only() -> None:
    signature = signature_of(ConvGRUCell(2, 9), "cuda", "float32")
    assert select(signature, "triton") is sequence
    assert select(signature, "triton_conv") is conv_sequence
    assert select(signature) not in (sequence, conv_sequence)


@pytest.mark.usefixtures("with_triton")
def test_every_reason_to_refuse() -> None:
    cell = ConvGRUCell(2, 4, groups=2, reset="after")
    assert _reasons(cell, "triton", "restart", device="cpu", dtype="float64") == [
        "it runs on cuda, not on cpu",
        "it computes in float32, bfloat16, float16, not in float64",
        "it knows no groups",
        "it restarts from zeros only",
    ]
    assert _reasons(cell, "triton_conv") == ["it knows no groups", "it resets before the convolution only"]


def test_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "find_spec", lambda name: None)
    signature = signature_of(ConvGRUCell(2, 10), "cuda", "float32")
    with pytest.raises(UnavailableError, match=r"triton is not installed: pip install triton"):
        select(signature, "triton")


@pytest.mark.skipif(interpreting(), reason="interpreted programs run on the CPU")
def test_not_on_the_cpu() -> None:
    with pytest.raises(UnavailableError, match="kernel='fused'"):
        draw(CELLS[0]).to(torch.float32).results(sequence)


def _moved(
    run: Kernel, cell: Cell, dtype: torch.dtype, frames: int
) -> tuple[list[Counter[str]], list[float]]:
    """Return the launches, and the bytes they move per state element, of a clip forward and backward."""
    call = draw(cell, frames=frames, size=(8, 8)).to(dtype)
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in call.differentiable.items()}
    with record() as forward:
        results = call.with_leaves(leaves).results(run)
    with record() as back:
        torch.autograd.grad(results, list(leaves.values()), [call.d_outputs, call.d_last])
    both = (forward, back)
    return (
        [Counter(launch.kernel.rpartition(".")[2] for launch in part) for part in both],
        [sum(launch.traffic.streamed * launch.steps for launch in part) for part in both],
    )


BEFORE = (["reset", "blend"], ["blend_backward", "reset_backward"])
CONVOLVED = (["reset", "blend"], ["blend_backward", "reset_backward", "gates_backward"])
ONE = (["forward"], ["backward"])
NONE: Any = ([], [])


@pytest.mark.parametrize(
    ("run", "cell", "launches", "fp32", "half"),
    [
        (sequence, ConvGRUCell(2, 8), BEFORE, [56, 60], [36, 38]),
        (sequence, ConvGRUCell(2, 8, reset="after"), ONE, [48, 60], [30, 34]),
        (sequence, ConvLSTMCell(2, 8), ONE, [64, 60], [38, 40]),
        (sequence, MinConvGRUCell(2, 8), NONE, [12, 24], [6, 12]),
        (conv_sequence, ConvGRUCell(2, 8), CONVOLVED, [52, 72], [34, 48]),
    ],
    ids=["before", "after", "lstm", "min", "conv"],
)
def test_a_frame_costs_what_is_documented(
    run: Kernel, cell: Cell, launches: tuple[list[str], list[str]], fp32: list[float], half: list[float]
) -> None:
    for dtype, wanted in ((torch.float32, fp32), (torch.bfloat16, half)):
        (more, fewer) = (_moved(run, cell, dtype, frames) for frames in (4, 3))
        assert [a - b for a, b in zip(more[1], fewer[1], strict=True)] == wanted
        extra = [a - b for a, b in zip(more[0], fewer[0], strict=True)]
        assert extra == [Counter(names) for names in launches]


def test_a_clip_of_the_minimal_cell_is_one_launch() -> None:
    launches, _ = _moved(sequence, MinConvGRUCell(2, 8), torch.float32, 5)
    assert launches == [Counter(["forward"]), Counter(["backward"])]
