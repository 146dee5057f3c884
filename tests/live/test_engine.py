"""The engine: frames in, moments out, wishes done, whatever the source and the task do."""

import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seqimg.errors import SeqimgError, UsageError
from seqimg.live.branch import Branch
from seqimg.live.engine import Engine, Wishes
from seqimg.live.pictures import Moment
from seqimg.live.source import LiveSource
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from tests.support.live import Clip, Glow, GlowRun, clip_of, engine_of, glow, squares, until


def _ran(engine: Engine, moments: list[Moment], count: int) -> None:
    engine.start()
    try:
        until(lambda: len(moments) >= count)
    finally:
        engine.stop()


def _seen(index: int, value: float = 0.5) -> Seen:
    return Seen(torch.full((3, 8, 8), value), index, index / 25)


def test_a_branch_answers_each_frame_with_what_was_said_of_it() -> None:
    loaded = glow()
    branch = Branch(loaded.task, Stream(loaded.model), GlowRun())
    for index in range(3):
        (shown,) = branch.feed(_seen(index, 0.25))
        assert shown.rows[0]["frame"] == index
        assert shown.picture is not None
        assert shown.picture.unique().tolist() == [0.25]
    assert branch.finish() == []
    assert branch.feed(_seen(9)) == [], "it has said all"
    branch.close()


def test_a_branch_hands_on_what_a_task_raises_once() -> None:
    loaded = glow()
    branch = Branch(loaded.task, Stream(loaded.model), GlowRun(fail_at=1))
    assert len(branch.feed(_seen(0))) == 1
    with pytest.raises(ValueError, match="broken"):
        branch.feed(_seen(1))
    assert branch.feed(_seen(2)) == []
    branch.close()


def test_a_branch_hands_on_what_a_task_raises_before_its_first_frame() -> None:
    class Refusing(Glow):
        def show(self, *_: Any) -> Any:
            raise UsageError("not with these options")

    loaded = glow()
    branch = Branch(Refusing(loaded.task.config), Stream(loaded.model), GlowRun())
    time.sleep(0.05)
    with pytest.raises(UsageError):
        branch.feed(_seen(0))
    branch.close()


def test_a_branch_that_is_closed_ends_its_thread_and_the_task_in_it() -> None:
    ended = []

    class Careful(Glow):
        def show(self, *arguments: Any) -> Any:
            try:
                yield from super().show(*arguments)
            finally:
                ended.append(True)

    before, loaded = threading.active_count(), glow()
    branch = Branch(Careful(loaded.task.config), Stream(loaded.model), GlowRun())
    branch.feed(_seen(0))
    branch.close()
    assert ended == [True]
    assert threading.active_count() == before


def test_answers_are_those_of_a_stream() -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(6, fps=10), moments.append)
    engine.start()
    until(lambda: engine.state == "ended")
    engine.stop()
    stream = Stream(glow().model)
    for moment in moments:
        assert moment.fresh
        assert torch.equal(moment.answer, stream.step(moment.frame)[0, 0])  # type: ignore[arg-type]
    assert moments[-1].line is not None
    assert moments[-1].rows[0]["frame"] == moments[-1].place == 5


def test_the_end_is_the_end_and_can_be_begun_again() -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(3, fps=10), moments.append)
    engine.start()
    until(lambda: engine.state == "ended")
    count = len(moments)
    assert 1 <= count <= 3
    engine.again()
    until(lambda: len(moments) > count and engine.state == "ended")
    assert moments[count].age == 1, "it has forgotten what was before"
    engine.stop()


def test_a_loop_goes_on_counting_and_begins_anew() -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(4, fps=10), moments.append, loop=True)
    _ran(engine, moments, 9)
    places = [moment.place for moment in moments]
    assert places == sorted(set(places))
    assert max(moment.age for moment in moments) <= 4
    assert [moment.age for moment in moments].count(1) >= 2
    times = [moment.time for moment in moments]
    assert times == sorted(set(times))
    assert "the source begins again" in {words for _, _, words in engine.timeline.happenings()}


def test_a_file_is_played_at_its_own_pace() -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(None, fps=50), moments.append)
    _ran(engine, moments, 25)
    took = moments[24].at - moments[0].at
    assert 24 / 50 - 0.05 <= took < 3, "never quicker; a busy machine may be late"


def test_a_task_slower_than_its_source_gets_the_latest_and_the_rest_are_counted() -> None:
    moments: list[Moment] = []
    loaded = glow()
    loaded.task.slow = 0.05  # type: ignore[attr-defined]
    engine = engine_of(clip_of(None, fps=100, live=True), moments.append, loaded=loaded)
    _ran(engine, moments, 10)
    places = [moment.place for moment in moments]
    assert places == sorted(set(places))
    assert places[-1] >= 30, "five times as many came"
    assert engine.dropped >= 20
    lags = [time.monotonic() - moment.at for moment in moments[-1:]]
    assert lags[0] < 1


def test_reset_and_wishes_are_done_with_the_next_frame() -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(None), moments.append)
    engine.start()
    until(lambda: len(moments) > 3)
    engine.reset()
    until(lambda: any(kind == "reset" for _, kind, _ in engine.timeline.happenings()))
    until(lambda: min(moment.age for moment in moments[4:]) == 1 if len(moments) > 6 else False)
    assert engine.stream.last_reset is not None
    assert engine.stream.last_reset.reason == "asked for"
    engine.wish(replace(engine.wishes, options=GlowRun(strength=0.0)), "dark")
    until(lambda: moments[-1].answer is not None and float(moments[-1].answer.max()) == 0)
    age = moments[-1].age
    until(lambda: moments[-1].age > age), "the state is kept"
    engine.stop()


def test_a_model_without_memory_works_beside() -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(None), moments.append)
    engine.start()
    until(lambda: len(moments) > 3)
    assert moments[-1].bare is None
    engine.wish(Wishes(engine.wishes.options, compare=True), "beside")
    until(lambda: moments[-1].bare is not None)
    moment = moments[-1]
    assert moment.bare is not None
    assert torch.equal(moment.bare, moment.frame), "of this model a frame alone is itself"
    assert not torch.equal(moment.answer, moment.frame)  # type: ignore[arg-type]
    assert moment.bare_line is not None
    engine.wish(Wishes(engine.wishes.options), "alone")
    until(lambda: moments[-1].bare is None)
    engine.stop()


def test_cuts_are_noted_and_forgotten_at_if_wished() -> None:
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 255, (2, 96, 128, 3), dtype=np.uint8)
    moments: list[Moment] = []
    engine = engine_of(lambda: Clip(lambda index: scenes[index // 8 % 2], None), moments.append)
    engine.wishes = Wishes(GlowRun(), forget=True)
    _ran(engine, moments, 20)
    kinds = [(kind, words) for _, kind, words in engine.timeline.happenings()]
    assert ("reset", "a cut") in kinds
    assert any(kind == "cut" for kind, _ in kinds)
    assert max(moment.age for moment in moments) <= 9


@pytest.mark.parametrize("live", [False, True])
def test_a_pause_holds_and_drops_nothing_that_counts(live: bool) -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(None, live=live, fps=20), moments.append)
    engine.start()
    until(lambda: len(moments) > 2)
    engine.pause(True)
    assert engine.state == "paused"
    time.sleep(0.2)
    count, place = len(moments), moments[-1].place
    time.sleep(0.8)
    assert len(moments) == count
    dropped = engine.dropped
    engine.pause(False)
    until(lambda: len(moments) > count + 2)
    missed = moments[count].place - place
    assert missed > 12 if live else missed <= 6
    assert engine.dropped - dropped <= 8, "what came meanwhile does not count"
    engine.stop()


def test_what_a_task_or_source_raises_is_told_and_can_be_tried_again() -> None:
    moments: list[Moment] = []
    engine = engine_of(clip_of(None), moments.append, fail_at=2)
    engine.start()
    until(lambda: engine.state == "failed")
    assert engine.error is not None
    assert engine.error.message == "the task glow failed"
    assert engine.error.why == "ValueError: this task is broken"
    engine.wish(Wishes(GlowRun()), "mended")
    engine.again()
    until(lambda: len(moments) > 5)
    assert engine.error is None
    engine.stop()


def test_a_source_that_breaks_off_says_so() -> None:
    engine = engine_of(clip_of(2, fails="the camera is gone"))
    engine.start()
    until(lambda: engine.state == "failed")
    assert engine.error is not None
    assert engine.error.why == "the camera is gone"
    engine.stop()


def test_frames_of_other_channels_are_refused_before_anything_is_served() -> None:
    source = LiveSource(lambda: Clip(lambda index: squares(index, channels=1), 3), glow().task, "models/a")
    with pytest.raises(SeqimgError, match=r"the model in models/a cannot read clip\.mp4"):
        source.open()


def test_stopping_is_quick_wherever_it_is() -> None:
    for opened, loop in ((clip_of(None, fps=1), False), (clip_of(2), False), (clip_of(None), True)):
        engine = engine_of(opened, loop=loop)
        engine.start()
        time.sleep(0.1)
        begun = time.monotonic()
        engine.stop()
        assert time.monotonic() - begun < 3


def test_stopping_is_quick_while_a_source_is_silent() -> None:
    wait = threading.Event()

    def frame(index: int) -> np.ndarray:
        if index > 1:
            wait.wait(30)
        return squares(index)

    moments: list[Moment] = []
    engine = engine_of(lambda: Clip(frame, None, fps=10), moments.append)
    engine.start()
    until(lambda: len(moments) == 2)
    begun = time.monotonic()
    engine.stop()
    assert time.monotonic() - begun < 3
    wait.set()


def test_a_task_that_speaks_at_the_end_is_heard_at_the_pace_of_the_source() -> None:
    class Late(Glow):
        def show(self, stream: Stream, frames: Any, options: GlowRun) -> Any:
            count = len(list(frames))
            for index in range(5):
                yield Shown(torch.full((3, 8, 8), index / 5), (), f"{index} of {count}")

    loaded = replace(glow(), task=Late(glow().task.config))
    moments: list[Moment] = []
    engine = engine_of(clip_of(3, fps=10), moments.append, loaded=loaded)
    engine.start()
    until(lambda: engine.state == "ended")
    said = [moment for moment in moments if moment.line is not None]
    assert [moment.line.split()[0] for moment in said if moment.line] == ["0", "1", "2", "3", "4"]
    assert said[-1].at - said[0].at >= 0.4 - 0.01
    engine.stop()


def test_nothing_is_left_running() -> None:
    before = threading.active_count()
    moments: list[Moment] = []
    engine = engine_of(clip_of(None), moments.append, loop=True)
    engine.wishes = Wishes(GlowRun(), compare=True)
    _ran(engine, moments, 4)
    until(lambda: threading.active_count() <= before, 3)
