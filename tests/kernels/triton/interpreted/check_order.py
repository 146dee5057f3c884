"""No launch may depend on the order of its programs: a GPU promises none."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.runtime.interpreter import interpreter_builder

from seqimg.kernels.audit.cases import CALLS, Operands, Size
from seqimg.kernels.triton_gates.jit.arithmetic import place
from tests.kernels.triton.guarded import Guarded
from tests.kernels.triton.interpreted.problems import LOOPS

SIZE = Size(2, 9, 9, 20)  # 3240 elements: several programs of every launch, the last not full


@contextmanager
def shuffled(seed: int) -> Iterator[list[int]]:
    """Run the programs of one-dimensional grids in a random order; yields the order they ran in."""
    ran: list[int] = []
    orders: dict[int, list[int]] = {}
    original = interpreter_builder.set_grid_idx

    def set_grid_idx(x: int, y: int, z: int) -> None:
        size = interpreter_builder.grid_dim[0]
        generator = torch.Generator().manual_seed(seed)
        order = orders.setdefault(size, torch.randperm(size, generator=generator).tolist())
        ran.append(order[x])
        original(order[x], y, z)

    interpreter_builder.set_grid_idx = set_grid_idx
    try:
        yield ran
    finally:
        interpreter_builder.set_grid_idx = original


@triton.jit
def racy(values, n, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Add to each element its left neighbour, in place: what the neighbour holds is a matter of luck."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    left = tl.load(values + i - 1, mask=(i > 0) & (i < n), other=0.0)
    tl.store(values + i, tl.load(values + i, mask=i < n) + left, mask=i < n)


def run_racy() -> Tensor:
    values = torch.arange(64.0)
    racy[(8,)](values, 64, BLOCK=8)
    return values


def test_a_race_is_found() -> None:
    in_order = run_racy()
    assert torch.equal(run_racy(), in_order)
    with shuffled(seed=1) as ran:
        assert not torch.equal(run_racy(), in_order)
    assert sorted(ran) == list(range(8))
    assert ran != list(range(8))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=LOOPS if "scan" in name else ()) for name in CALLS]
)
def test_order_does_not_matter(name: str) -> None:
    def run() -> dict[str, Tensor]:
        make = Guarded(seed=2)
        CALLS[name](Operands(make, SIZE, torch.float32, "full"))
        make.check()
        return make.tensors

    in_order = run()
    with shuffled(seed=1) as ran:
        found = run()
    assert len(ran) > 2
    assert ran != sorted(ran)
    assert all(torch.equal(found[key], in_order[key]) for key in in_order)


@triton.jit
def probe(rows, channels, n, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Write down where a program believes its elements to be."""
    row, channel, mask = place(n, C, VEC, BLOCK)
    at = tl.arange(0, BLOCK // VEC)[:, None] * VEC + tl.arange(0, VEC)[None, :]
    tl.store(rows + at, row + tl.zeros([BLOCK // VEC, VEC], tl.int64), mask=mask)
    tl.store(channels + at, channel, mask=mask)


def test_places_beyond_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    late = 100_000_000

    def set_grid_idx(x: int, y: int, z: int) -> None:
        interpreter_builder.grid_idx = (x + late, y, z)

    monkeypatch.setattr(interpreter_builder, "set_grid_idx", set_grid_idx)
    rows, channels = torch.full((256,), -1), torch.full((256,), -1)
    vectors = late * 64 + 60  # the program's last four are past the end
    probe[(1,)](rows, channels, vectors, C=12, VEC=4, BLOCK=256)
    element = late * 256 + torch.arange(240)
    assert torch.equal(rows[:240], element // 12)
    assert torch.equal(channels[:240], element % 12)
    assert bool((rows[240:] == -1).all())
