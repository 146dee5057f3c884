"""Sequences whose frames are worked on as they are read: what `--pre` of every task asks for.

The operations come from plugins, which register them with
[seqimg_frame_ops][seqimg.plugins.hookspecs.seqimg_frame_ops].
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from seqimg.errors import SeqimgError, UnavailableError, UsageError, did_you_mean
from seqimg.plugins.manager import plugin_host
from seqimg.sequences.base import Sequence, SequenceError
from seqimg.sequences.info import SequenceInfo, TimedFrame
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.values import Values, to_pixels, to_values
from seqimg.wording import joined, split_word

__all__ = ["FrameOp", "Preparation", "PreparedSequence", "prepared", "unprepared"]


class FrameOp(Protocol):
    """An operation on single frames, made ready for those of one sequence.

    Attributes:
        info: What the frames are that go out: other channels, another value range, the same size.

    Example:
        >>> class Half:
        ...     def __init__(self, arguments, info):
        ...         if arguments:
        ...             raise UsageError(f"half has no {next(iter(arguments))}")
        ...         self.info = info
        ...     def __call__(self, values):
        ...         return values / 2
        >>> info = SequenceInfo(
        ...     path="a", format="array", height=8, width=8, channels=3, dtype="uint8", value_range=(0, 255)
        ... )
        >>> op: FrameOp = Half({}, info)
    """

    info: SequenceInfo

    def __call__(self, values: Values) -> Values:
        """Return the answer for a frame `[H, W, C]`, float, 0 and 1 the ends of its range, NaN where it lacks a value.

        Args:
            values: `[H, W, C]`, which stays as it is.

        Raises:
            SeqimgError: The operation cannot work on it.
        """


class Preparation:
    """Operations on single frames of one kind, one after the other.

    Args:
        info: What the frames are.
        words: The operations, in their order.

    Attributes:
        info: What the frames are afterwards; their size stays.
        words: The operations, each whole.

    Raises:
        UsageError: An operation is written wrong, or cannot work on such frames.
        UnavailableError: No plugin brings it.

    Example:
        >>> import numpy as np
        >>> info = SequenceInfo(
        ...     path="a", format="array", height=1, width=2, channels=1, dtype="uint8", value_range=(0, 255)
        ... )
        >>> Preparation(info, ["invert"])(np.array([[[0], [200]]], np.uint8)).ravel().tolist()
        [255, 55]
    """

    def __init__(self, info: SequenceInfo, words: Iterable[str]) -> None:
        self._source, self.words = info, tuple(joined(words))
        self._ops: list[FrameOp] = []
        for text in self.words:
            op = _made(text, info)
            self._ops.append(op)
            info = op.info
        notes = (*self._source.notes, f"after {', '.join(self.words)}")
        self.info = replace(info, height=self._source.height, width=self._source.width, notes=notes)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return what comes of a frame `[H, W, C]`.

        Raises:
            SeqimgError: An operation cannot work on it, or changes its size.
        """
        values = to_values(pixels, self._source)
        for op in self._ops:
            values = op(values)
        wanted = (*pixels.shape[:2], self.info.channels)
        if values.shape != wanted:
            raise SequenceError(
                f"cannot prepare the frames of {self.info.path}",
                why=f"an operation turned {wanted} into {values.shape}: height, width, channels",
            )
        return to_pixels(values, self.info)


class PreparedSequence(Sequence):
    """A sequence with operations applied to each of its frames.

    Arguments beside the sequence, which is closed with this one, and errors are those of `Preparation`.

    Args:
        source: The sequence.
        words: The operations, in their order.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> np.save(Path(tmp) / "prepared.npy", np.full((3, 8, 8), 200, np.uint8))
        >>> with PreparedSequence(open_sequence(Path(tmp) / "prepared.npy"), ["invert"]) as sequence:
        ...     int(next(iter(sequence)).max())
        55
    """

    def __init__(self, source: Sequence, words: Iterable[str]) -> None:
        self.source, self._preparation = source, Preparation(source.info, words)
        super().__init__(self._preparation.info)

    def interrupt(self) -> None:
        """Wake a pass of the source."""
        self.source.interrupt()

    def close(self) -> None:
        """End every pass and close the source."""
        super().close()
        self.source.close()

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._changed(self.source.timed())

    def _from(self, start: int) -> Generator[TimedFrame, None, None]:
        return self._changed(self.source.timed(start))

    def _frames(self, wanted: list[int]) -> Generator[TimedFrame, None, None]:
        return self._changed(self.source.frames(wanted))

    def _changed(self, frames: Iterator[TimedFrame]) -> Generator[TimedFrame, None, None]:
        # What the source leaves out as it goes, this leaves out.
        self.damage = self.source.damage
        for frame in frames:
            try:
                pixels = self._preparation(frame.pixels)
            except SeqimgError as error:
                message = f"{error.message} (frame {frame.index} of {self.info.path})"
                raise type(error)(message, why=error.why, hint=error.hint) from error
            yield replace(frame, pixels=pixels)


def prepared(sequence: Sequence, words: Iterable[str]) -> Sequence:
    """Return a sequence with operations applied to its frames, or itself where there are none.

    Args:
        sequence: An open sequence.
        words: The operations, in their order; none leaves it as it is.

    Raises:
        UsageError: An operation is written wrong, or cannot work on such frames.
        UnavailableError: No plugin brings it.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> np.save(Path(tmp) / "stack.npy", np.full((3, 8, 8), 200, np.uint8))
        >>> with prepared(open_sequence(Path(tmp) / "stack.npy"), ["invert"]) as sequence:
        ...     int(next(iter(sequence)).max()), sequence.info.notes[-1]
        (55, 'after invert')
    """
    words = list(words)
    return PreparedSequence(sequence, words) if words else sequence


def unprepared(sequence: Sequence) -> Sequence:
    """Return the sequence that frames are read from.

    Args:
        sequence: An open sequence.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import open_sequence
        >>> np.save(Path(tmp) / "plain.npy", np.full((3, 8, 8), 200, np.uint8))
        >>> with open_sequence(Path(tmp) / "plain.npy") as source:
        ...     unprepared(prepared(source, ["invert"])) is source
        True
    """
    return sequence.source if isinstance(sequence, PreparedSequence) else sequence


def _made(text: str, info: SequenceInfo) -> FrameOp:
    name, arguments = split_word(text)
    known = plugin_host().frame_ops
    if name not in known:
        near = did_you_mean(name, known)
        raise UnavailableError(
            f"--pre: there is no operation {name!r} on single frames"
            + (f"; did you mean {near}?" if near else ""),
            why="it must keep the size of frames, and look at one at a time",
            hint="seqimg filter list",
        )
    try:
        op: FrameOp = known.load(name)(arguments, info)
    except UsageError as error:
        raise UsageError(f"--pre: {error.message}", why=error.why, hint=error.hint) from error
    return op
