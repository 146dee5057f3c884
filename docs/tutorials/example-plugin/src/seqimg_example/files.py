"""Files of one line of JSON, padded to 256 bytes, and then the frames as they are.

The line is `{"plain": 1, "height": H, "width": W, "channels": C, "dtype": "uint8", "fps": 25.0}`; a frame is
H × W × C values, little-endian, rows first.
"""

import json
import os
from collections.abc import Generator
from collections.abc import Sequence as Several
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqimg.sequences import Damage, Sequence, SequenceError, SequenceInfo, SequenceWriter, TimedFrame
from seqimg.sequences.base import OnError
from seqimg.sequences.limits import MAX_FPS, check_size, value_range_of

HEADER = 256  # bytes
DTYPES = ("uint8", "uint16", "float32")


class PlainSequence(Sequence):
    """Read frame by frame, any of them by its place.

    Args:
        path: The file.
        on_error: What to do about a file that ends within a frame.
    """

    def __init__(self, path: Path, *, on_error: OnError = "error") -> None:
        header = _header(path)
        self._shape = (header["height"], header["width"], header["channels"])
        self._dtype = np.dtype(header["dtype"]).newbyteorder("<")
        self._bytes = int(np.prod(self._shape)) * self._dtype.itemsize
        count, self._over = divmod(os.path.getsize(path) - HEADER, self._bytes)
        if not count or (self._over and on_error == "error"):
            raise SequenceError(
                f"{path} ends within frame {count}",
                why=f"{self._over:,} of the frame's {self._bytes:,} bytes are there",
                hint="--on-error truncate" if count else None,
            )
        fps = header.get("fps")
        super().__init__(
            SequenceInfo(
                path=str(path),
                format="plain",
                height=self._shape[0],
                width=self._shape[1],
                channels=self._shape[2],
                dtype=header["dtype"],
                value_range=value_range_of(header["dtype"]),
                fps=None if fps is None else Fraction(fps).limit_denominator(10**6),
                frame_count=count,
            )
        )

    def _read(self) -> Generator[TimedFrame, None, None]:
        yield from self._pick(range(self.info.frame_count or 0))
        if self._over:
            self.damage.append(Damage(self.info.frame_count or 0, 1, "the file ends within the frame"))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        with open(self.info.path, "rb") as file:
            for place in indices:
                if place >= (self.info.frame_count or 0):
                    return
                file.seek(HEADER + place * self._bytes)
                data = file.read(self._bytes)
                if len(data) < self._bytes:
                    raise SequenceError(f"{self.info.path} changed while it was read")
                pixels = np.frombuffer(data, self._dtype).reshape(self._shape).astype(self.info.dtype)
                yield TimedFrame(place, None if self.info.fps is None else place / self.info.fps, pixels)


class PlainWriter(SequenceWriter):
    """Write frames as they come.

    Args:
        path: The file, which is there and empty.
        info: What the frames are going to be.
    """

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        if info.dtype not in DTYPES:
            raise SequenceError(
                f".plain files cannot hold {info.dtype}",
                why=f"they hold {', '.join(DTYPES)}",
                hint="a .npy file instead",
            )
        header = {"plain": 1, "height": info.height, "width": info.width, "channels": info.channels}
        header |= {"dtype": info.dtype, "fps": None if info.fps is None else float(info.fps)}
        self._dtype = np.dtype(info.dtype).newbyteorder("<")
        self._file = path.open("wb")
        self._file.write(json.dumps(header).encode().ljust(HEADER - 1) + b"\n")

    def write(self, frame: NDArray[Any]) -> None:
        """Append one frame, `[H, W, C]`."""
        self._file.write(np.ascontiguousarray(frame, self._dtype).tobytes())

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def abort(self) -> None:
        """Give up; the caller removes what was written."""
        with suppress(OSError):
            self._file.close()


def _header(path: Path) -> dict[str, Any]:
    """Read the first line, with distrust: nothing is allocated before it is checked."""
    with open(path, "rb") as file:
        line = file.read(HEADER)
    try:
        header = json.loads(line)
        numbers = [header[name] for name in ("height", "width", "channels")]
        whole = all(type(number) is int for number in numbers)
        fps = header.get("fps")
        timed = fps is None or (type(fps) is float and 0 < fps <= MAX_FPS)
        good = whole and timed and header["plain"] == 1 and header["dtype"] in DTYPES
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = False
    if not good or len(line) < HEADER:
        why = "its first line does not say what the frames are"
        raise SequenceError(f"{path} is no .plain file", why=why)
    check_size(path, *numbers)
    return dict(header)
