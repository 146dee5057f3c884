"""What readers and writers of sequences promise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from collections.abc import Sequence as Several
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self
from weakref import WeakSet

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences.damage import Damage, losses_sentence
from seqimg.sequences.info import ASSUMED_FPS, DTYPES, SequenceInfo, TimedFrame

if TYPE_CHECKING:
    from seqimg.sequences.pixeltypes import Pixels

__all__ = [
    "ASSUMED_FPS",
    "DTYPES",
    "IMAGE_SUFFIXES",
    "Damage",
    "Fit",
    "Gaps",
    "OnError",
    "Sequence",
    "SequenceError",
    "SequenceInfo",
    "SequenceWriter",
    "TimedFrame",
]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
"""File name endings of the pictures a frame folder may hold."""

OnError = Literal["error", "skip", "truncate"]
"""What to do about damage: refuse, leave out what is damaged, or end before it."""

Gaps = Literal["error", "skip", "hold"]
"""What to do about missing frame numbers: refuse, leave them out, or repeat the frame before."""

Fit = Literal["error", "resize", "crop", "pad"]
"""What to do about pictures of another size than the first: refuse, resample, or cut or border them."""


class SequenceError(SeqimgError):
    """A sequence cannot be read or written (exit code 1).

    Example:
        >>> SequenceError("clip.mp4 ends within frame 7", hint="--on-error truncate").exit_code
        1
    """


class Sequence(ABC):
    """Frames read lazily and in constant memory, as often as wanted from the start.

    A reader implements `_read`; each pass holds its own file handle.

    Args:
        info: What the sequence is.

    Attributes:
        info: What the sequence is.
        damage: What the pass begun last has left out so far.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> path = Path(tmp) / "stack.npy"
        >>> np.save(path, np.zeros((5, 48, 64), np.uint8))
        >>> with open_sequence(path) as sequence:
        ...     [frame.shape for frame in sequence][:2]
        [(48, 64, 1), (48, 64, 1)]
    """

    def __init__(self, info: SequenceInfo) -> None:
        self.info = info
        self.damage: list[Damage] = []
        self._passes: WeakSet[Generator[TimedFrame, None, None]] = WeakSet()
        self._closed = False

    def __iter__(self) -> Iterator[Pixels]:
        """Yield each frame, `[H, W, C]` in the source's dtype."""
        for frame in self.timed():
            yield frame.pixels

    def timed(self, start: int = 0) -> Iterator[TimedFrame]:
        """Begin a pass: yield each frame with its place and time.

        Args:
            start: Place of the first one wanted; a reader that can jump does not decode those before.

        Raises:
            SequenceError: The sequence is closed, or a frame is damaged.
        """
        if self._closed:
            raise SequenceError(f"{self.info.path} was closed", hint="open it again")
        self.damage = []
        frames = self._from(start) if start > 0 else self._read()
        self._passes.add(frames)
        return frames

    def frames(self, indices: Iterable[int]) -> Iterator[TimedFrame]:
        """Begin a pass over chosen frames, in the order asked for; the same one may be asked for again.

        A rising order is cheapest: only what lies between is skipped or decoded.

        Args:
            indices: Places in the source from 0, as in [TimedFrame][seqimg.sequences.TimedFrame].

        Raises:
            UsageError: An index is negative, or the source is live.
            SequenceError: The sequence is closed, ends before an index, or a frame is damaged.

        Example:
            >>> import numpy as np
            >>> from seqimg.sequences import open_sequence
            >>> path = Path(tmp) / "stack.npy"
            >>> np.save(path, np.arange(9, dtype=np.uint8).reshape(9, 1, 1) + np.zeros((9, 8, 8), np.uint8))
            >>> with open_sequence(path) as sequence:
            ...     [int(frame.pixels[0, 0, 0]) for frame in sequence.frames([7, 2, 2])]
            [7, 2, 2]
        """
        wanted = list(indices)
        if self._closed:
            raise SequenceError(f"{self.info.path} was closed", hint="open it again")
        if self.info.live:
            raise UsageError(f"{self.info.path} is live", why="its frames can only be taken as they come")
        if min(wanted, default=0) < 0:
            raise UsageError(f"there is no frame {min(wanted)}", why="frames are counted from 0")
        self.damage = []
        frames = self._frames(wanted)
        self._passes.add(frames)
        return frames

    def _frames(self, wanted: list[int]) -> Generator[TimedFrame, None, None]:
        for run in _rising_runs(wanted):
            picked = self._pick(sorted(set(run)))
            frame: TimedFrame | None = None
            try:
                for index in run:
                    while frame is None or frame.index < index:
                        frame = next(picked, None)
                        if frame is None:
                            break
                    if frame is not None and frame.index == index:
                        yield replace(frame, pixels=frame.pixels.copy())
                    elif not self._has_lost(index):
                        raise SequenceError(
                            f"{self.info.path} has no frame {index}", why="it ends before, counted from 0"
                        )
            finally:
                picked.close()

    def _from(self, start: int) -> Generator[TimedFrame, None, None]:
        """Yield the frames from one place to the end."""
        count = self.info.frame_count
        if count is not None and not self.info.live:
            yield from self._pick(range(start, count))
            return
        for frame in self._read():
            if frame.index >= start:
                yield frame

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        """Yield the frames at rising places; those that are lost or behind the end are left out.

        A reader that can jump does so here; this one reads from the start. The places are a list, or a
        range that may be as long as the sequence.
        """
        if not indices:
            return
        wanted, frames = indices if isinstance(indices, range) else set(indices), self._read()
        try:
            for frame in frames:
                if frame.index in wanted:
                    yield frame
                if frame.index >= indices[-1]:
                    return
        finally:
            frames.close()

    def _has_lost(self, index: int) -> bool:
        return any(
            lost.index <= index and (lost.count is None or index < lost.index + lost.count)
            for lost in self.damage
        )

    def losses(self) -> str | None:
        """Say in one line what the pass begun last has left out so far, if anything."""
        return losses_sentence(self.info.path, self.damage)

    def interrupt(self) -> None:
        """Wake a pass that waits for a frame in another thread, which then ends or fails; nothing happens otherwise.

        For readers that may wait for long, such as those of cameras and pipes; by default there is nothing to wake.
        """
        return

    def close(self) -> None:
        """End every pass and release what it holds."""
        self._closed = True
        for frames in list(self._passes):
            frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _read(self) -> Generator[TimedFrame, None, None]:
        """Yield the frames from the start; what it opens it closes in a `finally`."""


class SequenceWriter(ABC):
    """Frames written as they come, in constant memory.

    A format's writer is called with the path to write to, an empty file or folder that appears under
    its final name only when all is well, and a [SequenceInfo][seqimg.sequences.SequenceInfo] that
    describes the frames to come: every frame has its height, width, channels and dtype. Options of
    `open_writer`, such as `quality`, reach a writer that has a keyword-only parameter of that name.

    Attributes:
        keeps_times: Whether frames can be given times of their own, with `write_at`.
        codec: How frames are coded, if that is a choice.
        notes: What had to be changed or assumed.

    Example:
        >>> class Counts(SequenceWriter):
        ...     count = 0
        ...     def write(self, frame):
        ...         self.count += 1
        ...     def close(self): ...
        ...     def abort(self): ...
        >>> Counts().keeps_times
        False
    """

    keeps_times: ClassVar[bool] = False
    codec: str | None = None
    notes: tuple[str, ...] = ()

    @abstractmethod
    def write(self, frame: Pixels) -> None:
        """Append one frame, `[H, W, C]`.

        Args:
            frame: `[H, W, C]`, as the info that the writer was made with says.
        """

    def write_at(self, frame: Pixels, time: float) -> None:
        """Append one frame that is shown from `time` on, in seconds since the first.

        Only a writer with `keeps_times` is called so, with rising times, for every frame or none.

        Args:
            frame: `[H, W, C]`.
            time: Seconds since the first frame.
        """
        raise NotImplementedError(f"{type(self).__name__} writes frames at a constant rate")

    @abstractmethod
    def close(self) -> None:
        """Finish: all that was written is complete afterwards."""

    @abstractmethod
    def abort(self) -> None:
        """Give up, in whatever state: release what is held. The caller removes what was written."""


def _rising_runs(indices: list[int]) -> Iterator[list[int]]:
    """Split into the longest runs that never fall.

    Example:
        >>> list(_rising_runs([7, 2, 2, 5]))
        [[7], [2, 2, 5]]
    """
    run: list[int] = []
    for index in indices:
        if run and index < run[-1]:
            yield run
            run = []
        run.append(index)
    if run:
        yield run
