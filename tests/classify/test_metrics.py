"""Figures of classifiers against definitions worked out by hand or written the slow way."""

from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqimg_classify.answers import Scoring, Truth
from seqimg_classify.metrics import BINS, CONVENTIONS, Calibration, collection
from seqimg_classify.precision import average_precision
from seqimg_classify.videos import VideoTop


def truth_of(labels: Tensor, videos: Tensor | None = None, ends: Tensor | None = None) -> Truth:
    count = len(labels)
    return Truth(
        labels,
        torch.ones(count, dtype=torch.int64),
        torch.arange(count) if videos is None else videos,
        torch.ones(count, dtype=torch.bool) if ends is None else ends,
    )


def measured(logits: Tensor, truth: Truth, **options: bool) -> dict[str, float]:
    metrics = collection(logits.shape[-1], Scoring(several=truth.labels.dim() == 2), **options)
    metrics.update(logits[:, None], truth)
    return {name: float(value) for name, value in metrics.compute().items()}


def test_four_clips_by_hand() -> None:
    shares = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    found = measured(shares.log(), truth_of(torch.tensor([0, 1, 1, 1])))
    assert found["top1"] == 0.5
    assert found["mean_class"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["nll"] == pytest.approx(-(log(0.7) + log(0.3) + log(0.8) + log(0.3)) / 4, rel=1e-5)
    # One clip in each of four bins: 0.7 and 0.8 right, 0.5 and 0.4 wrong.
    assert found["ece"] == pytest.approx((0.3 + 0.5 + 0.2 + 0.4) / 4, rel=1e-5)
    assert "top5" not in found


def test_a_video_is_judged_by_the_mean_of_its_clips() -> None:
    shares = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.45, 0.55], [0.3, 0.7]])
    truth = truth_of(torch.tensor([0, 0, 1, 0]), videos=torch.tensor([7, 7, 8, 9]))
    found = measured(shares.log(), truth, videos=True)
    assert found["top1"] == 0.5
    assert found["video_top1"] == pytest.approx(2 / 3)
    assert found["video_mean_class"] == pytest.approx((0.5 + 1) / 2)


def test_clips_whose_sequence_goes_on_do_not_count() -> None:
    logits = torch.tensor([[5.0, 0.0], [0.0, 5.0]])
    truth = truth_of(torch.tensor([1, 1]), ends=torch.tensor([False, True]))
    assert measured(logits, truth)["top1"] == 1.0


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_figures_are_what_plain_loops_say(seed: int, classes: int, count: int) -> None:
    random = np.random.default_rng(seed)
    logits = torch.from_numpy(random.normal(size=(count, classes)))
    labels = torch.from_numpy(random.integers(0, classes, count))
    found = measured(logits, truth_of(labels))
    shares = torch.softmax(logits.float(), -1).double().numpy()
    said, right = shares.argmax(1), labels.numpy()
    assert found["top1"] == pytest.approx(np.mean(said == right))
    assert found["mean_class"] == pytest.approx(
        np.mean([np.mean(said[right == k] == k) for k in np.unique(right)])
    )
    if classes > 5:
        ranks = (shares > shares[np.arange(count), right][:, None]).sum(1)
        assert found["top5"] == pytest.approx(np.mean(ranks < 5))
    bins = np.minimum((shares.max(1) * BINS).astype(int), BINS - 1)
    gaps = [abs((shares.max(1) - (said == right))[bins == b].sum()) for b in range(BINS)]
    assert found["ece"] == pytest.approx(sum(gaps) / count, abs=1e-6)
    assert set(found) <= set(CONVENTIONS)


@given(st.integers(0, 10_000), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_average_precision_is_that_of_its_definition(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 6, count) / 6  # many are alike
    right = random.random(count) < 0.4
    found = average_precision(torch.from_numpy(scores), torch.from_numpy(right))
    if not right.any():
        assert found is None
        return
    wanted, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        taken = scores >= threshold
        reached = right[taken].sum() / right.sum()
        wanted += (reached - recall) * right[taken].mean()
        recall = reached
    assert found == pytest.approx(wanted)


def test_several_classes_are_finite_and_right_at_the_ends() -> None:
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    perfect = measured(100 * (labels - 0.5), truth_of(labels))
    assert (perfect["map"], perfect["top1"]) == (1.0, 1.0)
    assert perfect["nll"] == pytest.approx(0, abs=1e-6)
    none = measured(torch.zeros(2, 3), truth_of(torch.zeros(2, 3)))
    assert none["map"] == 0.0
    assert all(np.isfinite(value) for value in none.values())


def test_nothing_seen_is_finite() -> None:
    metrics = collection(8, Scoring(), videos=True)
    ended = truth_of(torch.tensor([0]), ends=torch.tensor([False]))
    metrics.update(torch.zeros(1, 1, 8), ended)
    assert all(np.isfinite(float(value)) for value in metrics.compute().values())


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")
def test_two_processes_that_share_a_video_agree_with_one() -> None:
    """What `sync` exchanges: each process's states, one of them having seen nothing."""
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    truth = truth_of(torch.tensor([0, 0, 1]), videos=torch.tensor([4, 4, 5]))
    alone, first, second, idle = (VideoTop(Scoring(), 2) for _ in range(4))
    alone.update(logits[:, None], truth)
    first.update(logits[:1, None], truth[:1])
    second.update(logits[1:, None], truth[1:])
    for one in (first, second, idle):
        one._to_sync = False

    def states(name: str) -> list[Tensor]:
        return [*getattr(first, name), *getattr(second, name)]

    gathered = iter([[*states(name), torch.zeros_like(states(name)[0])[:0]] for name in idle._reductions])
    idle.sync(dist_sync_fn=lambda _, group: next(gathered), distributed_available=lambda: True)
    assert float(idle.compute()) == float(alone.compute()) == 0.5


def test_a_score_of_exactly_one_falls_into_the_last_bin() -> None:
    metric = Calibration(Scoring())
    metric.update(torch.tensor([[[100.0, 0.0]]]), truth_of(torch.tensor([1])))
    assert float(metric.compute()) == 1.0
