"""Muon moves kernels along what is orthogonal in their gradient, and leaves the rest to AdamW."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqimg.training.optimizers import Muon, build_optimizer, orthogonal
from seqimg_predict.task import PredictTask
from tests.training.conftest import Died, Training, dies_after


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_what_is_orthogonal_has_the_directions_of_the_matrix(rows: int, columns: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    left, right = (
        torch.linalg.qr(torch.randn(side, min(rows, columns), generator=generator, dtype=torch.float64))[0]
        for side in (rows, columns)
    )
    values = torch.linspace(1, 5, min(rows, columns), dtype=torch.float64)
    found = orthogonal((left * values) @ right.mT)
    stretched = left.mT @ found @ right
    assert torch.allclose(stretched, torch.diag(stretched.diag()), atol=1e-9)
    assert (stretched.diag() > 0.6).all()
    assert (stretched.diag() < 1.3).all()


def test_a_gradient_of_nothing_moves_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_step_is_as_long_whatever_the_gradient_is(scale: float) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(6, 3, 3, 3).to(memory_format=torch.channels_last))
    weight.grad = scale * torch.randn(6, 3, 3, 3)
    kept = weight.grad.clone()
    Muon([weight], lr=0.01, weight_decay=0).step()
    values = torch.linalg.svdvals(weight.detach().flatten(1))
    assert (values > 12 * 0.01 * 0.6).all()
    assert (values < 12 * 0.01 * 1.3).all()
    assert float((weight.detach() * kept).sum()) < 0, "against the gradient"
    assert torch.equal(weight.grad, kept), "which is still there to be looked at"


@pytest.mark.parametrize("shape", [(7,), (), (8, 1, 3, 3), (1, 8, 3, 3), (5, 1, 1)])
def test_what_is_no_kernel_is_moved_as_by_adamw(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), [torch.randn(shape) for _ in range(3)]
    ends = []
    for kind in (Muon, torch.optim.AdamW):
        weight = nn.Parameter(start.clone())
        optimizer = kind([weight], lr=0.01, weight_decay=0.1)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        ends.append(weight.detach())
    assert torch.equal(*ends)


def test_kernels_decay_too() -> None:
    weight = nn.Parameter(torch.ones(3, 3))
    optimizer = build_optimizer("muon", _holding(weight), learning_rate=0.1, weight_decay=0.5)
    weight.grad = torch.zeros(3, 3)
    optimizer.step()
    assert torch.allclose(weight, torch.full((3, 3), 0.95))


def test_rare_directions_are_learnt_where_adamw_leaves_them() -> None:
    """Of a linear map whose inputs are of very different sizes Muon finds all; both take as many steps."""
    torch.manual_seed(0)
    sizes = torch.logspace(0, -2, 16)
    turned = torch.linalg.qr(torch.randn(16, 16))[0]
    goal = torch.linalg.qr(torch.randn(16, 16))[0]

    def left(name: Any) -> float:
        layer = nn.Linear(16, 16, bias=False)
        nn.init.zeros_(layer.weight)
        optimizer = build_optimizer(name, layer, learning_rate=0.01, weight_decay=0)
        for step in range(150):
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * (1 - step / 150)
            optimizer.zero_grad()
            (((layer.weight - goal) @ turned) * sizes).square().sum().backward()
            optimizer.step()
        return float((layer.weight.detach() - goal).square().sum())

    assert left("muon") < 0.5 * left("adamw")


def test_a_run_with_muon_goes_on_to_the_last_bit(
    tmp_path: Path, source: Path, weights_of: Callable[[Path], bytes]
) -> None:
    straight = Training(tmp_path / "straight", source, PredictTask, optimizer="muon")
    straight()
    broken = Training(tmp_path / "broken", source, PredictTask, optimizer="muon")
    for step in (2, 5):
        with pytest.raises(Died):
            broken(dies_after(step))
    broken()
    assert weights_of(broken.folder) == weights_of(straight.folder)
    other = Training(tmp_path / "other", source, PredictTask, optimizer="adamw")
    other()
    assert weights_of(other.folder) != weights_of(straight.folder)


@pytest.fixture
def weights_of() -> Callable[[Path], bytes]:
    """Read the weights that a run ended with."""
    return lambda folder: (folder / "model/model.safetensors").read_bytes()


def _holding(weight: nn.Parameter) -> nn.Module:
    module = nn.Module()
    module.weight = weight
    return module
