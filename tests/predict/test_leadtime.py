"""Errors and sharpness against lead time, compared with what they are by definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.panels import Panel
from seqimg_predict.leadtime import LeadTimes


def _row(panel: Panel, table: int, name: str) -> list[float]:
    return [value for value in panel.tables[table].rows[name] if isinstance(value, float)]


def test_a_prediction_that_is_right_has_no_error_and_is_as_sharp() -> None:
    truth = torch.rand(2, 5, 3, 6, 7)
    times = LeadTimes()
    times.add({"model": truth, "copy_last": truth[:, :1].expand_as(truth)}, truth)
    panel = times.panel()
    assert panel.beside_figures
    assert _row(panel, 0, "model") == [0.0] * 5
    assert _row(panel, 1, "model") == [1.0] * 5
    assert _row(panel, 0, "copy_last")[0] == 0.0


def test_blur_is_less_sharp_and_noise_more() -> None:
    rng = torch.Generator().manual_seed(0)
    truth = torch.rand(4, 2, 1, 32, 32, generator=rng)
    blurred = torch.nn.functional.avg_pool2d(truth.flatten(0, 1), 3, 1, 1).view_as(truth)
    times = LeadTimes()
    times.add({"model": blurred, "noisy": (truth + 0.5 * torch.randn_like(truth))}, truth)
    panel = times.panel()
    assert max(_row(panel, 1, "model")) < 0.6
    assert min(_row(panel, 1, "noisy")) > 1.1


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    length=st.integers(1, 14),
    height=st.integers(1, 5),
    seed=st.integers(0, 99),
    masked=st.booleans(),
)
def test_batches_add_up_to_the_definition(
    sizes: list[int], length: int, height: int, seed: int, masked: bool
) -> None:
    rng = np.random.default_rng(seed)
    shape = (sum(sizes), length, 2, height, 3)
    truth, said = rng.random(shape, np.float32), rng.random(shape, np.float32)
    valid = rng.random(shape) < 0.7 if masked else np.ones(shape, bool)
    times, start = LeadTimes(), 0
    for size in sizes:
        part = slice(start, start + size)
        came = torch.from_numpy(np.where(valid[part], truth[part], np.nan).astype(np.float32))
        times.add({"model": torch.from_numpy(said[part])}, came)
        start += size
    panel = times.panel()
    found = panel.curves[0].series["model"][1]
    assert len(found) == length
    assert len(panel.tables[0].columns) == min(length, 10)
    for time in range(length):
        clips = [
            np.square(said[clip, time] - truth[clip, time])[valid[clip, time]].mean()
            for clip in range(shape[0])
            if valid[clip, time].any()
        ]
        assert found[time] == (None if not clips else pytest.approx(np.mean(clips), rel=1e-5))


def test_what_is_flat_has_no_sharpness() -> None:
    times = LeadTimes()
    times.add({"model": torch.rand(1, 2, 1, 1, 1)}, torch.zeros(1, 2, 1, 1, 1))
    assert times.panel().tables[1].rows["model"] == (None, None)
