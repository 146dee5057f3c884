"""What was left out of a sequence, and why."""

from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Self

__all__ = ["Damage", "Lost", "losses_sentence"]

_LISTED = 4  # losses named one by one


@dataclass(frozen=True, slots=True)
class Damage:
    """Frames that were left out of a pass.

    Attributes:
        index: Place of the first in the source.
        count: How many in a row; None for all that follow, their number unknown.
        reason: Why, in a few words.

    Example:
        >>> Damage(index=13, count=2, reason="numbers 13 and 14 are missing").count
        2
    """

    index: int
    count: int | None
    reason: str


@dataclass(frozen=True)
class Lost:
    """How many frames of a sequence were left out.

    Attributes:
        damaged: Those known to be damaged.
        missing: Those that were not there, such as numbers left out in a folder.
        broken_off: Whether an unknown number at the end is left out too.
    """

    damaged: int = 0
    missing: int = 0
    broken_off: bool = False

    @classmethod
    def among(cls, damage: Several[Damage], last: int = -1, frames: int = 0) -> Self:
        """Sum up what was left out of a pass.

        Args:
            damage: What the pass told.
            last: Place of its last frame, if it was one over the whole sequence.
            frames: How many it gave up to there.

        Example:
            >>> Lost.among([Damage(17, 2, "bad data"), Damage(40, None, "the file ends")], last=39, frames=35)
            Lost(damaged=2, missing=3, broken_off=True)
        """
        before = sum(lost.count or 0 for lost in damage if lost.index < last)
        return cls(
            damaged=sum(lost.count or 0 for lost in damage),
            missing=max(0, last + 1 - frames - before),
            broken_off=any(lost.count is None for lost in damage),
        )

    def __bool__(self) -> bool:
        return self != Lost()


def losses_sentence(path: str, damage: Several[Damage]) -> str | None:
    """Say in one line what was left out, if anything.

    Example:
        >>> losses_sentence("a.mp4", [Damage(17, 2, "bad data"), Damage(40, None, "the file ends")])
        'Left out of a.mp4: 2 from frame 17 (bad data), all from frame 40 (the file ends).'
    """
    if not damage:
        return None
    listed = [
        f"{'all' if lost.count is None else lost.count} from frame {lost.index} ({lost.reason})"
        for lost in damage[:_LISTED]
    ]
    more = f", and {len(damage) - _LISTED} more" if len(damage) > _LISTED else ""
    return f"Left out of {path}: {', '.join(listed)}{more}."
