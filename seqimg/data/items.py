"""What a data set is made of: sequences, and what is known of each beside its frames."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from seqimg.config import ReadingConfig, TaskConfig
from seqimg.data.boxes import Boxes
from seqimg.data.generators.generator import Split
from seqimg.errors import UsageError
from seqimg.sequences import open_configured
from seqimg.sequences.base import Sequence, SequenceError, TimedFrame
from seqimg.sequences.prepared import prepared

__all__ = ["Item", "Opener"]

Opener = Callable[[ReadingConfig], Sequence]
"""What opens a sequence that is no file of its own, such as one of many in an array."""


@dataclass(frozen=True)
class Item:
    """One sequence of a data set.

    Attributes:
        path: Where it is, or for one of several in a file what to call it.
        name: What tells it apart within its data set, wherever that lies; splits go by it.
        label: Its class, counted from 0, or all its classes where it may have several.
        split: The part of the data set its makers put it in.
        boxes: Boxes in its frames, numbered by the frames' places in the source.
        places: The frames that belong to it, by their places in the source; None for all.
        seconds: The time that belongs to it, from and to; None for all.
        size: Height and width it must have; None for any.
        opener: What opens it; None to open `path`.
        cheap: Whether reading frames in any order costs no more than reading them in turn.

    Example:
        >>> import numpy as np
        >>> np.save(Path(tmp) / "stack.npy", np.zeros((9, 48, 64), np.uint8))
        >>> item = Item(str(Path(tmp) / "stack.npy"), places=range(2, 5))
        >>> with item.open(ReadingConfig()) as sequence:
        ...     tuple(frame.index for frame in item.timed(sequence))
        (2, 3, 4)
    """

    path: str
    name: str = ""
    label: int | tuple[int, ...] | None = None
    split: Split | None = None
    boxes: Boxes | None = None
    places: range | tuple[int, ...] | None = None
    seconds: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    opener: Opener | None = field(default=None, repr=False, compare=False)
    cheap: bool = False

    def open(self, reading: ReadingConfig) -> Sequence:
        """Open the sequence, its frames prepared if the configuration of a task asks for that.

        Args:
            reading: How to read it.

        Raises:
            UsageError: It is live.
            SequenceError: It cannot be read, or its frames are of another size than the data set says.
        """
        sequence = self.opener(reading) if self.opener else open_configured(self.path, reading)
        if sequence.info.live:
            sequence.close()
            raise UsageError(
                f"{self.path} is live",
                why="a data set needs an end, and frames that can be read again",
                hint=f"seqimg data convert {self.path} recorded.mp4",
            )
        found = (sequence.info.height, sequence.info.width)
        stated = self.size or found
        if stated != found:
            sequence.close()
            raise SequenceError(
                f"{self.path} is not what its data set says",
                why=f"its frames are {found[1]}×{found[0]}, stated are {stated[1]}×{stated[0]}: boxes would not fit",
            )
        return self._prepared(sequence, reading)

    def _prepared(self, sequence: Sequence, reading: ReadingConfig) -> Sequence:
        try:
            return prepared(sequence, reading.pre if isinstance(reading, TaskConfig) else ())
        except BaseException:
            sequence.close()
            raise

    def timed(self, sequence: Sequence) -> Iterator[TimedFrame]:
        """Begin a pass over the frames of `sequence` that belong to the item."""
        if self.places is not None:
            yield from sequence.frames(self.places)
            return
        first, last = self.seconds or (float("-inf"), float("inf"))
        for frame in sequence.timed():
            if frame.time >= last:
                return
            if frame.time >= first:
                yield frame
