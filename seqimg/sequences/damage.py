"""What was left out of a sequence, and why."""

from collections.abc import Sequence as Several
from dataclasses import dataclass

__all__ = ["Damage", "losses_sentence"]

_LISTED = 4  # losses named one by one


@dataclass(frozen=True, slots=True)
class Damage:
    """Frames that were left out of a pass.

    Attributes:
        index: Place of the first in the source.
        count: How many in a row; None for all that follow, their number unknown.
        reason: Why, in a few words.
    """

    index: int
    count: int | None
    reason: str


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
