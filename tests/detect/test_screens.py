"""Generated tracks in which things are hidden as long as they should be."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seqimg.data.generators import tracks
from seqimg.errors import UsageError

LENGTH = 24
MADE = {
    "length": LENGTH,
    "size": (64, 64),
    "seed": 0,
    "split": "train",
    "clutter": 0,
    "bars": 0,
    "noise": 0.0,
}


def _hidden(visibility: NDArray[np.float32]) -> list[int]:
    """Lengths of the stretches in which nothing can be seen."""
    gone = np.concatenate([[False], visibility == 0, [False]])
    changes = np.flatnonzero(gone[1:] != gone[:-1])
    return (changes[1::2] - changes[::2]).tolist()


def test_a_screen_hides_one_thing_for_three_to_six_frames() -> None:
    found = []
    for index in range(30):
        made = tracks(index, objects=1, screens=1, pace=2.0, **MADE).tracks  # type: ignore[arg-type]
        assert made is not None
        inside = made.visibility[(made.box[:, :2] > 0).all(1) & (made.box[:, 2:] < 64).all(1)]
        found += _hidden(inside)
    assert len(found) >= 10
    assert min(found) >= 3
    assert np.mean(np.array(found) <= 6) > 0.8  # slow ones a little longer


def test_without_screens_nothing_has_changed_and_screens_change_pixels_alone() -> None:
    plain = tracks(3, objects=2, **MADE)  # type: ignore[arg-type]
    again = tracks(3, objects=2, screens=0, pace=1.0, scale=1.0, **MADE)  # type: ignore[arg-type]
    behind = tracks(3, objects=2, screens=2, **MADE)  # type: ignore[arg-type]
    assert np.array_equal(plain.frames, again.frames)
    assert not np.array_equal(plain.frames, behind.frames)
    assert plain.tracks is not None
    assert behind.tracks is not None
    assert np.array_equal(plain.tracks.box, behind.tracks.box)
    assert bool((behind.tracks.visibility <= plain.tracks.visibility).all())


def test_things_are_as_fast_and_as_large_as_asked_for() -> None:
    sides, ways = [], []
    for pace, scale in ((1.0, 1.0), (2.0, 1.5)):
        sizes, moves = [], []
        for index in range(20):
            made = tracks(index, objects=1, pace=pace, scale=scale, **MADE).tracks  # type: ignore[arg-type]
            assert made is not None
            whole = made.visibility == 1
            boxes = made.box[whole]
            if len(boxes) < 2:
                continue
            sizes.append((boxes[:, 2:] - boxes[:, :2]).mean())
            middles = (boxes[:, :2] + boxes[:, 2:]) / 2
            moves.append(np.hypot(*np.diff(middles, axis=0).T)[np.diff(made.frame[whole]) == 1].mean())
        sides.append(np.mean(sizes))
        ways.append(np.nanmean(moves))
    assert sides[1] / sides[0] == pytest.approx(1.5, rel=0.25)
    assert ways[1] / ways[0] == pytest.approx(2.0, rel=0.35)


@pytest.mark.parametrize(
    "options", [{"screens": 65}, {"screens": -1}, {"pace": 0.0}, {"scale": 4.0}, {"pace": 11.0}]
)
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        tracks(0, objects=1, **options, **MADE)  # type: ignore[arg-type]


def test_short_and_empty_sequences_have_screens_too() -> None:
    for length, objects in ((1, 1), (2, 0), (4, 3)):
        made = tracks(0, objects=objects, screens=3, **(MADE | {"length": length}))  # type: ignore[arg-type]
        assert made.frames.shape == (length, 64, 64, 3)
