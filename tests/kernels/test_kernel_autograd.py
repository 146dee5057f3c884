"""Gradients as people ask for them: some only, twice, from anywhere; and not those that do not exist."""

from typing import Any

import pytest
import torch
from torch import Tensor

from seqimg.cells import Cell
from seqimg.errors import UnavailableError
from seqimg.kernels import reference
from seqimg.kernels.fused.kernel import sequence as fused
from tests.kernels.calls import Call, draw
from tests.kernels.cells import each_way
from tests.kernels.parity import DTYPES, kernels_for
from tests.tolerances import EQUATIONS, relative_error

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
TOGETHER: dict[str, Any] = {"keep": True, "update": "values", "gate_bias": "T"}
OPTIONS = pytest.mark.parametrize("options", [{}, {**TOGETHER, "recompute": True}], ids=["plain", "all"])


def _leaves(call: Call) -> dict[str, Tensor]:
    return {name: tensor.detach().requires_grad_() for name, tensor in call.differentiable.items()}


@each_way
@OPTIONS
def test_each_gradient_alone(cell: Cell, options: dict[str, Any]) -> None:
    call = draw(cell, **options)
    for kernel in kernels_for(call).values():
        everything = call.everything(kernel)
        for name in call.differentiable:
            alone = call.everything(kernel, wanted={name})
            assert set(alone) == {"outputs", "last", f"d_{name}"}
            for what, tensor in alone.items():
                assert relative_error(tensor, everything[what]) < EQUATIONS[torch.float64], what


@each_way
@every_dtype
@OPTIONS
def test_the_same_call_gives_the_same_bits(cell: Cell, dtype: torch.dtype, options: dict[str, Any]) -> None:
    call = draw(cell, **options).to(dtype)
    for kernel in kernels_for(call).values():
        once, twice = call.everything(kernel), call.everything(kernel)
        for name in once:
            assert torch.equal(once[name], twice[name]), name


@each_way
@OPTIONS
def test_a_kept_graph_gives_the_same_gradients_again(cell: Cell, options: dict[str, Any]) -> None:
    call = draw(cell, **options)
    for kernel in kernels_for(call).values():
        leaves = _leaves(call)
        outputs, last = call.with_leaves(leaves).results(kernel)
        seeds = [call.d_outputs, call.d_last]
        first = torch.autograd.grad([outputs, last], list(leaves.values()), seeds, retain_graph=True)
        second = torch.autograd.grad([outputs, last], list(leaves.values()), seeds)
        for name, once, twice in zip(leaves, first, second, strict=True):
            assert torch.equal(once, twice), name


@each_way
def test_gradients_add_up_over_two_losses(cell: Cell) -> None:
    """Two `backward()` on one graph: what the first leaves in `.grad`, the second adds to."""
    call = draw(cell)
    everything = call.everything(fused)
    leaves = _leaves(call)
    outputs, last = call.with_leaves(leaves).results(fused)
    (outputs * call.d_outputs).sum().backward(retain_graph=True)
    (last * call.d_last).sum().backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        assert relative_error(leaf.grad, everything[f"d_{name}"]) < EQUATIONS[torch.float64], name


@each_way
def test_second_derivatives_are_refused_by_name(cell: Cell) -> None:
    call = draw(cell)
    leaves = _leaves(call)
    outputs, _ = call.with_leaves(leaves).results(fused)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), leaves["x"], create_graph=True)
    with pytest.raises(UnavailableError, match="kernel='reference'") as caught:
        gradient.square().sum().backward()
    assert len(str(caught.value).splitlines()) <= 3


@each_way
@pytest.mark.parametrize("name", ["keep", "update"])
def test_gradients_of_controls_are_refused_by_name(cell: Cell, name: str) -> None:
    call = draw(cell, keep=True, update="share")
    wanted = getattr(call.controls, name).requires_grad_()
    with pytest.raises(UnavailableError, match="kernel='reference'"):
        call.results(fused)
    outputs, _ = call.results(reference.sequence)
    assert torch.autograd.grad(outputs.sum(), wanted)[0].any()


@each_way
def test_the_reference_has_second_derivatives(cell: Cell) -> None:
    call = draw(cell, batch=1, frames=2, size=(2, 1))
    x = call.x.requires_grad_()
    assert torch.autograd.gradgradcheck(
        lambda x: call.with_leaves({"x": x}).results(reference.sequence)[0], (x,)
    )


@each_way
@OPTIONS
def test_gradients_are_those_of_finite_differences(cell: Cell, options: dict[str, Any]) -> None:
    call = draw(cell, batch=1, frames=3, size=(2, 2), **options)
    leaves = _leaves(call)

    def results(*tensors: Tensor) -> tuple[Tensor, Tensor]:
        return call.with_leaves(dict(zip(leaves, tensors, strict=True))).results(fused)

    assert torch.autograd.gradcheck(results, tuple(leaves.values()), fast_mode=not options)


@each_way
def test_nothing_is_kept_when_nothing_is_differentiated(cell: Cell) -> None:
    call = draw(cell)
    outputs, last = call.results(fused)
    assert not outputs.requires_grad
    assert not last.requires_grad
    leaves = _leaves(call)
    with torch.no_grad():
        outputs, last = call.with_leaves(leaves).results(fused)
    assert not outputs.requires_grad
    with torch.inference_mode():
        inferred, _ = call.with_leaves(leaves).results(fused)
    assert torch.equal(inferred, outputs)


@each_way
def test_recompute_keeps_no_gates(cell: Cell) -> None:
    def kept(*, recompute: bool) -> int:
        sizes: dict[int, int] = {}

        def note(tensor: Tensor) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        call = draw(cell, frames=8, recompute=recompute)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            call.with_leaves(_leaves(call)).results(fused)
        return sum(sizes.values())

    gates = 8 * 2 * 5 * 4 * cell.projected_channels * 8
    assert kept(recompute=False) - kept(recompute=True) >= gates
