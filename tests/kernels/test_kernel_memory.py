"""Memory: nothing is read before it is written, nothing of the caller's is written, chunks join without a seam."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from seqimg.cells import Cell
from seqimg.kernels.convolution import new_frames
from seqimg.kernels.fused import backward, clip, forward
from tests.kernels.calls import Call, draw
from tests.kernels.cells import ONE_OF_EACH, each_way
from tests.kernels.layouts import CLIPS, STATES, of_clips, of_states
from tests.kernels.parity import DTYPES, check_kernels, kernels_for

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
TOGETHER: dict[str, Any] = {"keep": True, "update": "values", "gate_bias": "T"}
OPTIONS = pytest.mark.parametrize(
    "options", [{}, {"recompute": True}, TOGETHER, {**TOGETHER, "recompute": True}], ids=str
)


@pytest.fixture
def poison() -> Iterator[None]:
    """Memory that nobody has written holds NaN, whoever asks for it, until the test is over."""
    assert torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)


@pytest.mark.usefixtures("poison")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_poison_is_everywhere(dtype: torch.dtype) -> None:
    some = torch.zeros(2, 3, 4, 5, dtype=dtype)
    made = (
        torch.empty(7, dtype=dtype),
        torch.empty_like(some, memory_format=torch.channels_last),
        some.new_empty(3),
        torch.empty_strided((2, 2), (1, 2), dtype=dtype),
        new_frames(2, some, 6),
    )
    assert all(bool(tensor.isnan().all()) for tensor in made)


@pytest.mark.usefixtures("poison")
@each_way
@every_dtype
@OPTIONS
def test_nothing_is_read_before_it_is_written(
    cell: Cell, dtype: torch.dtype, options: dict[str, Any]
) -> None:
    check_kernels(cell, dtype, **options)


def _project_onto_whatever_is_there(self: clip.Inputs, span: range, gates: list[Tensor]) -> None:
    for buffer, bias in zip(gates, self.biases, strict=True):
        buffer.add_(bias)


def _forget_the_first_state(self: Any, span: range) -> Tensor:
    return new_frames(len(span), self.op.h0, self.op.h0.shape[1])


@pytest.mark.usefixtures("poison")
@pytest.mark.parametrize(
    ("owner", "method", "planted"),
    [
        (clip.Inputs, "project", _project_onto_whatever_is_there),
        (backward._Backward, "_states_before", _forget_the_first_state),
    ],
)
def test_the_poison_finds_a_planted_bug(
    owner: type, method: str, planted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = ONE_OF_EACH[0]
    check_kernels(cell, torch.float64)
    monkeypatch.setattr(owner, method, planted)
    with pytest.raises(AssertionError, match=r"fused: .* is off by inf"):
        check_kernels(cell, torch.float64)


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """How many chunks each walk was cut into."""
    found: dict[str, list[int]] = {"forward": [], "backward": []}

    def watch(name: str, module: ModuleType) -> None:
        def counted(frames: int, chunk: int) -> Iterator[range]:
            spans = list(clip.chunks(frames, chunk))
            found[name].append(len(spans))
            return iter(spans)

        monkeypatch.setattr(module, "chunks", counted)

    watch("forward", forward)
    watch("backward", backward)
    return found


@each_way
@every_dtype
@OPTIONS
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_chunks_join_without_a_seam(
    cell: Cell,
    dtype: torch.dtype,
    options: dict[str, Any],
    frames: int,
    walked: dict[str, list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = 2 * 3 * 4 * (cell.projected_channels + cell.hidden_channels)
    monkeypatch.setattr(clip, "_CHUNK_BYTES", frames * values * dtype.itemsize)
    check_kernels(cell, dtype, frames=7, size=(3, 4), expected={"fused"}, **options)
    for name, counts in walked.items():
        assert counts, f"the {name} walk was not taken"
        assert min(counts) > 1, f"the {name} walk was one chunk"


LAYOUTS: dict[str, Callable[[Call], Call]] = {
    "as drawn": lambda call: call,
    "frames channels last": of_clips(CLIPS["channels last"]),
    "frames time first": of_clips(CLIPS["time first"]),
    "states channels last": of_states(STATES["channels last"]),
}


@each_way
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@OPTIONS
def test_nothing_of_the_callers_is_written(
    cell: Cell, layout: Callable[[Call], Call], options: dict[str, Any]
) -> None:
    for dtype in DTYPES:
        call = layout(draw(cell, **options).to(dtype))
        before = call.map(torch.clone)
        for kernel in kernels_for(call).values():
            call.everything(kernel)
            for name, tensor in _tensors(call).items():
                assert torch.equal(tensor, _tensors(before)[name]), name


@each_way
def test_what_is_returned_belongs_to_the_caller(cell: Cell) -> None:
    """States that go on to be zeroed or scaled in place, as streams do, change nothing else."""
    call = draw(cell, frames=1).to(torch.float32)
    for kernel in kernels_for(call).values():
        outputs, last = call.results(kernel)
        kept, state = outputs.clone(), call.state.clone()
        last.zero_()
        assert torch.equal(outputs, kept)
        assert torch.equal(call.state, state)


def _tensors(call: Call) -> dict[str, Tensor]:
    tensors = call.differentiable | {"d_outputs": call.d_outputs, "d_last": call.d_last}
    controls = {"keep": call.controls.keep, "update": call.controls.update}
    return tensors | {name: tensor for name, tensor in controls.items() if tensor is not None}
