"""Simpler answers: exact where the world is as simple as they are, harmless everywhere else."""

import pytest
import torch

from seqimg.data import Batch, ClipSource
from seqimg_predict.baselines import flow_extrapolation, linear_extrapolation
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask


def _moving(frames: int, speed: tuple[int, int], size: int = 64) -> torch.Tensor:
    """A smooth random scene that a camera moves over, `[1, T, 1, size, size]`."""
    small = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    scene = torch.nn.functional.interpolate(small, size=(140, 140), mode="bicubic")[0].clamp(0, 1)
    down, across = speed
    views = [
        scene[:, 38 + down * t : 38 + down * t + size, 38 + across * t : 38 + across * t + size]
        for t in range(frames)
    ]
    return torch.stack(views)[None]


@pytest.mark.parametrize("speed", [(1, -2), (-2, 0), (0, 3)])
def test_flow_carried_on_follows_a_steady_motion(speed: tuple[int, int]) -> None:
    clip = _moving(8, speed)
    predicted = flow_extrapolation(clip[:, :4], 4)
    inner = (..., slice(14, -14), slice(14, -14))
    error = (predicted - clip[:, 4:])[inner].square().mean()
    copied = (clip[:, 3:4] - clip[:, 4:])[inner].square().mean()
    assert error < 0.01 * copied


def test_flow_is_looked_for_in_the_small_and_moves_the_large() -> None:
    clip = torch.nn.functional.interpolate(_moving(5, (1, 2))[0], scale_factor=4, mode="bilinear")[None]
    predicted = flow_extrapolation(clip[:, :3], 2)
    inner = (..., slice(40, -40), slice(40, -40))
    error, copied = (
        (answer - clip[:, 3:])[inner].square().mean()
        for answer in (predicted, clip[:, 2:3].expand(-1, 2, -1, -1, -1))
    )
    assert error < 0.05 * copied


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (8, 8)])
@pytest.mark.parametrize("value", [None, 0.0, 1.0])
def test_frames_too_small_or_too_plain_for_flow_are_copied(
    size: tuple[int, int], value: float | None
) -> None:
    frames = torch.rand(2, 3, 2, *size) if value is None else torch.full((2, 3, 2, *size), value)
    predicted = flow_extrapolation(frames, 3)
    assert predicted.shape == (2, 3, 2, *size)
    assert predicted.isfinite().all()
    if value is not None:
        assert torch.equal(predicted, frames)


def test_linear_goes_on_as_it_went_and_stays_in_the_range() -> None:
    ramp = torch.linspace(0.1, 0.5, 5).reshape(1, 5, 1, 1, 1).expand(1, 5, 1, 2, 2)
    assert torch.allclose(
        linear_extrapolation(ramp, 7)[0, :, 0, 0, 0], torch.tensor([0.6, 0.7, 0.8, 0.9, 1, 1, 1.0])
    )


def test_the_configuration_chooses_and_copying_always_stands_there() -> None:
    batch = Batch(torch.rand(2, 5, 1, 8, 8), tuple(ClipSource("a", n) for n in range(2)))
    task = PredictTask(PredictConfig(channels=1, context=3, horizon=2, baselines=("linear",)))
    answers = task.baselines(task.build_model())
    assert list(answers) == ["copy_last", "linear"]
    assert all(answer(batch).shape == (2, 2, 1, 8, 8) for answer in answers.values())
