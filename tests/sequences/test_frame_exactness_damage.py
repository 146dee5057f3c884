"""Damage in the midst: what is left stands in its place, by jumping too, and the rest is accounted for."""

import random
from pathlib import Path

import av
import numpy as np
import pytest

from seqimg.sequences import Damage, SequenceError, open_sequence
from tests.sequences.numbered import encode, number_of

COUNT = 96
MAKES = {
    "a.mp4": ("libx264", {"g": "12", "bf": "2"}),
    "a.mkv": ("libx264", {"g": "12", "bf": "2"}),
    "hevc.mp4": ("libx265", {"x265-params": "log-level=none:keyint=12:min-keyint=12:bframes=2:pools=none"}),
    "a.webm": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "vp8.webm": ("libvpx", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "a.mov": ("mjpeg", {}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for name, (codec, options) in MAKES.items():
        if codec in av.codecs_available:
            pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            encode(folder / name, codec, COUNT, options=options, pixel_format=pixel_format)
    return folder


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("seed", range(4))
def test_skip(folder: Path, tmp_path: Path, name: str, seed: int) -> None:
    path = _hurt(folder / name, tmp_path, seed)
    with open_sequence(path, on_error="skip") as sequence:
        truth = {frame.index: frame for frame in sequence.timed()}
        lost = _lost(sequence.damage)
        # In is out and skipped.
        assert sorted([*truth, *lost]) == list(range(COUNT))
        with open_sequence(folder / name) as whole:
            wrong = [
                frame.index
                for frame in whole.timed()
                if frame.index in truth and not np.array_equal(frame.pixels, truth[frame.index].pixels)
            ]
        # H.264 and JPEG notice; others may decode nonsense, and what is built on it, up to the next keyframe.
        assert len(wrong) <= (0 if name in ("a.mp4", "a.mkv", "a.mov") else 12)
        for wanted in ([0, 50, 95], [95, 50, 48, 47, 0], list(range(36, 72)), [60, 61]):
            picked = list(sequence.frames(wanted))
            assert [frame.index for frame in picked] == [
                place for place in wanted if place in {frame.index for frame in picked}
            ]
            assert {place for place in wanted if place in truth} <= {frame.index for frame in picked}
            for frame in picked:
                # FFmpeg's VP8 notices nothing, and what it makes of nonsense depends on its threads.
                if frame.index in truth and not (name == "vp8.webm" and 48 <= frame.index < 60):
                    assert np.array_equal(frame.pixels, truth[frame.index].pixels)
                    assert frame.time == truth[frame.index].time
            missing = set(wanted) - {frame.index for frame in picked}
            assert missing <= set(_lost(sequence.damage)), "what is not there is accounted for"
            assert len(set(sequence.damage)) == len(sequence.damage), "and only once"


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("seed", range(2))
def test_truncate_and_error(folder: Path, tmp_path: Path, name: str, seed: int) -> None:
    path = _hurt(folder / name, tmp_path, seed)
    with open_sequence(path, on_error="truncate") as sequence:
        truth = list(sequence.timed())
        assert [frame.index for frame in truth] == list(range(len(truth)))
        if not sequence.damage:
            pytest.skip("the decoder noticed nothing")
        assert [(damage.index, damage.count) for damage in sequence.damage] == [(len(truth), None)]
        wanted = [len(truth) - 1, 3, len(truth) // 2, 95]
        assert [frame.index for frame in sequence.frames(wanted)] == wanted[:3]
        assert [damage.index for damage in sequence.damage] == [len(truth)]
    with open_sequence(path) as sequence:
        with pytest.raises(SequenceError, match="damaged at frame"):
            list(sequence.timed())
        # A jump reads no further than it must, and may find whole what a pass has to doubt.
        with pytest.raises(SequenceError, match="damaged at frame"):
            list(sequence.frames([0, len(truth), 59]))
        assert [frame.index for frame in sequence.frames([3, 0])] == [3, 0]


def test_whole_groups_behind_damage_are_reached(folder: Path, tmp_path: Path) -> None:
    """Where every frame is asked for on its own, damage costs only what is damaged."""
    path = _hurt(folder / "a.mp4", tmp_path, 0)
    with open_sequence(path) as sequence:
        assert [number_of(frame.pixels) for frame in sequence.frames([84, 95])] == [84, 95]
        with pytest.raises(SequenceError, match="damaged at frame"):
            list(sequence.frames([59, 95]))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
@pytest.mark.parametrize("part", [0.4, 0.8])
def test_cut_short(folder: Path, tmp_path: Path, name: str, part: float) -> None:
    whole = folder / name
    path = tmp_path / name
    if name == "a.mp4":  # the index of the whole must come first to be there at all
        with (
            av.open(str(whole)) as source,
            av.open(str(path), "w", container_options={"movflags": "faststart"}) as target,
        ):
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        whole = path
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    for policy in ("skip", "truncate"):
        with open_sequence(path, on_error=policy) as sequence:
            truth = {frame.index: frame.pixels for frame in sequence.timed()}
            assert [number_of(pixels) for pixels in truth.values()] == list(truth)
            assert sequence.damage[-1].count is None
            picked = list(sequence.frames([0, 30, 95]))
            assert [frame.index for frame in picked] == [place for place in (0, 30, 95) if place in truth]
            assert all(np.array_equal(frame.pixels, truth[frame.index]) for frame in picked)


def _hurt(whole: Path, folder: Path, seed: int) -> Path:
    """Copy a file with random bytes within the pictures of one group in the midst."""
    if not whole.exists():
        pytest.skip("this FFmpeg has no such encoder")
    draw = random.Random(seed)
    with av.open(str(whole)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = bytearray(whole.read_bytes())
    for number in draw.sample(range(49, 57), 2):
        packet = packets[number]
        at = data.index(packet)
        start = at + min(12, len(packet) // 2)
        for place in range(start, at + len(packet)):
            data[place] = draw.randrange(256)
    path = folder / f"hurt-{whole.name}"
    path.write_bytes(data)
    return path


def _lost(damage: list[Damage]) -> list[int]:
    return [
        place
        for one in damage
        for place in range(one.index, COUNT if one.count is None else one.index + one.count)
    ]
