"""Decoders whose threads wait for each other, and what files say of themselves, in other processes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqimg.sequences import SequenceError, index_video, open_sequence
from seqimg.sequences.isolated import looking, standstill
from seqimg.sequences.isolated.decoder import _alive, end_decoders
from seqimg.sequences.isolated.looking import index_of, sound_of
from seqimg.sequences.isolated.message_info import NonsenseError
from seqimg.sequences.video.audio import audio_tracks
from tests.sequences import isolated
from tests.sequences.bad_format import COUNT
from tests.sequences.isolated import bad
from tests.sequences.numbered import encode, write_tone

# Well before a decoder that says nothing is given up, on a busy machine too.
EARLY = 25.0  # seconds


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from isolated.installed(tmp_path, monkeypatch)


@pytest.mark.parametrize("action", ["still 5", "still 0", "still -1"])
def test_a_standstill_costs_seconds_and_no_frame(tmp_path: Path, action: str) -> None:
    began = time.monotonic()
    with open_sequence(bad(tmp_path, action), isolate=True) as sequence:
        assert [frame.index for frame in sequence.timed()] == list(range(COUNT))
        assert time.monotonic() - began < EARLY
        assert sequence.damage == []
        noticed = time.monotonic()
        assert [frame.index for frame in sequence.frames([7, 2, 9])] == [7, 2, 9]  # it is known by now
        assert time.monotonic() - noticed < standstill._TICK * standstill._TICKS


def test_it_is_noticed_within_five_seconds() -> None:
    assert standstill._TICK * standstill._TICKS < 5


def test_a_standstill_among_chosen_frames(tmp_path: Path) -> None:
    with open_sequence(bad(tmp_path, "still 6"), isolate=True) as sequence:
        assert [frame.index for frame in sequence.frames([1, 5, 8, 11])] == [1, 5, 8, 11]


def test_what_no_care_helps_against_is_named(tmp_path: Path) -> None:
    began = time.monotonic()
    with open_sequence(bad(tmp_path, "stuck 5"), isolate=True, on_error="skip") as sequence:
        assert [frame.index for frame in sequence.timed()] == list(range(5))
        assert [(lost.index, lost.count) for lost in sequence.damage] == [(5, None)]
        assert "stands still" in sequence.damage[0].reason
    assert time.monotonic() - began < EARLY
    assert not _alive


@pytest.mark.slow
def test_slow_decoders_are_let_work(tmp_path: Path) -> None:
    with open_sequence(bad(tmp_path, "slow 3"), isolate=True) as sequence:
        assert len(list(sequence)) == COUNT


def test_an_index_from_another_process_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")  # nothing is kept
    end_decoders()
    encode(tmp_path / "ä b.mp4", "libx264", 40, options={"g": "10", "bf": "2"})
    encode(tmp_path / "a.avi", "mpeg4", 20)
    for name in ("ä b.mp4", "a.avi"):
        here, there = index_video(tmp_path / name), index_of(tmp_path / name)
        assert (there.doubt, there.time_base, there.frame_count) == (
            here.doubt,
            here.time_base,
            here.frame_count,
        )
        np.testing.assert_array_equal(there.pts, here.pts)
        np.testing.assert_array_equal(there.keyframes, here.keyframes)
    assert len(_alive) == 1
    write_tone(tmp_path / "tone.mp4")
    assert sound_of(tmp_path / "tone.mp4") == audio_tracks(tmp_path / "tone.mp4") != ()
    (tmp_path / "no.mp4").write_bytes(b"no video at all" * 9)
    with pytest.raises(SequenceError, match="cannot read"):
        index_of(tmp_path / "no.mp4")
    assert len(_alive) == 1  # that was an answer like any other


NONSENSE: list[dict[str, Any]] = [
    {},
    {"frames": 10**9, "keys": 0, "unit": [1, 25], "doubt": None},
    {"frames": -1, "keys": 0, "unit": [1, 25], "doubt": None},
    {"frames": 0, "keys": 0, "unit": [1, 0], "doubt": None},
    {"frames": 0, "keys": 0, "unit": "1/25", "doubt": None},
    {"frames": 2, "keys": 0, "unit": [1, 25], "doubt": 3},
    {"tracks": [{"codec": 3}]},
    {"tracks": 5},
]


@pytest.mark.parametrize("said", NONSENSE, ids=str)
def test_nonsense_about_files_is_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    with open_sequence(bad(tmp_path, "fine"), isolate=True):
        [decoder] = _alive
        with pytest.raises(NonsenseError):
            (looking._sound_from if "tracks" in said else looking._index_from)(tmp_path, said, decoder)
