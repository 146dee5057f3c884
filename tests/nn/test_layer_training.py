"""Training: learned starts, recomputation, truncated backpropagation, and the memory that each takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import finalize

import pytest
import torch
from torch import Tensor

from seqimg.nn import ConvRNN, detached
from tests.nn.layers import clip, every_cell, make, one_of_each, random_gate_bias
from tests.tolerances import STREAMING, relative_error


def _gradients(layer: ConvRNN, x: Tensor, **controls: Any) -> dict[str, Tensor]:
    layer.zero_grad()
    x = x.detach().requires_grad_()
    outputs, state = layer(x, **controls)
    torch.autograd.backward([outputs.square().sum(), *(last.sum() for last in state)])
    assert x.grad is not None
    found = {name: p.grad.clone() for name, p in layer.named_parameters() if p.grad is not None}
    return {"outputs": outputs.detach(), "x": x.grad, **found}


@every_cell
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_learned_start_is_a_state_and_receives_its_gradient(cell: str, bidirectional: bool) -> None:
    layer = make(cell, start="learned", bidirectional=bidirectional)
    x = clip(layer)
    wanted = _gradients(layer, x)
    starts = [name for name in wanted if name.endswith("first_state")]
    assert len(starts) == (4 if bidirectional else 2)
    assert all(wanted[name].abs().max() > 1e-6 for name in starts)
    given = tuple(start.detach().requires_grad_() for start in layer.initial_state(x))
    outputs, state = layer(x, given)
    torch.autograd.backward([outputs.square().sum(), *(last.sum() for last in state)])
    order = ["levels", "backward_levels"] if bidirectional else ["levels"]
    names = [f"{direction}.{level}.first_state" for level in range(2) for direction in order]
    for name, start in zip(names, given, strict=True):
        assert start.grad is not None
        summed = start.grad.sum(dim=(0, *range(2, start.ndim)))
        assert relative_error(wanted[name], summed) < STREAMING[torch.float64]


@every_cell
@pytest.mark.parametrize("controls", [[], ["lengths", "reset_mask", "gate_bias"]], ids=str)
def test_recomputation_changes_no_gradient(cell: str, controls: list[str]) -> None:
    layer = make(cell, norm_groups=1, bidirectional=True)
    x = clip(layer)
    given: dict[str, Any] = {
        "lengths": torch.tensor([6, 2, 4]),
        "reset_mask": torch.rand(3, 6) > 0.6,
        "gate_bias": random_gate_bias(layer, x),
    }
    some = {name: given[name] for name in controls}
    wanted = _gradients(layer, x, **some)
    layer.recompute = True
    found = _gradients(layer, x, **some)
    assert found.keys() == wanted.keys()
    for name, tensor in found.items():
        assert relative_error(tensor, wanted[name]) < STREAMING[torch.float64], name


class _Held:
    """What is kept for a backward pass, in bytes: now, and at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._storages: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> tuple[Tensor, "_Token"]:
        storage, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        held = self._storages.get(storage, 0)
        self._storages[storage] = held + 1
        if not held:
            self.now += size
            self.most = max(self.most, self.now)
        token = _Token()
        finalize(token, self._drop, storage, size)
        return tensor, token

    def _drop(self, storage: int, size: int) -> None:
        self._storages[storage] -= 1
        if not self._storages[storage]:
            self.now -= size


class _Token:
    pass


@contextmanager
def _held() -> Iterator[_Held]:
    held = _Held()
    with torch.autograd.graph.saved_tensors_hooks(held.pack, lambda packed: packed[0]):
        yield held


@every_cell
def test_truncated_equals_detaching_by_hand(cell: str) -> None:
    layer = make(cell)
    x = clip(layer)
    controls: dict[str, Any] = {
        "lengths": torch.tensor([6, 3, 0]),
        "reset_mask": torch.rand(3, 6) > 0.6,
        "gate_bias": random_gate_bias(layer, x),
    }
    layer.zero_grad()
    pieces = []
    for outputs, state in layer.truncated(x, 4, **controls):
        outputs.square().sum().backward()
        assert not any(last.requires_grad for last in state)
        pieces.append(outputs.detach())
    found = [p.grad.clone() for p in layer.parameters() if p.grad is not None]
    whole, _ = layer(x, **controls)
    assert [piece.shape[1] for piece in pieces] == [4, 2]
    assert relative_error(torch.cat(pieces, dim=1), whole) < STREAMING[torch.float64]

    layer.zero_grad()
    bias = controls["gate_bias"]
    first = {"lengths": torch.tensor([4, 3, 0]), "reset_mask": controls["reset_mask"][:, :4]}
    one, state = layer(x[:, :4], gate_bias=[each[:, :4] for each in bias], **first)
    second = {"lengths": torch.tensor([2, 0, 0]), "reset_mask": controls["reset_mask"][:, 4:]}
    two, _ = layer(x[:, 4:], detached(state), gate_bias=[each[:, 4:] for each in bias], **second)
    torch.autograd.backward([one.square().sum(), two.square().sum()])
    wanted = [p.grad for p in layer.parameters() if p.grad is not None]
    assert len(found) == len(wanted) == len(list(layer.parameters()))
    for got, grad in zip(found, wanted, strict=True):
        assert relative_error(got, grad) < STREAMING[torch.float64]


@pytest.mark.parametrize(
    "bias",
    [
        lambda p: torch.randn(3, p, 4, 5, dtype=torch.float64),
        lambda p: torch.randn(3, 1, p, 1, 1, dtype=torch.float64),
        lambda p: [None, torch.randn(3, 6, p, 4, 1, dtype=torch.float64)],
    ],
    ids=["no time", "one for all time", "a list"],
)
def test_truncated_cuts_any_gate_bias(bias: Any) -> None:
    layer = make("conv_gru", (3, 3))
    x = clip(layer)
    given = bias(9)
    given = given if isinstance(given, list) else [given, None]
    whole, _ = layer(x, gate_bias=given)
    pieces = [outputs for outputs, _ in layer.truncated(x, 4, gate_bias=given)]
    assert relative_error(torch.cat(pieces, dim=1), whole) < STREAMING[torch.float64]


@one_of_each
@pytest.mark.parametrize("recompute", [False, True])
def test_memory_of_truncated_training_does_not_grow(cell: str, recompute: bool) -> None:
    layer = make(cell)
    layer.recompute = recompute

    def most(frames: int) -> int:
        x = clip(layer, batch=1, frames=40)[:, :frames].clone()
        with _held() as held:
            for outputs, _ in layer.truncated(x, 4):
                outputs.square().sum().backward()
                del outputs
        return held.most - x.untyped_storage().nbytes()

    short, long = most(8), most(40)
    assert 0 < long <= short


@one_of_each
def test_memory_of_whole_clips_grows_and_recomputation_saves_it(cell: str) -> None:
    """Else the test above proves nothing."""

    def held(frames: int, *, recompute: bool) -> int:
        layer = make(cell, (8,))
        layer.recompute = recompute
        x = clip(layer, batch=1, frames=frames)
        with _held() as seen:
            outputs, _ = layer(x)
            del outputs
        return seen.most

    assert held(40, recompute=False) > 3 * held(8, recompute=False)
    assert held(40, recompute=True) < 0.7 * held(40, recompute=False)


@one_of_each
def test_nothing_is_kept_without_a_gradient(cell: str) -> None:
    layer = make(cell)
    with _held() as held, torch.no_grad():
        layer(clip(layer))
    assert held.most == 0
