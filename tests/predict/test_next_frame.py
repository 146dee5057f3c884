"""The autoregressive model: its own path equals the one with true frames; scheduled sampling; any split and size."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.data import Batch, ClipSource
from seqimg.errors import UsageError
from seqimg.nn.matching import is_cut, matching_costs
from seqimg.training.loop import StepReport, Trainer
from seqimg_predict.config import PredictConfig
from seqimg_predict.next_frame import NextFrame
from seqimg_predict.task import PredictTask
from tests.predict.clips import drifting
from tests.tolerances import STREAMING, relative_error

TOLERANCE = STREAMING[torch.float32]


def _trained_looking(channels: int = 2, widths: tuple[int, ...] = (4, 6), **options: object) -> NextFrame:
    torch.manual_seed(0)
    model = NextFrame(channels, widths, **options)  # type: ignore[arg-type]
    for parameter in model.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, std=0.15)
    return model.eval()


@pytest.mark.parametrize("cell", ["conv_gru", "conv_lstm"])
@pytest.mark.parametrize("motion", [True, False])
def test_running_free_and_being_given_frames_are_the_same_computation(cell: str, motion: bool) -> None:
    """Given what it said itself, it says the same again, whichever of the two a frame was taken from."""
    model, clip = _trained_looking(cell=cell, motion=motion), drifting(2, 5, 2, (13, 18))
    with torch.no_grad():
        free, _ = model(clip, horizon=4)
        own = free.clamp(0, 1)
        for share in (0.0, 0.5, 1.0):
            given = torch.rand(2, 3) < share
            forced, _ = model(clip, horizon=4, future=own, given=given)
            assert relative_error(forced[:, -4:], free) < TOLERANCE
        assert forced.shape == (2, 4 + 4, 2, 13, 18)
        # And read as if they had come, in one piece; but for motion, which is looked for only in what came.
        read, _ = model(
            torch.cat([clip, own[:, :3]], dim=1), horizon=1, future=own[:, :1], given=given[:, :0]
        )
    assert relative_error(read[:, :5], forced[:, :5]) < TOLERANCE
    assert (relative_error(read, forced) < TOLERANCE) is not motion


def test_what_it_is_given_matters_only_afterwards() -> None:
    model, clip = _trained_looking(), drifting(1, 8, 2, (12, 12))
    given = torch.tensor([[False, True, False]])
    with torch.no_grad():
        free, _ = model(clip[:, :4], horizon=4)
        helped, _ = model(clip[:, :4], horizon=4, future=clip[:, 4:].flip(-1), given=given)
    assert relative_error(helped[:, 3:5], free[:, :2]) < TOLERANCE
    assert relative_error(helped[:, 5], free[:, 2]) > 100 * TOLERANCE


@given(
    cut=st.integers(1, 4),
    size=st.tuples(st.integers(1, 15), st.integers(1, 15)),
    channels=st.integers(1, 3),
    levels=st.integers(1, 3),
    coordinates=st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_any_split_gives_the_same_prediction(
    cut: int, size: tuple[int, int], channels: int, levels: int, coordinates: bool
) -> None:
    model = _trained_looking(channels, (4,) * levels, coordinates=coordinates)
    clip = drifting(2, 5, channels, size)
    with torch.no_grad():
        whole, _ = model(clip, horizon=2)
        _, state = model(clip[:, :cut])
        split, _ = model(clip[:, cut:], state, horizon=2)
        rolled = torch.stack([one.frame for one in model.rollout(model(clip)[1], clip[:, -1], 2)], dim=1)
        late = torch.stack([one.frame for one in model.rollout(model(clip)[1], clip[:, -1], 2, 1)], dim=1)
    assert relative_error(split, whole) < TOLERANCE
    assert relative_error(rolled, whole) < TOLERANCE
    assert relative_error(late, whole[:, 1:]) < TOLERANCE


def test_an_untrained_model_copies_the_last_frame_and_every_weight_learns() -> None:
    clip = drifting(2, 4, 1, (9, 14))
    prediction, _ = NextFrame(1, (4, 4))(clip, horizon=3)
    assert torch.allclose(prediction, clip[:, -1:].expand_as(prediction), atol=1e-5)
    model = _trained_looking(1).train()
    model(clip, horizon=2)[0].square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_frames_to_come_and_which_are_given_go_together() -> None:
    with pytest.raises(UsageError, match="go together"):
        NextFrame(1, (4,))(torch.zeros(1, 2, 1, 8, 8), horizon=2, future=torch.zeros(1, 2, 1, 8, 8))


def _task(**values: object) -> PredictTask:
    given: dict[str, object] = {
        "model": "next_frame",
        "channels": 1,
        "widths": (4,),
        "context": 3,
        "horizon": 3,
    }
    return PredictTask(PredictConfig(**{**given, **values}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.0, 1.0), (0.2, 1.0), (0.3, 0.75), (0.5, 0.25), (0.6, 0.0), (1.0, 0.0)]
)
def test_true_frames_give_way_over_a_share_of_the_training(share: float, wanted: float) -> None:
    task = _task(sampling=(0.2, 0.6))
    task.progressed(share)
    assert task.curriculum().share_given() == pytest.approx(wanted)


def test_which_frames_are_given_is_drawn_for_each_clip_by_itself() -> None:
    """Several processes, each with its part of a batch, draw what one would."""
    task = _task(sampling=(0.0, 1.0))
    clips = [ClipSource("a", first, sequence=number) for number in (0, 1) for first in range(400)]
    found = []
    for share in (0.25, 0.26):
        task.progressed(share)
        given = task.curriculum().given(clips, 5)
        assert given.double().mean().item() == pytest.approx(1 - share, abs=0.03)
        assert torch.equal(task.curriculum().given(clips[300:500], 5), given[300:500])
        found.append(given)
    assert len({tuple(row) for row in found[0].tolist()}) == 2**5
    assert not torch.equal(*found)


def test_in_training_every_next_frame_is_compared_and_at_the_beginning_all_are_given() -> None:
    task = _task(loss="mse", sampling=(0.5, 1.0), growing=0.0)
    batch = Batch(drifting(2, 6, 1, (8, 8)), tuple(ClipSource("a", n) for n in range(2)))
    model = _trained_looking(1, (4,), motion=False).train()
    task.progressed(0.0)
    outputs = task.forward(model, batch)
    assert outputs.shape == (2, 5, 1, 8, 8)
    read, _ = model(batch.frames[:, :-1], horizon=1, future=batch.frames[:, -1:], given=torch.zeros(2, 0) > 0)
    assert relative_error(outputs, read) < TOLERANCE
    wanted = (outputs - batch.frames[:, 1:]).square().mean().item()
    assert task.loss(outputs, batch).total.item() == pytest.approx(wanted, rel=1e-5)
    assert task.forward(model.eval(), batch).shape == (2, 3, 1, 8, 8)


def test_the_relative_loss_is_one_for_copying_what_was_known() -> None:
    task = _task()
    batch = Batch(drifting(2, 6, 1, (8, 8), speed=2), tuple(ClipSource("a", n) for n in range(2)))
    frames = batch.frames
    copied = torch.cat([frames[:, :2], frames[:, 2:3].expand(-1, 3, -1, -1, -1)], dim=1)
    assert task.loss(copied, batch).total.item() == pytest.approx(1, abs=0.02)


def test_training_tells_the_task_how_far_it_is_and_is_repeatable() -> None:
    shares: list[float] = []
    weights = []
    for _ in range(2):
        task = _task(data=("demo:moving-digits",), size=0, crop=32, steps=4, batch_size=2, validation_clips=2)
        told = task.progressed
        task.progressed = lambda share, told=told: (shares.append(share), told(share))  # type: ignore[method-assign,misc]
        reports: list[StepReport] = []
        with task.datasets() as data:
            weights.append(Trainer(task, data, reports.append).train().best)
    assert shares == [0, 0.25, 0.5, 0.75] * 2
    assert all(np.isfinite(report.loss) for report in reports)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_only_what_came_is_searched_for_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(frames: torch.Tensor, before: torch.Tensor, **options: int) -> torch.Tensor:
        looked.append(len(frames))
        return matching_costs(frames, before, **options)

    monkeypatch.setattr("seqimg_predict.reading.matching_costs", counted)
    model, clip = _trained_looking(1, (4,)), drifting(2, 9, 1, (16, 16))
    given = torch.tensor([[True, False, True]] * 2)
    model(clip[:, :5], horizon=4, future=clip[:, 5:], given=given)
    assert looked == [2 * 5]
    list(model.rollout(model(clip)[1], clip[:, -1], 4))
    assert looked == [2 * 5, 2 * 9]


def test_what_it_said_itself_is_never_taken_for_a_cut() -> None:
    """However little its own frames look like those before, they go on from them."""
    with_cuts, without = (_trained_looking(1, (4,), cuts=cuts) for cuts in (True, False))
    for model in (with_cuts, without):
        torch.manual_seed(1)
        torch.nn.init.normal_(model.change[-2].weight, std=3.0)
    clip = drifting(2, 5, 1, (16, 16))
    with torch.no_grad():
        said, _ = with_cuts(clip, horizon=4)
        own = torch.cat([clip[:, -1:], said.clamp(0, 1)], dim=1)
        costs = matching_costs(own[:, 1].contiguous(), own[:, 0].contiguous(), reach=3, patch=4)
        assert is_cut(costs, own[:, 1]).any(), "or there is nothing to be taken for one"
        assert torch.equal(said, without(clip, horizon=4)[0])
        _, state = with_cuts(clip)
        alone = [found.frame for found in with_cuts.rollout(state, clip[:, -1], 4)]
    assert relative_error(torch.stack(alone, dim=1), said) < TOLERANCE
