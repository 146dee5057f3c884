"""Damaged video: refused, cut off, or skipped, and never substituted."""

import random
from pathlib import Path

import pytest

from seqimg.sequences import Damage, SequenceError, open_sequence, save_sequence
from tests.sequences.numbered import encode, number_of, numbered

COUNT = 100


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damage") / "a.mp4"
    save_sequence(numbered(COUNT), path, fps=10)  # a keyframe every 20 frames
    return path


def _damaged(clip: Path, target: Path, seed: int) -> Path:
    """Copy the clip with a stretch of random bytes in its pictures, not in its index."""
    random_ = random.Random(seed)
    data = bytearray(clip.read_bytes())
    pictures = data.index(b"mdat") + 1000  # behind the encoder's own comment
    at = random_.randrange(pictures, len(data) - 60)
    data[at : at + 60] = random_.randbytes(60)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("seed", range(8))
def test_policies(clip: Path, tmp_path: Path, seed: int) -> None:
    path = _damaged(clip, tmp_path / "hurt.mp4", seed)
    with (
        open_sequence(path, on_error="error") as sequence,
        pytest.raises(SequenceError, match="damaged at frame"),
    ):
        list(sequence)

    with open_sequence(path, on_error="truncate") as sequence:
        kept = [(frame.index, number_of(frame.pixels)) for frame in sequence.timed()]
        assert [index for index, _ in kept] == list(range(len(kept)))
        assert [damage.count for damage in sequence.damage] == [None]
        assert sequence.damage[0].index == len(kept) < COUNT

    with open_sequence(path, on_error="skip") as sequence:
        kept = [(frame.index, number_of(frame.pixels)) for frame in sequence.timed()]
        lost = {
            place
            for damage in sequence.damage
            for place in range(damage.index, damage.index + (damage.count or 0))
        }
    # Every frame is accounted for, and places stay right after the damage.
    assert sorted([index for index, _ in kept] + sorted(lost)) == list(range(COUNT))
    assert 0 < len(lost) <= 40
    # FFmpeg may decode one damaged picture without noticing; what is built on noticed damage is gone.
    assert sum(index != number for index, number in kept) <= 2


def test_skipped_frames_are_named_once_a_pass(clip: Path, tmp_path: Path) -> None:
    with open_sequence(_damaged(clip, tmp_path / "hurt.mp4", 0), on_error="skip") as sequence:
        first = (sum(1 for _ in sequence), list(sequence.damage))
        second = (sum(1 for _ in sequence), list(sequence.damage))
    assert first == second
    assert all(isinstance(damage, Damage) and damage.reason for damage in first[1])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.7])
def test_cut_short(tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"cut{suffix}"
    if suffix == ".avi":
        encode(path, "mpeg4", COUNT, options={"g": "10"})
    else:
        save_sequence(numbered(COUNT), path, fps=25)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(SequenceError) as caught, open_sequence(path) as sequence:
        list(sequence)
    assert str(path) in caught.value.message
    try:
        with open_sequence(path, on_error="truncate") as sequence:
            numbers = [number_of(frame) for frame in sequence]
    except SequenceError as error:
        assert "cut short" in str(error) or "first frame" in str(error) or "no frames" in str(error)  # noqa: PT017
    else:
        assert numbers == list(range(len(numbers)))
        assert 0 < len(numbers) < COUNT
        assert sequence.damage[-1].count is None


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif", ".npy"])
def test_no_bytes_crash_or_hang(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"whole{suffix}"
    save_sequence(numbered(12), path, fps=25)
    whole = path.read_bytes()
    random_ = random.Random(0)
    hurt = tmp_path / f"hurt{suffix}"
    for _ in range(40):
        data = bytearray(whole[: random_.choice([len(whole), random_.randrange(1, len(whole))])])
        for _ in range(random_.randrange(4)):
            data[random_.randrange(len(data))] = random_.randrange(256)
        hurt.write_bytes(data)
        try:
            with open_sequence(hurt, on_error=random_.choice(["error", "skip", "truncate"])) as sequence:
                assert all(frame.ndim == 3 for frame in sequence)
        except SequenceError as error:
            assert 1 <= len(str(error).splitlines()) <= 3  # noqa: PT017
