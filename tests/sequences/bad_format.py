"""A format for tests whose files say what becomes of the process that reads them: `segv 3` at the fourth frame."""

import ctypes
import hashlib
import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np

from seqimg.errors import SeqimgError
from seqimg.plugins import FormatSpec, hookimpl
from seqimg.sequences.base import Damage, OnError, Sequence, SequenceError, SequenceInfo, TimedFrame
from seqimg.sequences.isolated.pulse import pulse
from seqimg.sequences.isolated.standstill import is_careful, watched

SEQIMG_API = 1
COUNT = 12


class OddError(SeqimgError):
    """An error of the plugin's own, with a signature of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(f"odd {number}", why="it is odd", hint="an even one")


class BadSequence(Sequence):
    def __init__(self, path: Path, *, on_error: OnError = "error") -> None:
        self.action, _, place = path.read_text().partition(" ")
        self.place = int(place or 0)
        if self.place < 0:
            self._misbehave()
        super().__init__(
            SequenceInfo(
                path=str(path),
                format="bad",
                height=4,
                width=6,
                channels=3,
                dtype="float32",
                value_range=(0, 1),
                fps=None,
                frame_count=COUNT,
                fill_value=float("nan"),
                notes=("bad",),
            )
        )

    def _read(self) -> Generator[TimedFrame, None, None]:
        for number in range(COUNT):
            if number == self.place:
                if self.action == "lose":
                    self.damage.append(Damage(number, 1, "lost"))
                    continue
                self._misbehave()
            yield TimedFrame(number, number / 25, np.full((4, 6, 3), number, self._dtype()))

    def _dtype(self) -> str:
        return "float64" if self.action == "dtype" else "float32"

    def _misbehave(self) -> None:  # noqa: C901
        match self.action:
            case "segv":
                ctypes.string_at(0)
            case "abort":
                os.abort()
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(3)
            case "sysexit":
                sys.exit("no")
            case "hang":
                time.sleep(1000)
            case "spin":
                # No Python runs meanwhile, and no signal handler of it: the lock is never given back.
                ctypes.PyDLL(None).sleep(1000)
            case "still" | "stuck":
                if self.action == "stuck" or not is_careful():
                    watched(time.sleep)(1000)
            case "slow":  # a decoder at work, for longer than one may stand still
                watched(_compute)(6)
            case "work":
                for _ in range(30):
                    time.sleep(0.1)
                    pulse()
            case "eat":
                eaten = [np.empty(2**28, np.uint8) for _ in range(1000)]
                assert eaten
            case "value":
                raise ValueError("no number")
            case "sequence":
                raise SequenceError("cannot", why="for no reason", hint="later")
            case "odd":
                raise OddError(3)
            case "chatter":
                print("noise on stdout")
                print("noise on stderr", file=sys.stderr)
            case "fine":
                pass


def _compute(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hashlib.sha256(bytes(2**20))


@hookimpl
def seqimg_formats() -> list[FormatSpec]:
    return [
        FormatSpec(
            name="bad",
            summary="Misbehaves as its files say.",
            suffixes=(".bad",),
            reader="tests.sequences.bad_format:BadSequence",
        )
    ]
