"""Measures against scikit-image, hand-worked cases and their own definitions; streamed, masked, always finite."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from seqimg_predict.events import Fractions, Hits
from seqimg_predict.figures import collection
from seqimg_predict.measures import Edges, Measure
from seqimg_predict.measuring import event_measures, picture_measures
from tests.predict.clips import drifting

ALL = picture_measures() + event_measures((0.4, 0.6), 5)


def _figures(
    outputs: torch.Tensor, truth: torch.Tensor, measures: tuple[Measure, ...] = ALL
) -> dict[str, float]:
    metrics = collection(measures)
    for own, true in zip(outputs.split(2), truth.split(2), strict=True):
        metrics.update(own, true)
    return {name: float(value) for name, value in metrics.compute().items()}


def _pair(channels: int, size: tuple[int, int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    truth = drifting(3, 4, channels, size, seed=seed).clamp(0, 1)
    noise = 0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
    return (truth + noise).clamp(0, 1), truth


@pytest.mark.parametrize(("channels", "size"), [(1, (20, 28)), (3, (31, 17)), (5, (7, 9))])
def test_psnr_and_ssim_are_scikit_images_frame_by_frame(channels: int, size: tuple[int, int]) -> None:
    outputs, truth = _pair(channels, size)
    found = _figures(outputs, truth)
    pairs = list(
        zip(truth.flatten(0, 1).double().numpy(), outputs.flatten(0, 1).double().numpy(), strict=True)
    )
    psnr = np.mean([peak_signal_noise_ratio(true, own, data_range=1) for true, own in pairs])
    assert found["psnr"] == pytest.approx(psnr, abs=1e-5)
    for name, value_range in (("ssim", 1), ("ssim_openstl", 2)):
        wanted = [
            structural_similarity(true, own, channel_axis=0, data_range=value_range) for true, own in pairs
        ]
        assert found[name] == pytest.approx(np.mean(wanted), abs=1e-5)
    assert found["ssim_openstl"] > found["ssim"]


def test_errors_per_frame_are_those_per_pixel_times_the_pixels() -> None:
    outputs, truth = _pair(2, (8, 12))
    found = _figures(outputs, truth)
    error = outputs.double() - truth.double()
    assert found["mse"] == pytest.approx(float(error.square().mean()), rel=1e-6)
    assert found["mae"] == pytest.approx(float(error.abs().mean()), rel=1e-6)
    assert found["mse_per_frame"] == pytest.approx(float(error.square().sum((2, 3, 4)).mean()), rel=1e-6)
    assert found["mae_per_frame"] == pytest.approx(float(error.abs().sum((2, 3, 4)).mean()), rel=1e-6)


def test_frames_of_another_size_weigh_by_pixels_in_mse_and_as_frames_per_frame() -> None:
    metrics = collection(picture_measures())
    metrics.update(torch.full((1, 1, 1, 4, 4), 0.1), torch.zeros(1, 1, 1, 4, 4))
    metrics.update(torch.full((1, 1, 1, 8, 8), 0.2), torch.zeros(1, 1, 1, 8, 8))
    found = metrics.compute()
    assert float(found["mse"]) == pytest.approx((16 * 0.01 + 64 * 0.04) / 80, rel=1e-5)
    assert float(found["mse_per_frame"]) == pytest.approx((16 * 0.01 + 64 * 0.04) / 2, rel=1e-5)
    assert float(found["psnr"]) == pytest.approx((20 - 20 * np.log10(0.2)) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        # hits, misses, false alarms, correct negatives -> csi, pod, far, hss
        ((2, 1, 3, 4), (2 / 6, 2 / 3, 3 / 5, 2 * (8 - 3) / (3 * 5 + 5 * 7))),
        ((5, 0, 0, 5), (1, 1, 0, 1)),
        ((0, 5, 5, 0), (0, 0, 1, 2 * (0 - 25) / (5 * 5 + 5 * 5))),
        ((0, 0, 0, 9), (1, 1, 0, 1)),  # nothing came, nothing was said
        ((0, 0, 4, 5), (0, 1, 1, 0)),
        ((0, 4, 0, 5), (0, 0, 0, 0)),
        ((9, 0, 0, 0), (1, 1, 0, 1)),
    ],
)
def test_scores_of_events_in_cases_worked_by_hand(counts: tuple[int, ...], wanted: tuple[float, ...]) -> None:
    said = torch.tensor([0.9] * counts[0] + [0.1] * counts[1] + [0.9] * counts[2] + [0.1] * counts[3])
    came = torch.tensor([0.9] * counts[0] + [0.9] * counts[1] + [0.1] * counts[2] + [0.1] * counts[3])
    shape = (1, 1, 1, 1, len(said))
    sums = Hits((0.5,)).sums(said.reshape(shape), came.reshape(shape))
    assert sums.tolist() == [list(map(float, counts))]
    found = [float(measure.figure(sums.sum(0))) for measure in Hits((0.5,)).measures()]
    assert found == pytest.approx(wanted, abs=1e-9)


def test_the_fractions_score_forgives_what_is_near() -> None:
    came, near, far = (torch.zeros(1, 1, 1, 16, 16) for _ in range(3))
    came[..., 4, 4], near[..., 4, 5], far[..., 12, 12] = 1, 1, 1
    (point,), (wide,) = Fractions((0.5,), 1).measures(), Fractions((0.5,), 5).measures()

    def score(measure: Measure, said: torch.Tensor) -> float:
        return float(measure.figure(measure.family.sums(said, came).sum(0)))

    assert score(point, came) == score(wide, came) == 1
    assert score(point, near) == score(point, far) == score(wide, far) == 0
    # 20 of 25 neighbourhoods are shared: 1 - (2·5) / (2·25)
    assert score(wide, near) == pytest.approx(0.8)
    assert score(wide, torch.zeros_like(came)) == 0


def test_several_thresholds_are_a_mean_and_each_has_its_own_name() -> None:
    outputs, truth = _pair(1, (12, 12))
    each = _figures(outputs, truth)
    together = _figures(outputs, truth, Hits((0.4, 0.6)).measures())
    assert {"csi_40", "csi_60", "fss_40", "hss_60"} <= set(each)
    assert together["csi"] == pytest.approx((each["csi_40"] + each["csi_60"]) / 2, rel=1e-6)


def test_metrics_that_begin_alike_stay_apart() -> None:
    """Torchmetrics would take two metrics whose first sums are equal for one."""
    metrics = collection(event_measures((0.3, 0.7), 3))
    metrics.update(torch.ones(1, 1, 1, 4, 4), torch.ones(1, 1, 1, 4, 4))
    metrics.update(torch.full((1, 1, 1, 4, 4), 0.5), torch.full((1, 1, 1, 4, 4), 0.9))
    found = metrics.compute()
    assert (float(found["csi_30"]), float(found["csi_70"])) == (1.0, 0.5)


@settings(max_examples=15, deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    channels=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 99),
    flat=st.sampled_from([None, 0.0, 0.5, 1.0]),
)
def test_whatever_the_frames_the_figures_are_finite_and_missing_values_do_not_count(
    size: tuple[int, int], channels: int, share: float, seed: int, flat: float | None
) -> None:
    rng = torch.Generator().manual_seed(seed)
    outputs, truth = torch.rand(2, 2, 2, channels, *size, generator=rng)
    if flat is not None:
        outputs, truth = torch.full_like(outputs, flat), torch.full_like(truth, flat)
    missing = torch.rand(truth.shape, generator=rng) < share
    missing[0, 0, 0, 0, 0] = False  # evaluation leaves out batches with nothing in them
    truth = truth.masked_fill(missing, torch.nan)
    found = _figures(outputs, truth)
    assert all(np.isfinite(value) for value in found.values()), found
    assert found == _figures(outputs.masked_fill(missing, 0.123), truth)
    if flat is not None:
        assert (found["mse"], found["psnr"], found["sharpness"]) == (0, 100, 1)


def test_without_gaps_a_whole_mask_changes_nothing_and_windows_with_gaps_are_left_out() -> None:
    outputs, truth = _pair(1, (16, 20))
    holed = truth.clone()
    holed[:, :, :, :, :6] = torch.nan
    assert _figures(outputs, holed)["ssim"] == pytest.approx(
        _figures(outputs[..., 6:], truth[..., 6:])["ssim"], abs=1e-9
    )
    assert _figures(outputs, holed)["psnr"] == pytest.approx(
        _figures(outputs[..., 6:], truth[..., 6:])["psnr"]
    )


def test_sharpness_is_the_ratio_of_mean_differences() -> None:
    truth = torch.rand(2, 2, 1, 9, 9)
    (sharpness,) = Edges().measures()
    blurred = torch.nn.functional.avg_pool2d(truth.flatten(0, 1), 3, 1, 1).view_as(truth)
    found = float(sharpness.figure(Edges().sums(blurred, truth).sum(0)))
    slopes = [sum(frames.diff(dim=dim).abs().sum() for dim in (3, 4)) for frames in (blurred, truth)]
    assert found == pytest.approx(float(slopes[0] / slopes[1]), rel=1e-3)
    assert found < 0.6
