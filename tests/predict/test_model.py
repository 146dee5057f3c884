"""The forecaster: any split, any horizon, any size, and nothing changed before training."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.streaming import Stream
from seqimg_predict.config import PredictConfig, PredictRun
from seqimg_predict.model import EncoderForecaster
from seqimg_predict.task import PredictTask
from tests.tolerances import STREAMING, relative_error


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
    size=st.tuples(st.integers(3, 19), st.integers(3, 19)),
    channels=st.integers(1, 5),
    levels=st.integers(1, 3),
    motion=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_any_split_gives_the_same_prediction(
    cut: int, size: tuple[int, int], channels: int, levels: int, motion: bool
) -> None:
    model = _trained_looking(channels, (4,) * levels, motion=motion)
    clip = torch.rand(2, 6, channels, *size)
    with torch.no_grad():
        whole, _ = model(clip, horizon=3)
        _, state = model(clip[:, :cut])
        split, _ = model(clip[:, cut:], state, horizon=3)
    assert whole.shape == (2, 3, channels, *size)
    assert relative_error(split, whole) < STREAMING[torch.float32]


def test_frame_by_frame_equals_the_clip() -> None:
    model, clip = _trained_looking(), torch.rand(1, 7, 3, 20, 28)
    stream = Stream(model)
    for frame in clip[0]:
        assert stream.step(frame).shape == (1, 0, 3, 20, 28)
    with torch.no_grad():
        whole, state = model(clip, horizon=4)
        streamed, _ = model.forecast(stream.state, 4)
    assert stream.frames_seen == 7
    assert relative_error(streamed, whole) < STREAMING[torch.float32]
    stream.reset()
    assert stream.state is None


def test_a_long_forecast_in_pieces_equals_it_at_once() -> None:
    model, clip = _trained_looking(), torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad():
        _, state = model(clip)
        whole, _ = model.forecast(state, 7)
        first, levels = model.forecast(state, 3)
        rest, _ = model.forecast(state, 4, levels)
    assert relative_error(torch.cat([first, rest], dim=1), whole) < STREAMING[torch.float32]


@pytest.mark.parametrize("motion", [True, False])
def test_an_untrained_model_copies_the_last_frame(motion: bool) -> None:
    clip = torch.rand(2, 4, 1, 17, 23)
    prediction, _ = EncoderForecaster(1, (4, 4), motion=motion)(clip, horizon=2)
    assert torch.allclose(prediction, clip[:, -1:].expand_as(prediction), atol=1e-5)


def test_a_flow_of_one_pixel_moves_the_picture_by_one() -> None:
    model = EncoderForecaster(1, (4,), patch=2)
    assert model.flow is not None
    with torch.no_grad():
        model.flow[-1].bias.copy_(torch.tensor([0.0, 1 / 8]))  # eight pixels a unit; down, right
        clip = torch.rand(1, 2, 1, 8, 12)
        prediction, _ = model(clip, horizon=1)
    assert torch.allclose(prediction[0, 0, 0, :, :-1], clip[0, -1, 0, :, 1:], atol=1e-5)


def test_every_weight_learns() -> None:
    model = _trained_looking().train()
    prediction, _ = model(torch.rand(1, 3, 3, 16, 16), horizon=2)
    prediction.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def _task(**values: object) -> PredictTask:
    return PredictTask(PredictConfig(**{"channels": 3, "widths": (4,), **values}))  # type: ignore[arg-type]


def test_run_yields_the_lead_in_and_then_the_horizon_at_the_source_size() -> None:
    task, frames = _task(size=16), torch.rand(6, 3, 24, 40)
    stream = Stream(task.build_model())
    pictures = list(task.pictures(stream, frames, PredictRun(horizon=11, lead_in=2)))
    assert len(pictures) == 13
    assert {tuple(picture.shape) for picture in pictures} == {(3, 24, 40)}
    assert torch.equal(pictures[0], frames[-2])
    assert torch.equal(pictures[1], frames[-1])
    # An untrained model changes nothing, and what is unchanged stays as sharp as the source.
    assert torch.allclose(pictures[-1], frames[-1], atol=1e-5)


def test_the_relative_loss_is_one_for_copying_whatever_the_clip() -> None:
    from seqimg.data import Batch, ClipSource

    task = _task(context=2, horizon=3)
    lively = torch.rand(1, 5, 3, 8, 8)
    quiet = 0.5 + 0.05 * torch.rand(1, 5, 3, 8, 8)
    batch = Batch(torch.cat([lively, quiet]), (ClipSource("a", 0), ClipSource("b", 0)))
    copied = task.baselines()["copy_last"](batch)
    assert float(task.loss(copied, batch).total) == pytest.approx(1, abs=0.1)
    assert float(task.loss(task.expected(batch), batch).total) == 0
