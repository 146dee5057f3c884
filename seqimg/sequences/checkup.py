"""Reading a sequence from end to end, to see whether it is whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError, UsageError
from seqimg.masking import masked
from seqimg.sequences.base import Damage, Sequence, SequenceError, TimedFrame
from seqimg.sequences.survey import open_leniently, understood

__all__ = ["MISSING", "Checkup", "check_sequence"]

MISSING = "missing"
"""Why a frame is lost whose number a folder does not have."""


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """What was found.

    Attributes:
        path: The sequence.
        state: `"whole"`; `"damaged"`, some frames were lost; or `"unreadable"`, all were.
        frames: Frames that came out.
        lost: Frames that did not, as far as they could be counted.
        uncounted: Whether more are lost at the end, nobody knows how many.
        damage: What was lost where, and why.
        reason: Why it is unreadable, or what was noticed on opening it.
        stated: How many frames it claims to have, if that is not what it has.
    """

    path: str
    state: Literal["whole", "damaged", "unreadable"]
    frames: int = 0
    lost: int = 0
    uncounted: bool = False
    damage: tuple[Damage, ...] = ()
    reason: str | None = None
    stated: int | None = None


def check_sequence(
    path: str, reading: ReadingConfig, *, strict: bool = True, advance: Callable[[], None] = lambda: None
) -> Checkup:
    """Decode a whole sequence, past whatever is damaged.

    Every frame is accounted for: those that went in are those that came out and those that were lost.
    Missing numbers in a folder count as lost, unless the configuration says what to do about them.

    Args:
        path: A path or an address.
        reading: How to read; damage is skipped if `on_error` says so.
        strict: Whether options that mean nothing for this sequence are refused rather than left out.
        advance: Called after each frame.

    Raises:
        UsageError: With `strict`, an option is wrong for this sequence.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import save_sequence
        >>> path = save_sequence(np.zeros((9, 8, 8, 3), np.uint8), Path(tmp) / "holes").path
        >>> (path / "frame_000003.png").unlink()
        >>> _ = (path / "frame_000005.png").write_bytes(b"no picture")
        >>> found = check_sequence(str(path), ReadingConfig(on_error="skip"))
        >>> found.state, found.frames, found.lost, [lost.index for lost in found.damage]
        ('damaged', 7, 2, [2, 4])
    """
    try:
        sequence, noticed = open_leniently(path, reading if strict else understood(path, reading))
    except SeqimgError as error:
        if strict and isinstance(error, UsageError):
            raise
        return Checkup(path=masked(path), state="unreadable", reason=_one_line(error, path))
    with sequence:
        # Gaps that were asked to be skipped are what the user knows of.
        gaps_count = reading.gaps == "error"
        return _read(masked(path), sequence, "; ".join(noticed) or None, gaps_count, advance)


def _read(
    path: str, sequence: Sequence, noticed: str | None, gaps_count: bool, advance: Callable[[], None]
) -> Checkup:
    frames, expected, seen = 0, 0, 0
    clock = _Clock(sequence)
    damage: list[Damage] = []
    failure: str | None = None
    try:
        for frame in sequence.timed():
            damage += sequence.damage[seen:]
            seen = len(sequence.damage)
            told = _end(damage, expected)
            if gaps_count and frame.index > told:
                damage.append(Damage(told, frame.index - told, MISSING))
            clock.note(frame, damaged=len(sequence.damage) > 0)
            frames, expected = frames + 1, frame.index + 1
            advance()
    except SequenceError as error:
        failure = _one_line(error, path)
    damage += sequence.damage[seen:]
    if failure is not None:
        damage.append(Damage(expected, None, failure))
    if frames == 0:
        return Checkup(path=path, state="unreadable", damage=tuple(damage), reason=failure or noticed)
    noticed = "; ".join(filter(None, (noticed, clock.jump))) or None
    lost = sum(item.count or 0 for item in damage)
    stated = sequence.info.frame_count
    uncounted = any(item.count is None for item in damage)
    if uncounted and stated is not None and stated > frames + lost:
        lost, uncounted = stated - frames, False
    return Checkup(
        path=path,
        state="damaged" if damage or noticed else "whole",
        frames=frames,
        lost=lost,
        uncounted=uncounted,
        damage=tuple(damage),
        reason=noticed,
        stated=stated
        if sequence.info.format == "video" and stated != frames + lost and not uncounted
        else None,
    )


class _Clock:
    """Watches the times of frames around damage: where a file states no count, only they show what is gone.

    Attributes:
        jump: The first jump there that is longer than the frames it should hold.
    """

    def __init__(self, sequence: Sequence) -> None:
        fps = sequence.info.fps
        self._step = None if fps is None or sequence.info.format != "video" else float(1 / fps)
        self._before: TimedFrame | None = None
        self._even = True
        self.jump: str | None = None

    def note(self, frame: TimedFrame, *, damaged: bool) -> None:
        """Take in the next frame, and whether anything was damaged so far."""
        before, self._before = self._before, frame
        if before is None or self._step is None:
            return
        gap = (frame.time - before.time) / self._step - (frame.index - before.index)
        if gap > 0.5 and not damaged:
            self._even = False  # the rate varies: times prove nothing
        elif gap > 0.9 and self._even and self.jump is None:
            self.jump = f"by their times {round(gap)} more are missing before frame {frame.index}"


def _end(damage: list[Damage], expected: int) -> int:
    """Return the place after what is accounted for already."""
    return max([expected, *(item.index + (item.count or 0) for item in damage[-1:])])


def _one_line(error: SeqimgError, path: str) -> str:
    """Say an error in a line that stands beside the path."""
    if error.why and error.message in (f"cannot read {path}", f"cannot open {path}"):
        return error.why
    return ": ".join(part for part in (error.message, error.why) if part)
