"""Frames through a run: all of them, or the newest ones; errors, pauses and ends."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from seqimg.batch.application import Application
from seqimg.batch.feeding import Moment
from seqimg.batch.flow import Flow
from seqimg.batch.steady import Held
from seqimg.batch.table import speed_lines
from seqimg.batch.writing import write_answers
from seqimg.errors import SeqimgError
from seqimg.sequences import Sequence, SequenceError, SequenceInfo, TimedFrame, open_sequence, save_sequence
from tests.streaming.quick_task import SlowRun, loaded

CPU = torch.device("cpu")
OFFLINE = Flow()


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Camera(Sequence):
    """Frames as they happen, each of the value of its number; then whatever a test wants."""

    def __init__(
        self, count: int, fps: int = 50, then: Callable[[threading.Event], None] | None = None
    ) -> None:
        super().__init__(
            SequenceInfo(
                path="camera:7",
                format="live",
                height=8,
                width=8,
                channels=1,
                dtype="uint8",
                value_range=(0, 255),
                fps=Fraction(fps),
                live=True,
            )
        )
        self._count, self._then, self._period = count, then, 1 / fps
        self.woken = threading.Event()

    def interrupt(self) -> None:
        self.woken.set()

    def _read(self) -> Generator[TimedFrame, None, None]:
        begun = time.perf_counter()
        for number in range(self._count):
            time.sleep(max(0.0, begun + number * self._period - time.perf_counter()))
            yield TimedFrame(number, number * self._period, np.full((8, 8, 1), number % 256, np.uint8))
        if self._then is not None:
            self._then(self.woken)


def application(source: Sequence, flow: Flow = OFFLINE, **options: Any) -> Application:
    return Application(loaded(), "model", source, SlowRun(**options), CPU, flow)


def numbers(work: Application) -> list[int]:
    """Return the numbers of the frames in the pictures."""
    with closing(work.frames()) as pictures:
        return [int(picture[0, 0, 0]) for picture in pictures]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    save_sequence(
        (np.full((8, 8, 1), number, np.uint8) for number in range(40)), tmp_path / "clip.npy", fps=25
    )
    return tmp_path / "clip.npy"


@pytest.mark.parametrize("overlap", [True, False])
def test_offline_every_frame_is_answered(clip: Path, overlap: bool) -> None:
    with open_sequence(clip) as source:
        work = application(source, Flow(overlap=overlap))
        assert numbers(work) == list(range(40))
    record = work.timing.record(live=False)
    assert (record["frames_in"], record["frames_answered"], record["frames_dropped"]) == (40, 40, 0)
    assert list(record["stages"]) == ["decode", "preprocess", "model", "postprocess", "encode"]
    assert work.summary()["frames_read"] == 40
    fewer = overlap and record["threads"]["chosen"] < record["threads"]["most"]
    assert len(speed_lines(record)) == 7 + fewer


def test_stages_work_at_the_same_time() -> None:
    """A source, a model and a writer of one speed together are nearly as fast as each of them alone."""

    def fps() -> float:
        work = application(Camera(30, fps=50), seconds=0.02)
        with closing(work.frames()) as pictures:
            for _ in pictures:
                time.sleep(0.02)
        found = work.timing.fps
        assert found is not None
        return found

    assert any(fps() >= 0.85 * 50 for _ in range(4))  # others may want the processor


def test_live_leaves_out_what_the_model_is_too_slow_for() -> None:
    work = application(Camera(60, fps=60), Flow(live=True), seconds=1 / 30)
    rows: list[int] = []
    with closing(work.shown()) as answers:
        rows = [int(row["frame"]) for shown in answers for row in shown.rows]  # type: ignore[arg-type]
    record = work.timing.record(live=True)
    assert rows == sorted(set(rows))
    assert len(rows) == record["frames_answered"] == 60 - record["frames_dropped"]
    assert 10 <= record["frames_dropped"] <= 45
    assert record["lag_frames"]["p50"] < 2
    assert "were left out" in speed_lines(record)[-1]


def test_a_source_twice_as_fast_as_the_model_keeps_lag_under_two_frames() -> None:
    def lag() -> float:
        work = application(Camera(80, fps=80), Flow(live=True), seconds=1 / 40)
        with closing(work.shown()) as answers:
            for _ in answers:
                pass
        return float(work.timing.record(live=True)["lag_frames"]["p99"])

    assert any(lag() < 2 for _ in range(4))  # others may want the processor


def test_what_is_written_live_stays_true_to_time() -> None:
    work = application(Camera(60, fps=60), Flow(live=True), seconds=1 / 20)
    shown = numbers(work)
    assert abs(len(shown) - 60) <= 5
    # At each time there is the newest frame that was answered by then, or one a little before.
    assert all(abs(place - number) <= 8 for place, number in enumerate(shown))
    assert shown == sorted(shown)
    assert len(set(shown)) < 45


def test_what_is_written_live_is_not_old_where_the_writer_is_slow() -> None:
    """Answers do not queue up before a writer that is half as fast as the source."""

    def delay() -> float:
        work = application(Camera(60, fps=60), Flow(live=True))
        with closing(work.frames()) as pictures:
            for _ in pictures:
                time.sleep(1 / 30)
        return work.timing.delay.percentile(95)

    # One is being written, one waits, one is in hand.
    assert any(delay() < 4 / 30 for _ in range(3))


def test_a_frame_is_as_old_as_it_is_however_late_its_thread_is_woken(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's frame came when it was due."""
    late = 0.03
    slow = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds + late))
    monkeypatch.setattr("seqimg.batch.feeding.time", slow)
    with open_sequence(clip) as source:
        work = application(source, Flow(live=True, paced=True))
        numbers(work)
    assert work.timing.lag.percentile(50) >= 0.9 * late * 25


def test_frames_may_wait_where_that_is_asked_for() -> None:
    """A burst that is over soon costs no frame if frames may wait for long enough."""
    patient = application(Camera(20, fps=200), Flow(live=True, max_latency=3.0), seconds=0.015)
    assert len({*numbers(patient)}) == 20
    hasty = application(Camera(40, fps=200), Flow(live=True, max_latency=0.05), seconds=0.02)
    numbers(hasty)
    record = hasty.timing.record(live=True)
    assert record["frames_dropped"] > 5
    assert record["lag_frames"]["most"] <= 0.05 * 200 + 1


def test_a_file_acts_as_a_camera(clip: Path) -> None:
    with open_sequence(clip) as source:
        work = application(source, Flow(live=True, paced=True), seconds=0.06)
        begun = time.perf_counter()
        found = numbers(work)
        seconds = time.perf_counter() - begun
    assert seconds >= 39 / 25
    record = work.timing.record(live=True)
    assert record["frames_dropped"] >= 8
    assert abs(len(found) - 40) <= 3
    assert record["stages"]["decode"]["p50"] < 0.03  # the pacing is not decoding


def _unplugged(woken: threading.Event) -> None:
    raise SequenceError("camera:7 broke off at frame 10", why="no such device")


def test_what_a_camera_gave_before_it_was_unplugged_is_kept(tmp_path: Path) -> None:
    work = application(Camera(10, then=_unplugged), Flow(live=True))
    found = write_answers(work, tmp_path / "out.npy", overwrite=False)
    assert work.broken is not None
    assert "broke off" in work.broken.message
    assert found["frames_written"] >= 8
    assert len(np.load(tmp_path / "out.npy")) == found["frames_written"]


def test_a_camera_that_gives_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="broke off"):
        write_answers(
            application(Camera(0, then=_unplugged), Flow(live=True)), tmp_path / "a.npy", overwrite=False
        )
    assert not (tmp_path / "a.npy").exists()


@pytest.mark.parametrize("flow", [Flow(), Flow(live=True), Flow(overlap=False)])
def test_an_error_of_the_model_comes_once_and_leaves_nothing(tmp_path: Path, flow: Flow) -> None:
    with pytest.raises(RuntimeError, match="the model fails"):
        write_answers(application(Camera(30), flow, fails_at=5), tmp_path / "a.mp4", overwrite=False)
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == []


@pytest.mark.parametrize("flow", [Flow(), Flow(live=True)])
def test_an_error_of_the_writer_ends_a_source_that_waits(flow: Flow) -> None:
    """A disk that is full, while the camera stalls."""

    def stalled(woken: threading.Event) -> None:
        woken.wait(60)

    work, begun = application(Camera(3, then=stalled), flow), time.perf_counter()

    def written() -> None:
        with closing(work.frames()) as pictures:
            next(pictures)
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        written()
    assert time.perf_counter() - begun < 8


def test_an_error_of_the_source_is_told_as_one_of_the_source(tmp_path: Path) -> None:
    def fails(woken: threading.Event) -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(SequenceError, match="cannot read camera:7"):
        write_answers(application(Camera(5, then=fails)), tmp_path / "a.npy", overwrite=False)


def test_what_has_no_end_ends_when_it_is_asked_to() -> None:
    work = application(Camera(100_000, fps=100), Flow(live=True))
    threading.Timer(0.3, work.finish).start()
    begun = time.perf_counter()
    assert len(numbers(work)) > 5
    assert time.perf_counter() - begun < 5
    assert work.broken is None
    time.sleep(0.05)  # the timer's own thread


def test_a_cut_resets_where_asked_for() -> None:
    class Shots(Camera):
        def _read(self) -> Generator[TimedFrame, None, None]:
            one, other = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 1), dtype=np.uint8)
            for number, pixels in enumerate((one, one, other, other)):
                yield TimedFrame(number, number / 50, pixels)

    def seen(cuts: bool) -> list[Any]:
        with closing(application(Shots(4), Flow(cuts=cuts)).shown()) as answers:
            return [row["seen"] for shown in answers for row in shown.rows]

    assert seen(False) == [1, 2, 3, 4]
    assert seen(True) == [1, 2, 1, 2]


def test_pauses_are_held_for_ten_seconds_at_most() -> None:
    held = Held(Fraction(10))
    times = [
        held.times(Moment(number, seconds, 0.0)) for number, seconds in enumerate((0.0, 0.1, 3600.0, 3600.1))
    ]
    assert times == [1, 1, 100, 1]


def test_a_writer_that_is_too_slow_is_not_given_ever_more() -> None:
    """Half as fast as the rate: every second frame is answered, and soon written once, not 2, 4, 8 … times."""
    held, seconds, counts = Held(Fraction(10)), 0.0, []
    for number in range(12):
        counts.append(held.times(Moment(number, seconds, 0.0)))
        held.took(0.2 * counts[-1], counts[-1])
        seconds += 0.2 * counts[-1]  # what comes meanwhile is left out
    assert max(counts) == 2
    assert counts[-8:] == [1] * 8
    for number in range(12, 40):  # it is quick again, and writes what it owes
        counts.append(held.times(Moment(number, seconds, 0.0)))
        held.took(0.01 * counts[-1], counts[-1])
        seconds += 0.1
    assert sum(counts) == round(10 * (seconds - 0.1)) + 1


def test_several_pictures_of_one_moment_are_each_written_once() -> None:
    held = Held(Fraction(10))
    assert [held.times(Moment(0, 0.0, 0.0)) for _ in range(3)] == [1, 1, 1]


def test_a_source_without_answers() -> None:
    with pytest.raises(SeqimgError, match="gave no answer"):
        numbers(application(Camera(0)))
