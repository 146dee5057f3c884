"""Percentiles of durations, in constant memory."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqimg.streaming import Latencies, Latency

_SECONDS = st.floats(1e-5, 900.0, allow_nan=False)


@given(durations=st.lists(_SECONDS, min_size=1, max_size=60), share=st.sampled_from([50, 95, 99, 100]))
def test_a_percentile_is_right_to_one_per_cent(durations: list[float], share: int) -> None:
    latency = Latency()
    for seconds in durations:
        latency.note(seconds)
    right = float(np.percentile(durations, share, method="inverted_cdf"))
    assert abs(latency.percentile(share) - right) <= 0.011 * right
    assert latency.count == len(durations)
    assert latency.most == max(durations)


def test_what_no_bin_is_for_is_counted_too() -> None:
    latency = Latency()
    for seconds in (0.0, -1e-9, 5e4):
        latency.note(seconds)
    assert latency.percentile(50) <= 1e-6
    assert latency.count == 3
    assert latency.most == 5e4
    assert Latency().percentile(99) == 0.0


def test_memory_is_constant() -> None:
    latency = Latency()
    for seconds in np.random.default_rng(0).lognormal(-4, 3, 20_000):
        latency.note(float(seconds))
    assert len(latency._bins) < 1100


def test_the_warm_up_stands_apart() -> None:
    latencies = Latencies(warm_up=2)
    for seconds in (3.0, 2.0, 0.1, 0.1, 0.1):
        latencies.note("model", seconds)
    latencies.note("encode", 1.0)
    figures = latencies.figures()
    assert list(figures) == ["model", "encode"]
    model = figures["model"]
    assert (model["warm_up"], model["frames"], model["most"], round(model["mean"], 6)) == (5.0, 3, 0.1, 0.1)
    assert figures["encode"] == {"frames": 0, "warm_up": 1.0}


def test_threads_lose_nothing() -> None:
    latencies = Latencies(warm_up=0)

    def work() -> None:
        for _ in range(2000):
            latencies.note("model", 0.01)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert latencies.figures()["model"]["frames"] == 8000


def test_what_fails_is_not_timed() -> None:
    latencies = Latencies(warm_up=0)
    try:
        with latencies.timed("model"):
            raise ValueError
    except ValueError:
        pass
    assert latencies.figures() == {}
