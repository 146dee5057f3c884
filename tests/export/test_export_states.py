"""States become flat, named lists and come back; zeros say that nothing was seen."""

from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from seqimg.errors import SeqimgError
from seqimg.export.sizes import Side, sized
from seqimg.export.states import StateLayout
from seqimg.export.steps import step_of
from seqimg.plugins.manager import plugin_host
from tests.export.models import DETECT


class Pair(NamedTuple):
    levels: Any
    last: Any


_tensors = st.integers(0, 3).map(lambda size: torch.arange(size, dtype=torch.float32))
_states = st.recursive(
    st.one_of(st.none(), _tensors),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=8,
)


@given(_states)
def test_a_state_comes_back_as_it_was(state: Any) -> None:
    layout = StateLayout(state)
    flat = layout.flat(state)
    assert len(set(layout.names)) == len(layout.names) == len(flat)
    again = layout.restored([tensor + 1 for tensor in flat])
    assert StateLayout(again).names == layout.names
    assert all(torch.equal(a, b + 1) for a, b in zip(layout.flat(again), flat, strict=True))
    assert type(again) is type(state)


def test_what_a_graph_cannot_carry_is_refused() -> None:
    with pytest.raises(SeqimgError, match="holds a int"):
        StateLayout((torch.zeros(1), 3))
    with pytest.raises(SeqimgError, match="changes its form"):
        StateLayout((torch.zeros(1),)).flat(())


@given(st.integers(1, 999), st.integers(1, 64), st.integers(1, 9))
def test_a_side_is_rounded_up(length: int, step: int, times: int) -> None:
    (found,) = sized((Side("width", step, times),), {"width": length})
    assert found % times == 0
    assert (found // times - 1) * step < length <= found // times * step


PREDICT = {"channels": 1, "widths": (4, 6), "horizon": 2}
CLASSIFY = {"channels": 3, "classes": ("a", "b"), "widths": (4, 6)}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("predict", {**PREDICT, "model": "encoder_forecaster"}),
        ("predict", {**PREDICT, "model": "next_frame", "cuts": False}),
        ("classify", CLASSIFY),
        ("classify", {**CLASSIFY, "model": "rows", "picture": (12, 10)}),
        ("detect", DETECT),
        ("detect", {**DETECT, "cell": "conv_lstm"}),
        ("style", {"channels": 3, "width": 8}),
    ],
)
def test_zeros_mean_none_for_every_task_without_computing_twice(name: str, values: dict[str, Any]) -> None:
    tasks = plugin_host().tasks
    task = tasks.load(name)(tasks.load(name, "config")(**values))
    model = task.build_model().eval()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    step = step_of(task, model)
    assert not step.doubled
    frames = torch.rand(2, 3, 1, values["channels"], *(task.frame_size() or (20, 27)))
    ours, theirs = None, step.layout.restored(step.start(frames[:, 0]))
    with torch.no_grad():
        for number in range(3):
            a, ours = step.module(frames[:, number], ours)
            b, theirs = step.module(frames[:, number], theirs)
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


class Odd(nn.Module):
    """Begins with the first frame itself, and adds up what follows."""

    def forward(self, frames: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        after = 3 * frames[:, -1] if state is None else state + frames[:, -1]
        return after[:, None], after


def test_a_model_that_begins_otherwise_is_made_to_begin_from_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = plugin_host().tasks
    task = tasks.load("detect")(tasks.load("detect", "config")(**DETECT))
    step = step_of(task, Odd())
    assert step.doubled
    assert step.layout.names == ("state_0", "state_1")
    flat = step.flat()
    frames = torch.rand(2, 1, 3, 4, 4)
    started = torch.tensor([0.0, 1.0])
    outputs, after, begun = flat(frames, torch.ones(2, 3, 4, 4), started)
    torch.testing.assert_close(outputs[0], 3 * frames[0])
    torch.testing.assert_close(outputs[1], frames[1] + 1)
    assert torch.equal(after, outputs[:, 0])
    assert begun.tolist() == [1.0, 1.0]
