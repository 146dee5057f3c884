"""Windows, parts, orders: the same clips for a seed, nothing shared between parts."""

from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqimg.config import TaskConfig
from seqimg.data import (
    FrameStore,
    Item,
    Picks,
    SequenceBatches,
    Shuffled,
    WindowDataset,
    collate,
    window_datasets,
)
from seqimg.data.splits import part_span
from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import save_sequence


def _numbered(path: Path, frames: int, height: int = 12, width: int = 16, channels: int = 1) -> str:
    """A stack whose frame t is filled with t."""
    stack = np.broadcast_to(
        np.arange(frames, dtype=np.uint8)[:, None, None, None], (frames, height, width, channels)
    )
    np.save(path, stack)
    return str(path)


@given(
    frames=st.integers(0, 300),
    holdout=st.floats(0, 0.9),
    validation=st.floats(0, 0.9),
    length=st.integers(1, 20),
)
def test_parts_follow_each_other_and_cover_everything(
    frames: int, holdout: float, validation: float, length: int
) -> None:
    train, val, test = (
        part_span(frames, part, holdout=holdout, validation=validation, length=length)
        for part in ("train", "val", "test")
    )
    assert [*train, *val, *test] == list(range(frames))


def test_windows_hold_the_frames_they_say(tmp_path: Path) -> None:
    store = FrameStore.read(_numbered(tmp_path / "a.npy", 40), longer_side=0)
    data = WindowDataset([store], "test", length=5, step=2, holdout=0.5)
    assert [data[i].source.first for i in range(len(data))] == list(range(20, 36, 2))
    for clip in (data[i] for i in range(len(data))):
        expected = torch.arange(clip.source.first, clip.source.first + 5) / 255
        assert torch.allclose(clip.frames[:, 0, 0, 0], expected)


def test_parts_share_no_frame(tmp_path: Path) -> None:
    config = TaskConfig(data=(_numbered(tmp_path / "a.npy", 100),), size=0, crop=0)
    data = window_datasets(config, length=8, step=1)
    seen = [
        {clip.source.first + t for clip in (part[i] for i in range(len(part))) for t in range(8)}
        for part in (data.train, data.val, data.test)
    ]
    assert all(seen)
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_a_clip_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.integers(0, 256, (30, 20, 24, 3), dtype=np.uint8))
    config = TaskConfig(data=(str(tmp_path / "a.npy"),), size=0, crop=8)
    first, second = (window_datasets(config, length=4, step=1).train for _ in range(2))
    numbers = list(islice(Shuffled(len(first), seed=0), 2 * len(first)))
    forward = {number: first[number].frames for number in numbers}
    for number in reversed(numbers):
        assert torch.equal(second[number].frames, forward[number])
    later = [not torch.equal(forward[n], forward[n + len(first)]) for n in range(len(first))]
    assert sum(later) > len(later) / 2  # another epoch, another crop


def test_batches_never_mix_sequences(tmp_path: Path) -> None:
    paths = [_numbered(tmp_path / f"{h}.npy", 20, height=h) for h in (10, 14)]
    data = window_datasets(TaskConfig(data=tuple(paths), size=0, crop=0), length=4, step=1, part="all").test
    sizes = []
    for batch in SequenceBatches(data.owners, batch_size=5):
        frames = collate([data[item] for item in batch]).frames
        sizes.append(frames.shape[-2])
        assert len(batch) <= 5
    assert sizes == [10] * 4 + [14] * 4


def test_frames_are_shrunk_to_the_working_size_and_never_enlarged(tmp_path: Path) -> None:
    path = _numbered(tmp_path / "a.npy", 3, height=30, width=60)
    assert FrameStore.read(path, longer_side=20).pixels.shape == (3, 10, 20, 1)
    assert FrameStore.read(path, longer_side=600).pixels.shape == (3, 30, 60, 1)


def test_other_number_formats_are_scaled_by_their_declared_range(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((3, 6, 6, 1), 13107, np.uint16))
    store = FrameStore.read(str(tmp_path / "a.npy"), longer_side=0)
    assert store.frames(range(1), (slice(None), slice(None))).unique().item() == pytest.approx(0.2)


def test_closing_frees_the_frames_and_reading_them_then_is_an_error(tmp_path: Path) -> None:
    config = TaskConfig(data=(_numbered(tmp_path / "a.npy", 40),), size=0, crop=0)
    with window_datasets(config, length=4, step=1) as data:
        frames = data.train[0].frames
    assert frames.shape == (4, 1, 12, 16)
    with pytest.raises(SeqimgError, match="were closed"):
        data.train[0]


def test_a_temporary_folder_without_room_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _numbered(tmp_path / "a.npy", 40)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=100))
    with pytest.raises(SeqimgError, match="temporary space"):
        FrameStore.read(path, longer_side=0)


def test_generated_clips_are_endless_and_their_splits_differ() -> None:
    config = TaskConfig(data=("demo:pans", "demo:moving-digits"), crop=16)
    data = window_datasets(config, length=3, step=1)
    assert data.channels == 3
    assert data.train[5].frames.shape == (3, 3, 16, 16)
    assert not torch.equal(data.train[0].frames, data.train[len(data.train)].frames)
    assert not torch.equal(data.train[0].frames, data.test[0].frames)
    assert {data.test[i].source.path for i in (0, len(data.test) - 1)} == {"demo:pans", "demo:moving-digits"}


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    grey, colour = _numbered(tmp_path / "grey.npy", 20), _numbered(tmp_path / "colour.npy", 20, channels=3)
    with pytest.raises(UsageError, match="no data"):
        window_datasets(TaskConfig(), length=4, step=1)
    with pytest.raises(UsageError, match="generated"):
        window_datasets(TaskConfig(data=("demo:pans", grey)), length=4, step=1)
    with pytest.raises(SeqimgError, match="20 frames, a clip needs 21"):
        window_datasets(TaskConfig(data=(grey,)), length=21, step=1)
    with pytest.raises(SeqimgError, match="differ in channels: 3 and 1"):
        window_datasets(TaskConfig(data=(grey, colour)), length=4, step=1)
    with pytest.raises(SeqimgError, match="pans"):
        window_datasets(TaskConfig(data=("demo:panss",)), length=4, step=1)


@pytest.mark.parametrize("fps", [0.0, 10.0])
def test_no_window_reaches_across_frames_that_were_left_out(tmp_path: Path, fps: float) -> None:
    whole = FrameStore.read(_numbered(tmp_path / "a.npy", 40), longer_side=0)
    there = np.setdiff1d(np.arange(40), [7, 20, 21, 30])
    store = FrameStore.read(Item(whole.path, places=tuple(there.tolist())), longer_side=0)
    store.item = Item(whole.path)
    clips = WindowDataset([store], "all", Picks(4, step=2, stride=1 if fps else 2, fps=fps))
    found = [clips[i].frames[:, 0, 0, 0].mul(255).round().int().tolist() for i in range(len(clips))]
    assert found
    for frames in found:
        steps = set(np.diff(frames).tolist())
        assert steps == {2} if not fps else steps <= {2, 3}
        assert set(range(frames[0], frames[-1])) <= set(there.tolist())
    views = WindowDataset([store], "all", Picks(9, views=8, jitter=True))
    for number in range(80):
        frames = views[number].frames[:, 0, 0, 0].mul(255).round().int().tolist()
        assert np.diff(frames).tolist() == [1] * 8
    assert {views[number].source.first for number in range(80)} == {*range(8, 12), 31}


def test_a_sequence_in_pieces_too_short_for_a_clip_is_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    save_sequence(np.zeros((20, 8, 8, 3), np.uint8), path, fps=10)
    for number, file in enumerate(sorted(path.glob("*.png"))):
        if number in (5, 12):
            file.unlink()
    config = TaskConfig(data=(str(path),), size=0, crop=0, gaps="skip", holdout=0.0, validation=0.0)
    with pytest.raises(SeqimgError, match="has 7 frames in a row, a clip needs 8"):
        window_datasets(config, length=8, step=1)
    with window_datasets(config.model_copy(update={"short": "pad"}), length=8, step=1) as data:
        assert (len(data.train), data.train[0].length, data.train[0].source.first) == (1, 7, 13)


def test_a_small_sequence_among_large_ones_is_named_as_what_makes_crops_small(tmp_path: Path) -> None:
    large, small = _numbered(tmp_path / "a.npy", 20, 24, 32), _numbered(tmp_path / "b.npy", 20, 9, 32)
    for crop, said in (
        (16, f"Crops are at most 9 pixels high or wide: {small} has no more."),
        (0, None),
        (8, None),
    ):
        with window_datasets(TaskConfig(data=(large, small), crop=crop), length=4, step=1) as data:
            assert [line for line in data.readings if line.startswith("Crops")] == [said] * (said is not None)
