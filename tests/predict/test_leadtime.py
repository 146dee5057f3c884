"""Errors and sharpness against lead time, compared with what they are by definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.panels import Panel
from seqimg_predict.figures import collection
from seqimg_predict.leadtime import LeadTimes, events_panels
from seqimg_predict.measuring import drawn, lead_time_measures, picture_measures


def _times(thresholds: tuple[float, ...] = ()) -> LeadTimes:
    return LeadTimes(lead_time_measures(thresholds, 3), drawn(thresholds, 3))


def _row(panel: Panel, table: int, name: str) -> list[float]:
    return [value for value in panel.tables[table].rows[name] if isinstance(value, float)]


def test_a_prediction_that_is_right_has_no_error_and_is_as_sharp() -> None:
    truth = torch.rand(2, 5, 3, 6, 7)
    times = _times()
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
    times = _times()
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
    times, start = _times(), 0
    for size in sizes:
        part = slice(start, start + size)
        came = torch.from_numpy(np.where(valid[part], truth[part], np.nan).astype(np.float32))
        times.add({"model": torch.from_numpy(said[part])}, came)
        start += size
    panel = times.panel()
    found = panel.numbers["model"]["mse"]
    assert len(found) == length
    assert panel.curves[0].series["model"][1] == found
    assert len(panel.tables[0].columns) == min(length, 10)
    assert ("lead times 10 are shown" in panel.tables[0].note) == (length > 10)
    _, lows, highs = panel.curves[0].bands["model"]
    for time in range(length):
        there = valid[:, time]
        errors = np.square(said[:, time] - truth[:, time])
        assert found[time] == (pytest.approx(errors[there].mean(), rel=1e-5) if there.any() else None)
        clips = [errors[clip][there[clip]].mean() for clip in range(shape[0]) if there[clip].any()]
        for bounds, share in ((lows, 0.25), (highs, 0.75)):
            wanted = pytest.approx(np.quantile(clips, share), rel=1e-5) if clips else None
            assert bounds[time] == wanted


def test_every_figure_is_there_at_every_lead_time_and_agrees_with_the_whole() -> None:
    rng, thresholds = torch.Generator().manual_seed(0), (0.3, 0.6)
    truth = torch.rand(3, 1, 1, 8, 9, generator=rng).expand(3, 14, 1, 8, 9)  # the same at every lead time
    said = torch.rand(3, 1, 1, 8, 9, generator=rng).expand(3, 14, 1, 8, 9)
    times = _times(thresholds)
    times.add({"model": said, "mean_frame": truth.mean((3, 4), keepdim=True).expand_as(truth)}, truth)
    panel = times.panel()
    measures = lead_time_measures(thresholds, 3)
    metrics = collection(measures)
    metrics.update(said, truth)
    whole = {name: float(value) for name, value in metrics.compute().items()}
    names = [measure.name for measure in picture_measures()]
    names += [f"{score}{at}" for score in ("csi", "pod", "far", "hss", "fss") for at in ("", "_30", "_60")]
    assert set(names) == set(whole)
    assert list(panel.numbers) == ["model", "mean_frame"]
    for numbers in panel.numbers.values():
        assert numbers.keys() == whole.keys()
        assert all(len(values) == 14 for values in numbers.values())
    for name, value in whole.items():
        assert panel.numbers["model"][name] == [pytest.approx(value, rel=1e-5)] * 14
    assert {table.title.split()[0] for table in panel.tables} == set(whole)
    assert [table.title.split()[0] for table in panel.tables if not table.folded] == ["mse", "sharpness"]
    (events,) = events_panels(times.sums, thresholds, 3)
    assert events.tables[0].rows["model"][0] == pytest.approx(whole["csi_30"], rel=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_what_is_flat_is_as_sharp_as_what_is_flat(value: float) -> None:
    """By lead time as over all: every figure is finite, and the sharpness of two flat frames is 1."""
    times, truth = _times((0.3,)), torch.full((2, 3, 1, 8, 8), value)
    noise = torch.rand(2, 3, 1, 8, 8)
    times.add({"model": truth, "noise": noise}, truth)
    panel = times.panel()
    assert panel.numbers["model"]["sharpness"] == [1.0] * 3
    assert None not in [figure for who in panel.numbers.values() for row in who.values() for figure in row]
    metrics = collection(picture_measures())
    metrics.update(noise, truth)
    assert min(_row(panel, 1, "noise")) > 1000
    assert float(metrics.compute()["sharpness"]) > 1000


def test_a_single_pixel_has_no_edge() -> None:
    times = _times()
    times.add({"model": torch.rand(1, 2, 1, 1, 1)}, torch.zeros(1, 2, 1, 1, 1))
    assert times.panel().tables[1].rows["model"] == (1.0, 1.0)
