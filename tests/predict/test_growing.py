"""Clips grow over the first part of a training; what is compared stays in its place."""

import pytest
import torch

from seqimg.data import Batch, ClipSource
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask


def _task(**values: object) -> PredictTask:
    given: dict[str, object] = {
        "growing": 0.4,
        "channels": 1,
        "widths": (4,),
        "context": 10,
        "horizon": 10,
        "loss": "mse",
    }
    return PredictTask(PredictConfig.model_validate({**given, **values}))


@pytest.mark.parametrize(
    ("progress", "wanted"),
    [(0.0, (4, 2)), (0.1, (6, 4)), (0.2, (7, 6)), (0.399, (10, 10)), (0.4, (10, 10)), (1.0, (10, 10))],
)
def test_clips_grow_to_context_and_horizon(progress: float, wanted: tuple[int, int]) -> None:
    task = _task()
    task.progressed(progress)
    assert task.curriculum().lengths() == wanted


@pytest.mark.parametrize(
    "values",
    [{"growing": 0.0}, {"compile": True}, {"context": 2, "horizon": 1}, {"horizon": 2, "context": 4}],
)
def test_what_is_short_or_told_so_is_whole_from_the_beginning(values: dict[str, object]) -> None:
    task = _task(**values)
    task.progressed(0.0)
    assert task.curriculum().lengths() == (task.config.context, task.config.horizon)


@pytest.mark.parametrize("progress", [0.0, 0.1, 0.25, 1.0])
@pytest.mark.parametrize(
    ("model", "noise"), [("encoder_forecaster", 0), ("encoder_forecaster", 2), ("next_frame", 0)]
)
def test_what_is_said_of_a_short_clip_is_compared_with_what_came_then(
    progress: float, model: str, noise: int
) -> None:
    task = _task(model=model, **({"noise": noise, "loss": "crps"} if noise else {}))
    frames = (torch.arange(20)[:, None, None, None] / 20).expand(2, 20, 1, 16, 16)
    batch = Batch(frames, tuple(ClipSource("a", n) for n in range(2)))
    task.progressed(progress)
    read, horizon = task.curriculum().lengths()
    outputs = task.forward(task.build_model().train(), batch)
    right = frames[:, 10 - (read - 1) * (model == "next_frame") : 10 + horizon]
    right = right.repeat(1, 2 if noise else 1, 1, 1, 1)
    assert outputs.shape == right.shape
    losses = task.loss(right, batch)
    assert losses.parts["mse"].item() == pytest.approx(0)
    assert task.loss(right + 0.5, batch).parts["mse"].item() == pytest.approx(0.25)


def test_the_last_frames_of_the_context_are_what_is_read() -> None:
    task = _task(cuts=False)
    torch.manual_seed(0)
    model = task.build_model().train()
    for parameter in model.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, std=0.15)
    frames = torch.rand(1, 20, 1, 16, 16)
    other = frames.clone()
    other[:, :6] = torch.rand(1, 6, 1, 16, 16)
    task.progressed(0.0)
    source = (ClipSource("a", 0),)
    with torch.no_grad():
        said = [task.forward(model, Batch(each, source)) for each in (frames, other)]
        assert torch.equal(*said)
        assert task.forward(model.eval(), Batch(frames, source)).shape[1] == 10
        assert not torch.equal(*(task.forward(model, Batch(each, source)) for each in (frames, other)))
