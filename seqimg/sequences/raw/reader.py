"""Raw pixels: bytes without any header, from a file or a pipe, described by the user."""

import os
import select
import stat
import sys
from collections.abc import Callable, Generator
from collections.abc import Sequence as Several
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UsageError
from seqimg.sequences.base import Damage, OnError, Sequence, SequenceError, TimedFrame
from seqimg.sequences.raw.layout import RAW_HINT, RawLayout

__all__ = ["STDIN", "RawSequence", "RawStream", "open_raw"]

STDIN = "-"
"""What stands for standard input."""

_GLANCE = 200  # milliseconds between two looks at whether to go on waiting


def open_raw(
    path: Path | str,
    *,
    raw: str | None = None,
    on_error: OnError = "error",
    value_range: tuple[float, float] | None = None,
) -> Sequence:
    """Open raw pixels: `-` for standard input, a file, a named pipe or another device.

    Args:
        path: Where they come from.
        raw: What they are, `WIDTHxHEIGHT[@FPS][:PIXELS]`.
        on_error: What to do when they end within a frame.
        value_range: The values that mean black and white.

    Raises:
        UsageError: `raw` is missing or wrong, or standard input is a terminal.
        SequenceError: The file cannot be read, or holds no frame.

    Example:
        >>> path = Path(tmp) / "a.rgb"
        >>> _ = path.write_bytes(bytes(2 * 8 * 6 * 3))
        >>> open_raw(path, raw="8x6@25").info.frame_count
        2
    """
    name = "standard input" if path == STDIN else str(path)
    if not raw:
        raise UsageError(
            f"{name} is raw pixels, which do not say what they are",
            why="width, height and kind are missing",
            hint=RAW_HINT,
        )
    layout = RawLayout.parse(raw)
    if path == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "there is nothing in standard input",
                why="it is a terminal",
                hint=f"ffmpeg -i VIDEO -f rawvideo -pix_fmt {layout.pixels} - | …",
            )
        return RawStream(STDIN, layout, on_error=on_error, value_range=value_range)
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    kind = RawSequence if is_file else RawStream
    return kind(str(path), layout, on_error=on_error, value_range=value_range)


class RawSequence(Sequence):
    """A file of raw pixels; any frame is found by its place.

    Args:
        path: The file.
        layout: What its bytes are.
        on_error: What to do about bytes left over at its end.
        value_range: The values that mean black and white.

    Raises:
        SequenceError: It is shorter than a frame, or its size is no multiple of a frame's.
    """

    def __init__(
        self,
        path: str,
        layout: RawLayout,
        *,
        on_error: OnError = "error",
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self._layout, self._on_error = layout, on_error
        self._size = os.stat(path).st_size
        count, over = divmod(self._size, layout.frame_bytes)
        if not count or (over and on_error == "error"):
            raise SequenceError(
                f"cannot read {path} as {layout.width} by {layout.height} {layout.pixels}",
                why=f"its {self._size:,} bytes are {self._size / layout.frame_bytes:.5g} frames"
                f" of {layout.frame_bytes:,} bytes",
                hint="another size with --raw" + (", or --on-error truncate" if count else ""),
            )
        self._over = over
        notes = (f"{over:,} bytes left over",) if over else ()
        super().__init__(
            layout.info(path, frame_count=count, live=False, value_range=value_range, notes=notes)
        )

    def _read(self) -> Generator[TimedFrame, None, None]:
        yield from self._pick(range(self.info.frame_count or 0))
        if self._over:
            self.damage.append(Damage(self.info.frame_count or 0, 1, "the file ends within the frame"))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        layout = self._layout
        with open(self.info.path, "rb", buffering=0) as file:
            for place in indices:
                if place >= (self.info.frame_count or 0):
                    return
                if file.tell() != place * layout.frame_bytes:
                    file.seek(place * layout.frame_bytes)
                data = _take(file, layout.frame_bytes)
                if data.size < layout.frame_bytes:
                    raise SequenceError(f"{self.info.path} changed while it was read")
                yield TimedFrame(place, layout.time(place), layout.frame(data))


class RawStream(Sequence):
    """Raw pixels as they come from a pipe: one pass, and no end known.

    Args:
        path: `-` for standard input, or a named pipe or device.
        layout: What the bytes are.
        on_error: What to do when the stream ends within a frame.
        value_range: The values that mean black and white.
    """

    def __init__(
        self,
        path: str,
        layout: RawLayout,
        *,
        on_error: OnError = "error",
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self._layout, self._on_error = layout, on_error
        self._begun = self._interrupted = False
        super().__init__(layout.info(path, frame_count=None, live=True, value_range=value_range))

    def interrupt(self) -> None:
        """End a pass that waits for bytes, where the system can tell that none have come."""
        self._interrupted = True

    def _read(self) -> Generator[TimedFrame, None, None]:
        if self._begun:
            raise SequenceError(f"{self._name} was read already", why="what came through it is gone")
        self._begun = True
        layout, place = self._layout, 0
        try:
            source: int | str = sys.stdin.fileno() if self.info.path == STDIN else self.info.path
            with open(source, "rb", buffering=0, closefd=self.info.path != STDIN) as file:
                take = partial(_take, file, layout.frame_bytes, lambda: self._interrupted)
                while (data := take()).size == layout.frame_bytes:
                    yield TimedFrame(place, layout.time(place), layout.frame(data))
                    place += 1
        except OSError as error:
            raise SequenceError(f"cannot read {self._name}", why=error.strerror) from error
        if self._interrupted:
            return
        if not place and not data.size:
            raise SequenceError(f"nothing came from {self._name}", hint="look at what the other program says")
        if data.size:
            self._end_within(place, data.size)

    @property
    def _name(self) -> str:
        return "standard input" if self.info.path == STDIN else self.info.path

    def _end_within(self, place: int, size: int) -> None:
        reason = f"only {size:,} of {self._layout.frame_bytes:,} bytes came"
        if self._on_error == "error":
            raise SequenceError(
                f"{self._name} ends within frame {place}",
                why=f"{reason}; is {self._layout.width} by {self._layout.height} {self._layout.pixels} right?",
                hint="--on-error truncate, to use the frames before",
            )
        self.damage.append(Damage(place, None, reason))


def _take(file: IO[bytes], size: int, stopped: Callable[[], bool] | None = None) -> NDArray[np.uint8]:
    """Return the next bytes, in memory of their own: fewer only where the stream ends, or is `stopped` in waiting."""
    data = np.empty(size, np.uint8)
    left = data.data
    while left:
        if stopped is not None and not _comes(file, stopped):
            break
        got = file.readinto(left)  # type: ignore[attr-defined]
        if not got:
            break
        left = left[got:]
    return data[: size - len(left)]


def _comes(file: IO[bytes], stopped: Callable[[], bool]) -> bool:
    """Wait until there is something to read, or the end; return False if stopped meanwhile."""
    if not hasattr(select, "poll"):  # only sockets can be waited for on Windows
        return not stopped()
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    while not stopped():
        if waiting.poll(_GLANCE):
            return True
    return False
