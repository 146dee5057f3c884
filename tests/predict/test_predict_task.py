"""Frame prediction as a task: loss, figures and baselines against arithmetic, and what `run` yields."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error
from torch import nn

from seqimg.data import Batch, ClipSource
from seqimg.errors import SeqimgError, UsageError
from seqimg.training.evaluation import evaluate
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.predict.clips import drifting, pictures_of


def _task(**values: object) -> PredictTask:
    return PredictTask(PredictConfig(**{"channels": 3, "widths": (4,), **values}))  # type: ignore[arg-type]


def _batch(clips: torch.Tensor) -> Batch:
    return Batch(clips, tuple(ClipSource("clip", number) for number in range(len(clips))))


def test_the_losses_are_what_they_say() -> None:
    batch = _batch(torch.rand(3, 5, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    outputs = torch.rand(3, 3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    truth, last = batch.frames[:, 2:].numpy(), batch.frames[:, 1:2].numpy()
    error = outputs.numpy() - truth
    each = (error**2).mean(axis=(1, 2, 3, 4)) / (((truth - last) ** 2).mean(axis=(1, 2, 3, 4)) + 1e-4)
    wanted = {"mse": (error**2).mean(), "l1": np.abs(error).mean(), "relative": each.mean()}
    for name, value in wanted.items():
        losses = _task(context=2, horizon=3, loss=name).loss(outputs, batch)
        assert float(losses.total) == pytest.approx(value, rel=1e-5)
        assert float(losses.parts["mse"]) == pytest.approx(wanted["mse"], rel=1e-5)


def test_the_relative_loss_is_one_for_copying_whatever_the_clip() -> None:
    task = _task(context=2, horizon=3)
    lively = torch.rand(1, 5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    batch = _batch(torch.cat([lively, 0.5 + 0.05 * lively]))
    copied = task.baselines(nn.Identity())["copy_last"](batch)
    assert float(task.loss(copied, batch).total) == pytest.approx(1, abs=0.1)
    assert float(task.loss(task.expected(batch), batch).total) == 0


def test_figures_are_per_pixel_and_channel_over_all_frames_and_clipped(tmp_path: Path) -> None:
    """Two sequences of different sizes: the mean is over pixels, however they are batched."""
    stacks = {"small": drifting(1, 17, 3, (8, 12))[0], "large": drifting(1, 9, 3, (16, 20), seed=1)[0]}
    for name, stack in stacks.items():
        np.save(tmp_path / f"{name}.npy", stack.permute(0, 2, 3, 1).numpy())
    task = _task(
        data=tuple(str(tmp_path / f"{name}.npy") for name in stacks),
        context=3,
        horizon=2,
        crop=0,
        size=0,
        model="encoder_forecaster",
    )
    model = task.build_model()
    with torch.no_grad():  # far outside [0, 1], so that clipping shows
        model.change[-2].bias.fill_(0.4)
    found = evaluate(task, model, task.datasets("all").test, batch_size=2)

    answers: dict[str, list[np.ndarray]] = {"model": [], "copy_last": [], "mean_frame": []}
    truths = []
    for stack in (stack.numpy() for stack in stacks.values()):
        for first in range(0, len(stack) - 4, 2):
            context, truth = stack[first : first + 3], stack[first + 3 : first + 5]
            truths.append(truth.ravel())
            for name, answer in (
                ("model", np.clip(context[-1:] + 0.4, 0, 1)),
                ("copy_last", context[-1:]),
                ("mean_frame", context.mean(axis=0, keepdims=True)),
            ):
                answers[name].append(np.broadcast_to(answer, truth.shape).ravel())
    assert found.clips == len(truths)
    for name, parts in answers.items():
        answer, truth = np.concatenate(parts).astype(np.float64), np.concatenate(truths).astype(np.float64)
        assert found.overall[name]["mse"] == pytest.approx(mean_squared_error(truth, answer), rel=1e-4)
        assert found.overall[name]["mae"] == pytest.approx(np.abs(truth - answer).mean(), rel=1e-4)


def test_evaluation_clips_and_training_does_not() -> None:
    task, batch = _task(context=2, horizon=1), _batch(drifting(1, 3))
    model = task.build_model()
    with torch.no_grad():
        model.change[-2].bias.fill_(5.0)
        assert float(task.forward(model.train(), batch).max()) > 4
        assert float(task.forward(model.eval(), batch).max()) == 1


def test_in_testing_no_frame_is_predicted_twice(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", drifting(1, 40, 1, (8, 8))[0].permute(0, 2, 3, 1).numpy())
    task = _task(data=(str(tmp_path / "a.npy"),), channels=1, context=3, horizon=4, holdout=0.5)
    test = task.datasets("test").test
    predicted = [
        f for i in range(len(test)) for f in range(test[i].source.first + 3, test[i].source.first + 7)
    ]
    assert len(predicted) == len(set(predicted)) > 0
    assert min(predicted) >= 20 + 3


def test_run_yields_the_lead_in_and_then_the_horizon_at_the_source_size() -> None:
    task, frames = _task(size=16), drifting(1, 6, 3, (24, 40))[0]
    pictures = pictures_of(task, task.build_model(), frames, horizon=11, lead_in=2)
    assert len(pictures) == 13
    assert {tuple(picture.shape) for picture in pictures} == {(3, 24, 40)}
    assert torch.equal(pictures[0], frames[-2])
    assert torch.equal(pictures[1], frames[-1])
    # An untrained model changes nothing, and what is unchanged stays as sharp as the source.
    assert torch.allclose(pictures[-1], frames[-1], atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (3, 5)])
def test_run_says_what_the_model_says(size: tuple[int, int]) -> None:
    task, frames = _task(size=0), drifting(1, 7, 3, size)[0]
    model = task.build_model()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        wanted = model.eval()(frames[None, -task.config.context :], horizon=19)[0][0].clamp(0, 1)
    pictures = torch.stack(pictures_of(task, model, frames, horizon=19))
    assert torch.allclose(pictures, wanted, atol=1e-5)
    assert not torch.allclose(pictures[0], frames[-1], atol=1e-2)


def test_motion_found_at_a_small_size_is_shown_in_the_large() -> None:
    """A model at half the size that moves by one pixel moves the source by two, and keeps it sharp."""
    task, frames = _task(size=16), torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model = task.build_model()
    with torch.no_grad():
        model.flow[-2].bias.copy_(torch.tensor([0.0, 0.5, 20.0]).repeat_interleave(4))
    picture = pictures_of(task, model, frames, horizon=1)[0]
    assert torch.allclose(picture[:, :, :-2], frames[-1][:, :, 2:], atol=1e-4)


def test_a_sequence_shorter_than_the_context_is_refused() -> None:
    task = _task(context=5)
    with pytest.raises(SeqimgError, match="has 4 frames, this model needs 5"):
        pictures_of(task, task.build_model(), drifting(1, 4)[0], horizon=2)


def test_training_on_less_than_a_clip_or_on_nothing_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", np.zeros((6, 8, 8, 3), np.uint8))
    with pytest.raises(SeqimgError, match="has 6 frames, a clip needs 10"):
        _task(data=(str(tmp_path / "short.npy"),)).datasets()
    with pytest.raises(UsageError, match="no data"):
        _task().datasets()
