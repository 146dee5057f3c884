"""However the frames are split over calls, streams and batches: the same numbers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqimg.kernels import use_kernel
from seqimg.nn import ConvRNN
from seqimg.plugins.manager import plugin_host
from seqimg.streaming import Stream, Streams
from tests.streaming.models import MODELS, channels_of, frames_for, model_of

CLOSE = {"rtol": 0.0, "atol": 1e-5}
COUNT = 9


def in_pieces(model: nn.Module, clip: Tensor, seams: list[int]) -> Tensor:
    """Run `clip [T, C, H, W]` in pieces and return the outputs of all of it."""
    state, outputs = None, []
    with torch.inference_mode():
        for begin, end in zip([0, *seams], [*seams, len(clip)], strict=True):
            some, state = model(clip[None, begin:end], state)
            outputs.append(some)
    return torch.cat(outputs, dim=1)


def singly(model: nn.Module, clip: Tensor) -> Tensor:
    return torch.cat(list(Stream(model).run(clip)), dim=1)


@pytest.fixture(scope="module", params=[name for name in MODELS if not name.startswith("predict")])
def answering(request: pytest.FixtureRequest) -> nn.Module:
    """A model that says something of every frame."""
    return model_of(request.param)


@settings(max_examples=8, deadline=None)
@given(seams=st.lists(st.integers(1, COUNT - 1), max_size=3, unique=True).map(sorted))
def test_any_split_is_the_whole_clip(answering: nn.Module, seams: list[int]) -> None:
    clip = frames_for(COUNT, channels=3 if hasattr(answering, "style_0") else 1)
    whole = in_pieces(answering, clip, [])
    torch.testing.assert_close(in_pieces(answering, clip, seams), whole, **CLOSE)
    torch.testing.assert_close(singly(answering, clip), whole, **CLOSE)


@pytest.mark.parametrize("name", ["predict", "predict-next"])
def test_what_is_predicted_after_any_split_is_the_same(name: str) -> None:
    model, clip = model_of(name), frames_for(COUNT)
    with torch.inference_mode():
        whole = model(clip[None], horizon=3)[0]
        half = model(clip[None, :4])[1]
        halves = model(clip[None, 4:], half, horizon=3)[0]
        stream = Stream(model)
        for frame in clip[:-1]:
            stream.step(frame)
        single = model(clip[None, -1:], stream.state, horizon=3)[0]
    torch.testing.assert_close(halves, whole, **CLOSE)
    torch.testing.assert_close(single, whole, **CLOSE)


@pytest.mark.parametrize("kernel", ["auto", "reference"])
@pytest.mark.parametrize("cell", plugin_host().cells.names())
def test_every_cell_steps_as_it_runs_a_clip(cell: str, kernel: str) -> None:
    torch.manual_seed(0)
    layer = ConvRNN(2, (3, 4), cell=cell).eval()
    dense = layer.cells[0].family in ("gru", "lstm")
    clip = torch.rand(6, 2) if dense else torch.rand(6, 2, 10, 8)
    with use_kernel(kernel):
        whole = in_pieces(layer, clip, [])
        torch.testing.assert_close(singly(layer, clip), whole, **CLOSE)
        torch.testing.assert_close(in_pieces(layer, clip, [1, 4]), whole, **CLOSE)


# A texture that joins others begins with a seed of its own, so that they are not all the same.
@pytest.mark.parametrize("name", [name for name in MODELS if name != "texture"])
def test_rows_are_separate_streams(name: str) -> None:
    """Streams that join, pause, begin anew and leave, of frames of two sizes."""
    model = model_of(name)
    clips = {key: frames_for(8, seed, channels_of(name)) for seed, key in enumerate("abc")}
    clips["c"] = clips["c"][..., :24, :]
    together, apart = Streams[str](model), {key: Stream(model) for key in clips}
    present = ["a", "ab", "abc", "bc", "acb", "abc", "ab", "abc"]
    for number, names in enumerate(present):
        if number == 5:
            together.reset("b")
            apart["b"].reset()
        frames = {key: clips[key][number] for key in names}
        found = together.step(frames)
        assert list(found) == list(names)
        for key in names:
            right = apart[key].step(frames[key])
            torch.testing.assert_close(found[key], right, **CLOSE)
            assert together[key].age == apart[key].age
    left = together.leave("a")
    assert list(together) == ["b", "c"]
    frame = frames_for(1, channels=channels_of(name))[0]
    torch.testing.assert_close(left.step(frame), apart["a"].step(frame), **CLOSE)
