"""Forecasts applied to frames, in any size."""

from typing import Literal

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from seqimg_predict.motion import Forecast, apply_forecast
from tests.predict.clips import drifting


def test_pixels_are_fetched_between_pixels_weighted_and_changed() -> None:
    generator = torch.Generator().manual_seed(0)
    last = torch.rand(2, 3, 9, 11, generator=generator, dtype=torch.float64)
    flow = 6 * torch.rand(2, 4, 2, 9, 11, generator=generator, dtype=torch.float64) - 3
    weight = torch.rand(2, 4, 1, 9, 11, generator=generator, dtype=torch.float64)
    change = torch.rand(2, 4, 3, 9, 11, generator=generator, dtype=torch.float64)
    found = apply_forecast(last, Forecast(change, torch.cat([flow, weight], dim=2)))

    rows, columns = np.mgrid[:9, :11]
    for clip, ahead, channel in np.ndindex(2, 4, 3):
        down, across = flow[clip, ahead].numpy()
        picture = last[clip, channel].numpy()
        fetched = map_coordinates(picture, [rows + down, columns + across], order=1, mode="nearest")
        share = weight[clip, ahead, 0].numpy()
        wanted = (1 - share) * picture + share * fetched + change[clip, ahead, channel].numpy()
        assert np.allclose(found[clip, ahead, channel].numpy(), wanted, atol=1e-10)


def test_what_is_moved_again_and_again_blurs_less_from_16_pixels() -> None:
    picture = drifting(1, 1, 1, (24, 24))[:, 0]
    left = {}
    ways: tuple[Literal["bilinear", "bicubic"], ...] = ("bilinear", "bicubic")
    for between in ways:
        moved = picture
        for step in (0.5, -0.5) * 4:
            motion = torch.tensor([0.0, step, 1.0])[None, None, :, None, None].expand(1, 1, 3, 24, 24)
            moved = apply_forecast(moved, Forecast(torch.zeros(1, 1, 1, 24, 24), motion), between)[:, 0]
        left[between] = float((moved - picture)[..., 4:-4].square().mean())
    assert left["bicubic"] < left["bilinear"] / 2


@pytest.mark.parametrize("size", [(40, 56), (33, 70)])
def test_a_forecast_made_small_moves_a_large_frame_by_as_much_of_its_size(size: tuple[int, int]) -> None:
    small = torch.zeros(1, 2, 3, 20, 28)
    small[:, :, 0], small[:, :, 1], small[:, :, 2] = 2.0, 1.0, 1.0
    forecast = Forecast(torch.full((1, 2, 1, 20, 28), 0.25), small).resized(size)
    assert forecast.motion is not None
    assert forecast.change.shape == (1, 2, 1, *size)
    assert torch.allclose(forecast.change, torch.tensor(0.25))
    down, across, weight = forecast.motion[0, 0, :, 5, 5].tolist()
    assert (down, across, weight) == pytest.approx((2 * size[0] / 20, size[1] / 28, 1.0))


def test_one_time_of_a_forecast_is_that_time() -> None:
    last, change = drifting(1, 1, 1, (8, 8))[:, 0], torch.arange(3.0)[None, :, None, None, None]
    forecast = Forecast(change.expand(1, 3, 1, 8, 8))
    whole = apply_forecast(last, forecast)
    for number in range(3):
        assert torch.equal(apply_forecast(last, forecast.frame(number))[:, 0], whole[:, number])
