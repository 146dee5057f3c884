"""A model is computed with as many threads as pay, while others read and write beside it."""

import pytest
import torch

from seqimg.batch.threads import BestThreads


@pytest.mark.parametrize(
    ("cost", "best"),
    [
        ({8: 4.0, 4: 5.0, 2: 1.0, 1: 1.0}, 8),
        ({8: 4.0, 4: 3.0, 2: 3.5, 1: 1.0}, 4),
        ({8: 4.0, 4: 3.0, 2: 2.0, 1: 1.0}, 1),
        ({2: 1.0, 1: 1.0}, 2),
        ({2: 1.9, 1: 1.0}, 1),
        ({3: 1.0, 1: 0.9}, 1),
        ({3: 1.0, 1: 2.0}, 3),
        ({1: 1.0}, 1),
    ],
)
def test_the_number_that_took_least_time_is_kept(cost: dict[int, float], best: int) -> None:
    told: list[int] = []
    threads = BestThreads(max(cost), told.append)
    for number in range(100):
        slow = 9 if number % 8 == 1 else 1  # one frame in eight is held up by something else
        threads.note(slow * cost[threads.now])
    assert threads.now == best
    assert len(told) <= 4
    threads.restore()
    assert ([max(cost), *told])[-1] == max(cost)


def _tried(device: str) -> bool:
    """Whether other numbers of threads than that of now are tried."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        threads = BestThreads.of_this_thread(torch.device(device))
        for _ in range(8):
            threads.note(1.0)
        assert threads.most == 2
        assert torch.get_num_threads() == threads.now
        return threads.now != 2
    finally:
        torch.set_num_threads(before)


def test_a_number_that_was_chosen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert not _tried("cpu")
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert _tried("cpu")
    assert not _tried("meta")
