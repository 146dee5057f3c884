"""The forecaster: any split, any horizon, any size, and nothing changed before training."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.errors import SeqimgError, UsageError
from seqimg.streaming import Stream
from seqimg_predict.model import EncoderForecaster
from seqimg_predict.motion import apply_forecast
from tests.predict.clips import drifting
from tests.tolerances import STREAMING, relative_error

TOLERANCE = STREAMING[torch.float32]


def _trained_looking(
    channels: int = 3, widths: tuple[int, ...] = (4, 6), **options: bool
) -> EncoderForecaster:
    """A model whose heads are not zero any more."""
    torch.manual_seed(0)
    model = EncoderForecaster(channels, widths, **options)
    for parameter in model.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


@given(
    cut=st.integers(1, 5),
    size=st.tuples(st.integers(1, 19), st.integers(1, 19)),
    channels=st.integers(1, 5),
    levels=st.integers(1, 3),
    motion=st.booleans(),
    noise=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_any_split_gives_the_same_prediction(
    cut: int, size: tuple[int, int], channels: int, levels: int, motion: bool, noise: bool
) -> None:
    model = _trained_looking(channels, (4,) * levels, motion=motion)
    clip = torch.rand(2, 6, channels, *size) if noise else drifting(2, 6, channels, size)
    with torch.no_grad():
        whole, _ = model(clip, horizon=3)
        _, state = model(clip[:, :cut])
        split, _ = model(clip[:, cut:], state, horizon=3)
    assert whole.shape == (2, 3, channels, *size)
    assert relative_error(split, whole) < TOLERANCE


@pytest.mark.parametrize("channels", [1, 3, 40])
def test_frame_by_frame_equals_the_clip(channels: int) -> None:
    model, clip = _trained_looking(channels), drifting(1, 7, channels, (21, 27))
    stream = Stream(model)
    for frame in clip[0]:
        assert stream.step(frame).shape == (1, 0, channels, 21, 27)
    with torch.no_grad():
        whole, _ = model(clip, horizon=4)
        streamed = apply_forecast(stream.state.last, model.forecast(stream.state, 4)[0])
    assert stream.frames_seen == 7
    assert relative_error(streamed, whole) < TOLERANCE
    stream.reset()
    assert stream.state is None


@pytest.mark.parametrize("motion", [True, False])
def test_a_long_forecast_in_pieces_equals_it_at_once(motion: bool) -> None:
    model, clip = _trained_looking(motion=motion), drifting(frames=3)
    with torch.no_grad():
        whole, state = model(clip, horizon=7)
        first, carried = model.forecast(state, 3)
        second, carried = model.forecast(state, 1, carried)
        third, _ = model.forecast(state, 3, carried)
        pieces = [apply_forecast(state.last, forecast) for forecast in (first, second, third)]
    assert relative_error(torch.cat(pieces, dim=1), whole) < TOLERANCE


def test_each_clip_of_a_batch_is_predicted_as_if_alone() -> None:
    model, clips = _trained_looking(), drifting(3, 5)
    clips[1] = torch.rand(5, 3, 20, 28)  # a cut at every frame of one clip is none in the others
    with torch.no_grad():
        together, _ = model(clips, horizon=2)
        for clip, found in zip(clips, together, strict=True):
            alone, _ = model(clip[None], horizon=2)
            assert relative_error(found[None], alone) < TOLERANCE


@pytest.mark.parametrize("motion", [True, False])
@pytest.mark.parametrize("size", [(17, 23), (1, 1), (2, 40)])
def test_an_untrained_model_copies_the_last_frame(motion: bool, size: tuple[int, int]) -> None:
    clip = drifting(2, 4, 1, size)
    prediction, _ = EncoderForecaster(1, (4, 4), motion=motion)(clip, horizon=2)
    assert torch.allclose(prediction, clip[:, -1:].expand_as(prediction), atol=1e-5)


def test_a_constant_velocity_moves_the_picture_further_each_frame() -> None:
    model, clip = EncoderForecaster(1, (4,), patch=2), torch.rand(1, 2, 1, 8, 12)
    assert model.flow is not None
    with torch.no_grad():
        bias = torch.tensor([0.0, 1 / 2, 20.0])  # two pixels a unit; down, right; take all of it
        model.flow[-2].bias.copy_(bias.repeat_interleave(4))
        prediction, _ = model(clip, horizon=3)
    for ahead in (1, 2, 3):
        found = prediction[0, ahead - 1, 0, :, :-ahead]
        assert torch.allclose(found, clip[0, -1, 0, :, ahead:], atol=1e-5)


def test_what_came_before_a_scene_cut_is_forgotten() -> None:
    model = _trained_looking()
    before, after = drifting(1, 4, seed=1, speed=2), drifting(1, 3, seed=2).flip(-1) * 0.5
    with torch.no_grad():
        cut, _ = model(torch.cat([before, after], dim=1), horizon=3)
        fresh, _ = model(after, horizon=3)
        remembered, _ = _trained_looking(cuts=False)(torch.cat([before, after], dim=1), horizon=3)
    assert relative_error(cut, fresh) < TOLERANCE
    assert relative_error(remembered, fresh) > 100 * TOLERANCE


def test_the_context_matters() -> None:
    model, clip = _trained_looking(), drifting(frames=6)
    with torch.no_grad():
        long, _ = model(clip, horizon=2)
        short, _ = model(clip[:, 3:], horizon=2)
    assert relative_error(long, short) > 100 * TOLERANCE


@pytest.mark.parametrize("motion", [True, False])
def test_every_weight_learns(motion: bool) -> None:
    model = _trained_looking(motion=motion).train()
    prediction, _ = model(drifting(1, 4), horizon=2)
    prediction.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [(1, 3, 1, 8, 8), (3, 3, 8, 8), (1, 0, 3, 8, 8)])
def test_frames_of_another_kind_are_refused_in_plain_words(shape: tuple[int, ...]) -> None:
    with pytest.raises(SeqimgError, match="at least one frame of 3 channels"):
        EncoderForecaster(3, (4,))(torch.zeros(shape))


def test_a_sequence_keeps_its_size() -> None:
    model = EncoderForecaster(1, (4,))
    _, state = model(torch.zeros(1, 2, 1, 8, 8))
    with pytest.raises(SeqimgError, match="keeps its size"):
        model(torch.zeros(1, 1, 1, 8, 12), state)
    with pytest.raises(UsageError, match="horizon=-1"):
        model(torch.zeros(1, 1, 1, 8, 8), state, horizon=-1)
