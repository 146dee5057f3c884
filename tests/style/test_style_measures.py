"""The figures, against cases worked out by hand and against exact flow."""

import pytest
import torch

from seqimg.data import Batch, ClipSource
from seqimg_style.baselines import baselines_of
from seqimg_style.losses import keeping_losses, keeping_total
from seqimg_style.measures import CONVENTIONS, StyleDistance, Truth, collection
from tests.style.test_style_motion import panned


def figures(results: torch.Tensor, painted: torch.Tensor, flow: torch.Tensor) -> dict[str, float]:
    metrics = collection(None)
    metrics.update(torch.cat([results, painted], 2), Truth(flow, torch.ones(results.shape[:2])))
    return {name: float(value) for name, value in metrics.compute().items()}


def still(frames: int, side: int = 8) -> torch.Tensor:
    flow = torch.zeros(1, frames - 1, 3, side, side)
    flow[:, :, 2] = 1
    return flow


def test_blinking_frames_are_worked_out_by_hand() -> None:
    painted = torch.zeros(1, 4, 3, 8, 8)
    painted[:, 1::2] = 0.2
    results = painted / 2
    found = figures(results, painted, still(4))
    assert found["warp_error"] == pytest.approx(0.01)
    assert found["flicker"] == pytest.approx(0.25)
    assert found["warp_error_long"] == pytest.approx((0 + 0.01) / 2)  # of the third and fourth frame
    assert found["fidelity"] == pytest.approx(0.05)


def test_only_what_can_be_followed_counts() -> None:
    painted, flow = torch.zeros(1, 2, 3, 8, 8), still(2)
    painted[:, 1, :, :, 4:] = 1
    flow[:, :, 2, :, 4:] = 0
    assert figures(painted, painted, flow)["warp_error"] == 0
    flow[:, :, 2, :, 7] = 1
    assert figures(painted, painted, flow)["warp_error"] == pytest.approx(8 / 40)


def test_sharpness_is_that_of_the_slopes() -> None:
    ramp = torch.linspace(0, 0.7, 8).expand(1, 3, 3, 8, 8)
    assert figures(ramp / 2, ramp, still(3))["sharpness"] == pytest.approx(0.5)


def test_drift_is_the_slope_per_frame() -> None:
    painted = torch.full((1, 5, 3, 8, 8), 0.5)
    results = painted + 0.03 * torch.arange(5.0)[None, :, None, None, None]
    assert figures(results, painted, still(5))["drift"] == pytest.approx(0.03)
    assert figures(painted + 0.1, painted, still(5))["drift"] == pytest.approx(0, abs=1e-6)


def test_padding_counts_for_nothing() -> None:
    painted = torch.rand(1, 4, 3, 8, 8)
    results = painted.clone()
    results[:, 3] = 0
    real = torch.tensor([[1.0, 1, 1, 0]])
    metrics = collection(None)
    metrics.update(torch.cat([results, painted], 2), Truth(still(4), real))
    whole = figures(painted[:, :3], painted[:, :3], still(3))
    found = {name: float(value) for name, value in metrics.compute().items()}
    for name in ("warp_error", "warp_error_long", "fidelity", "sharpness"):
        assert found[name] == pytest.approx(whole[name], abs=1e-6), name


def test_a_camera_over_a_photograph_does_not_flicker_by_exact_flow() -> None:
    frames, flow = panned(0, length=4, side=64)
    target = torch.cat([flow, torch.ones(3, 1, 64, 64)], dim=1)[None]
    target[..., :8, :] = target[..., -8:, :] = 0
    target[..., :8] = target[..., -8:] = 0
    target[:, :, 2, 8:-8, 8:-8] = 1
    own = figures(frames[None], frames[None], target)
    blind = target.clone()
    blind[:, :, :2] = 0
    assert own["warp_error"] < 2e-4
    assert figures(frames[None], frames[None], blind)["warp_error"] > 10 * own["warp_error"]


def test_baselines_are_what_they_are_called() -> None:
    frames = torch.zeros(1, 3, 3, 8, 8)
    frames[:, 1:] = 1
    batch = Batch(frames, (ClipSource("a", 0),))

    class Twice(torch.nn.Module):
        def forward(self, clip: torch.Tensor) -> tuple[torch.Tensor, None]:
            return torch.cat([clip, clip], 2), None

    answers = {name: answer(batch) for name, answer in baselines_of(Twice(), lambda _: still(3)).items()}
    assert answers["per_frame"][0, :, 0, 0, 0].tolist() == [0, 1, 1]
    assert answers["ema_0.5"][0, :, 0, 0, 0].tolist() == [0, 0.5, 0.75]
    assert answers["ema_0.3"][0, :, 0, 0, 0].tolist() == pytest.approx([0, 0.3, 0.51])
    assert answers["warped_ema_0.5"][0, :, 0, 0, 0].tolist() == [0, 0.5, 0.75]


def test_style_distance_knows_its_own_picture() -> None:
    pictures = [torch.rand(3, 40, 40)]
    distance = StyleDistance(lambda: pictures)
    own, grey = distance(torch.stack([pictures[0], torch.full((3, 40, 40), 0.5)]))
    assert float(own) == pytest.approx(0, abs=1e-8)
    assert float(grey) > 0.01


def test_each_figure_has_its_convention() -> None:
    assert set(collection(None).keys()) == set(CONVENTIONS)


def test_losses_are_shares_of_the_flicker() -> None:
    painted = torch.zeros(1, 4, 3, 16, 16)
    painted[:, 1::2] = 0.2
    loss = keeping_losses(painted, painted, still(4, 16))
    assert float(loss["short"]) == pytest.approx(1, rel=1e-3)
    assert float(loss["fidelity"]) == 0
    steady = keeping_losses(painted[:, :1].expand_as(painted), painted, still(4, 16))
    assert float(steady["short"]) == 0
    assert float(steady["fidelity"]) == pytest.approx(2 / 3, rel=1e-2)
    unsteady, held = (float(keeping_total(parts, temporal=1, fidelity=0.7)) for parts in (loss, steady))
    assert unsteady > held
