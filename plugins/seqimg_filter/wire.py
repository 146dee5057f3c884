"""Frames through pipes: a line of JSON, then the bytes of the array it tells of, if it does."""

import json
from typing import IO, Any

import numpy as np

from seqimg.sequences.pixeltypes import Pixels

__all__ = ["receive", "send"]

_LONGEST = 2**20


def send(pipe: IO[bytes], words: dict[str, Any], frame: Pixels | None = None) -> None:
    """Write words, and a frame behind them."""
    if frame is not None:
        frame = np.ascontiguousarray(frame)
        words = {**words, "shape": frame.shape, "dtype": str(frame.dtype)}
    pipe.write(json.dumps(words).encode("ascii") + b"\n")
    if frame is not None:
        pipe.write(frame.data.cast("B"))
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], Pixels | None] | None:
    """Read words, and the frame behind them; None at the end of the pipe, even in the middle of a frame."""
    line = pipe.readline(_LONGEST)
    if not line.endswith(b"\n"):
        return None
    words: dict[str, Any] = json.loads(line)
    if "shape" not in words:
        return words, None
    frame: Pixels = np.empty(words["shape"], words["dtype"])
    into = memoryview(frame.reshape(-1).view(np.uint8)).cast("B")  # type: ignore[arg-type]  # arrays are buffers
    done = 0
    while done < len(into):
        count = pipe.readinto(into[done:])  # type: ignore[attr-defined]  # a buffered reader
        if not count:
            return None
        done += count
    return words, frame
