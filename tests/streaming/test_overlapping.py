"""A stage in a thread of its own: order, bounds, errors, and no thread left."""

import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqimg.streaming import overlapped


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@given(count=st.integers(0, 40), ahead=st.integers(1, 5))
def test_offline_hands_over_everything_in_order(count: int, ahead: int) -> None:
    with overlapped(range(count), ahead=ahead) as items:
        assert list(items) == list(range(count))
    assert (items.taken, items.given, items.dropped) == (count, count, 0)


def test_no_more_than_asked_for_is_waiting() -> None:
    begun = []

    def source() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    with overlapped(source(), ahead=3) as items:
        assert next(items) == 0
        time.sleep(0.1)
        # One was taken, three wait, and one has come that waits for room.
        assert begun == list(range(5))
        assert items.waiting == 3


def test_live_keeps_the_newest_and_counts_the_others() -> None:
    go = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        go.wait(5)
        yield from range(1, 11)

    with overlapped(source(), ahead=2, mode="live") as items:
        assert next(items) == 0
        go.set()
        while items.taken < 11:
            time.sleep(0.001)
        assert list(items) == [9, 10]
    assert (items.taken, items.given, items.dropped) == (11, 3, 8)


def test_it_does_work_at_the_same_time() -> None:
    def source() -> Iterator[int]:
        for number in range(8):
            time.sleep(0.05)
            yield number

    begun = time.perf_counter()
    with overlapped(source(), ahead=2) as items:
        for _ in items:
            time.sleep(0.05)
    assert time.perf_counter() - begun < 0.7  # one after the other it would be 0.8 s


def test_an_error_comes_once_and_after_what_was_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    with overlapped(source(), ahead=5) as items:
        time.sleep(0.05)
        assert [next(items), next(items)] == [1, 2]
        with pytest.raises(ValueError, match="broken"):
            next(items)
        assert list(items) == []


def test_an_error_behind_what_was_taken_is_not_missed_and_not_raised_late() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with overlapped(source(), ahead=5) as items:
        assert next(items) == 1  # and the block is left: nobody asked for more


def test_a_generator_is_closed_in_its_thread() -> None:
    where: list[threading.Thread] = []

    def source() -> Iterator[int]:
        try:
            where.append(threading.current_thread())
            while True:
                yield 1
        finally:
            where.append(threading.current_thread())

    def interrupted() -> None:
        with overlapped(source(), ahead=1) as items:
            next(items)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert where[0] is where[1] is not threading.current_thread()


def test_what_is_waited_for_is_interrupted() -> None:
    woken = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        woken.wait(60)

    begun = time.perf_counter()
    with overlapped(source(), ahead=1, interrupt=woken.set) as items:
        next(items)
    assert time.perf_counter() - begun < 10


def test_context_variables_reach_the_thread() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="none")
    token = variable.set("set")

    def source() -> Iterator[str]:
        yield variable.get()

    try:
        with overlapped(source(), ahead=1) as items:
            assert list(items) == ["set"]
    finally:
        variable.reset(token)


def test_time_is_noted_without_the_waiting() -> None:
    noted: list[float] = []

    def source() -> Iterator[int]:
        for number in range(3):
            time.sleep(0.02)
            yield number

    with overlapped(source(), ahead=1, note=noted.append) as items:
        for _ in items:
            time.sleep(0.1)
    assert len(noted) == 3
    assert all(0.015 < seconds < 0.09 for seconds in noted), noted


def test_nothing_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"), overlapped([1], ahead=0):
        pass
