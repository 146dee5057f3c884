"""Sources that stand still do not keep a run from ending."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqimg.sequences import Sequence, open_sequence, save_sequence
from seqimg.sequences.isolated.reader import IsolatedSequence, can_isolate, end_decoders
from seqimg.sequences.prepared import prepared
from seqimg.streaming import overlapped

SECONDS = 8  # generous: others want the processor too


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def left(source: Sequence, then: object = None) -> float:
    """Take one frame, do something, leave, and return the seconds that leaving took."""
    with overlapped(source.timed(), ahead=1, interrupt=source.interrupt) as frames:
        next(frames)
        if callable(then):
            then()
        begun = time.perf_counter()
    return time.perf_counter() - begun


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_gives_no_more() -> None:
    os.mkfifo("pipe")
    program = "import sys, time; f = open('pipe', 'wb'); f.write(bytes(8 * 8 * 3)); f.flush(); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program]) as writer:
        try:
            with open_sequence("pipe", raw="8x8") as source:
                assert left(prepared(source, [])) < SECONDS
        finally:
            writer.kill()


@pytest.mark.skipif(not can_isolate(), reason="needs processes of their own for reading")
def test_a_decoder_that_says_nothing_any_more(tmp_path: Path) -> None:
    save_sequence(
        (np.full((64, 64, 3), number % 256, np.uint8) for number in range(400)), tmp_path / "a.mp4", fps=25
    )
    with open_sequence(tmp_path / "a.mp4", isolate=True) as source:
        assert isinstance(source, IsolatedSequence)

        def freeze() -> None:
            assert source._playing is not None
            os.kill(source._playing.pid, signal.SIGSTOP)
            # What had come before is taken, so that the thread stands still.
            time.sleep(0.2)

        assert left(source, freeze) < SECONDS
        assert sum(1 for _ in source) == 400  # another decoder reads it again
    end_decoders()


def test_a_source_that_does_not_stand_still_is_not_interrupted(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((50, 8, 8), np.uint8))
    calls = []
    with open_sequence(tmp_path / "a.npy") as source:
        with overlapped(source.timed(), ahead=1, interrupt=lambda: calls.append(1)) as frames:
            next(frames)
        assert not calls
        source.interrupt()
        assert sum(1 for _ in source) == 50
