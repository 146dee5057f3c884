"""Reading whatever there is to the end, and checking what every reading must keep to."""

import time
from dataclasses import dataclass
from pathlib import Path

from seqimg.errors import SeqimgError
from seqimg.sequences import Damage, open_sequence
from seqimg.sequences.base import OnError

SECONDS = 5.0
_MOST_FRAMES = 3000


@dataclass(frozen=True)
class Reading:
    """What came of a source.

    Attributes:
        places: Places of the frames that came out.
        damage: What was left out.
        error: What was refused.
        stated: The number of frames that the reader claims.
    """

    places: tuple[int, ...] = ()
    damage: tuple[Damage, ...] = ()
    error: SeqimgError | None = None
    stated: int | None = None


def read(path: Path, on_error: OnError) -> Reading:
    """Read a source through a process of its own, forward and at some places.

    Raises:
        AssertionError: A frame is not accounted for, an error is unfit for a user, or all took too long.
    """
    started = time.monotonic()
    places: list[int] = []
    try:
        with open_sequence(path, on_error=on_error, isolate=True) as sequence:
            info = sequence.info
            kind = (info.height, info.width, info.channels)
            for frame in sequence.timed():
                assert frame.pixels.shape == kind
                places.append(frame.index)
                if len(places) >= _MOST_FRAMES:
                    break
            found = Reading(tuple(places), tuple(sequence.damage), None, info.frame_count)
            for place in {0, places[len(places) // 2] if places else 0, places[-1] if places else 0}:
                for frame in sequence.frames([place]):
                    assert frame.index == place
    except SeqimgError as error:
        found = Reading(tuple(places), (), error)
    assert found.error is None or 1 <= len(str(found.error).splitlines()) <= 3
    assert time.monotonic() - started < 2 * SECONDS
    check_account(found)
    return found


def check_account(found: Reading) -> None:
    """Check that each place up to the last known is that of a frame or of a loss, never both."""
    lost: list[int] = []
    for damage in found.damage:
        assert damage.reason
        lost.extend(range(damage.index, damage.index + (damage.count or 0)))
    if found.error is None:
        assert sorted([*found.places, *lost]) == list(range(len(found.places) + len(lost)))
    else:
        assert list(found.places) == sorted(set(found.places))
    # After all that follows is given up, nothing comes.
    assert all(damage.count is not None for damage in found.damage[:-1])
