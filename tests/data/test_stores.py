"""Where frames are kept: decoded to disk or read when needed, the same clips in any process, memory that stays flat."""

import hashlib
import json
import pickle  # noqa: TID251  # what a data loader does to hand a data set to a process it starts
import subprocess
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from seqimg.config import ReadingConfig, TaskConfig
from seqimg.data import FrameStore, Item, LazyFrames, Picks, Shuffled, WindowDataset, collate, window_datasets
from seqimg.data.lazy import OpenSequences
from seqimg.data.pool import FramePool
from seqimg.errors import SeqimgError
from seqimg.sequences import save_sequence

WHOLE = (slice(None), slice(None))


def _noise(frames: int, seed: int = 0, size: tuple[int, int] = (20, 24), channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, *size, channels), dtype=np.uint8)


def _set(folder: Path) -> Path:
    """Three videos and two folders of different lengths, in two classes."""
    for number in range(5):
        path = folder / ("run" if number % 2 else "walk") / (f"{number}.mp4" if number < 3 else f"{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        save_sequence(_noise(12 + number, number), path, fps=10 + number)
    return folder


@pytest.mark.parametrize("side", [0, 10])
def test_lazy_frames_are_those_of_the_store(tmp_path: Path, side: int) -> None:
    root = _set(tmp_path / "set")
    for item in (Item(str(root / "walk" / "0.mp4")), Item(str(root / "run" / "3"))):
        store, lazy = FrameStore.read(item, side), LazyFrames(item, side)
        assert (len(lazy), lazy.height, lazy.width) == (len(store), store.height, store.width)
        assert np.allclose(lazy.times, store.times)
        assert np.array_equal(lazy.indices, store.indices)
        box = (slice(2, 7), slice(1, 9))
        for places in (range(3, 8), np.array([1, 1, 5, 2])):
            assert torch.allclose(lazy.frames(places, box), store.frames(places, box), atol=1e-6)


def test_lazy_frames_leave_damage_out_as_the_store_does(tmp_path: Path) -> None:
    save_sequence(_noise(9), tmp_path / "clip", fps=10)
    (sorted((tmp_path / "clip").iterdir())[4]).write_bytes(b"nothing")
    reading = ReadingConfig(on_error="skip")
    store, lazy = (kind(Item(str(tmp_path / "clip")), 0, reading) for kind in (FrameStore.read, LazyFrames))
    assert len(lazy) == len(store) == 8
    assert lazy.indices.tolist() == store.indices.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert torch.equal(lazy.frames(range(8), WHOLE), store.frames(range(8), WHOLE))
    data = WindowDataset([store], "all", length=4)
    assert [data[i].source.first for i in range(len(data))] == [0, 5]  # none reaches across the loss


def test_few_sequences_are_open_at_once(tmp_path: Path) -> None:
    paths = []
    for number in range(6):
        np.save(tmp_path / f"{number}.npy", _noise(5, number))
        paths.append(str(tmp_path / f"{number}.npy"))
    opened = OpenSequences(limit=2)
    sources = [LazyFrames(Item(path), 0, None, opened) for path in paths]
    for _ in range(2):
        for number, source in enumerate(sources):
            truth = torch.from_numpy(_noise(5, number)[1:3]).permute(0, 3, 1, 2) / 255
            assert torch.allclose(source.frames(range(1, 3), WHOLE), truth)
            assert len(opened._open) <= 2


def test_a_pool_takes_one_file_whatever_the_number_of_sequences(tmp_path: Path) -> None:
    for number in range(60):
        np.save(tmp_path / f"{number}.npy", _noise(3 + number % 4, number, (9, 7), 1))
    before = len(list(Path("/proc/self/fd").iterdir()))
    pool = FramePool()
    stores = [FrameStore.read(str(tmp_path / f"{number}.npy"), 0, pool=pool) for number in range(60)]
    for number, store in enumerate(stores):
        assert np.array_equal(store.pixels, _noise(3 + number % 4, number, (9, 7), 1))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3


def test_an_error_leaves_the_pool_as_it_was(tmp_path: Path) -> None:
    pool = FramePool()
    np.save(tmp_path / "a.npy", _noise(5, 1))
    first = FrameStore.read(str(tmp_path / "a.npy"), 0, pool=pool)
    with suppress(ZeroDivisionError), pool.stretch(np.dtype(np.uint8), (4,)) as stretch:
        stretch.append(np.ones(4, np.uint8))
        raise ZeroDivisionError
    second = FrameStore.read(str(tmp_path / "a.npy"), 0, pool=pool)
    assert np.array_equal(first.pixels, second.pixels)


def test_much_is_read_when_needed_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", _noise(40))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=50_000))
    config = TaskConfig(data=(str(tmp_path / "a.npy"),), size=0, crop=0)
    with window_datasets(config, length=4, step=1, part="all") as data:
        assert isinstance(data.test.stores[0], LazyFrames)
        assert any("when they are needed" in line and "--cache disk" in line for line in data.readings)
        truth = torch.from_numpy(_noise(40)[7:11]).permute(0, 3, 1, 2) / 255
        assert torch.allclose(data.test[7].frames, truth)
    with pytest.raises(SeqimgError, match="were closed"):
        data.test[7]
    with pytest.raises(SeqimgError, match=r"temporary space(.|\n)*--cache none"):
        window_datasets(config.model_copy(update={"cache": "disk"}), length=4, step=1)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint16"])
def test_missing_values_become_a_mask(tmp_path: Path, dtype: str) -> None:
    values = np.random.default_rng(0).uniform(0, 1, (6, 8, 10, 2)).astype(dtype)
    if dtype == "uint16":
        values = np.random.default_rng(0).integers(0, 60_000, (6, 8, 10, 2), dtype=np.uint16)
    gaps = np.random.default_rng(1).random(values.shape) < 0.3
    values[gaps] = 65535 if dtype == "uint16" else np.nan
    np.save(tmp_path / "a.npy", values)
    reading = ReadingConfig(axes="THWC", fill_value=65535 if dtype == "uint16" else None)
    for kind in (FrameStore.read, LazyFrames):
        clip = WindowDataset([kind(Item(str(tmp_path / "a.npy")), 0, reading)], "all", length=6)[0]
        assert torch.equal(clip.mask, torch.from_numpy(~gaps).permute(0, 3, 1, 2))
        assert not clip.frames[~clip.mask].any()
        assert clip.frames.isfinite().all()


def test_shrinking_over_gaps_takes_the_mean_of_what_is_there(tmp_path: Path) -> None:
    values = np.full((2, 8, 8, 1), 0.5, np.float32)
    values[0, :4] = np.nan
    values[1, 0, 0] = np.nan
    np.save(tmp_path / "a.npy", values)
    clip = WindowDataset([FrameStore.read(str(tmp_path / "a.npy"), 4)], "all", length=2)[0]
    assert clip.mask[0, 0].tolist() == [[False] * 4, [False] * 4, [True] * 4, [True] * 4]
    assert clip.mask[1].all()
    assert torch.allclose(clip.frames[clip.mask], torch.tensor(0.5))


def test_clips_of_views_times_crops_and_of_whole_sequences(tmp_path: Path) -> None:
    root = _set(tmp_path / "set")
    config = TaskConfig(data=(str(root),), size=0, crop=16, holdout=0.4, validation=0.2, fps=5)
    with window_datasets(config, length=3, step=1, part="all", views=2, crops=3) as data:
        assert len(data.test) == 5 * 2 * 3
        assert len(data.train) == 2
        clip = data.test[0]
        assert clip.frames.shape == (3, 3, 16, 16)
        assert np.allclose(np.diff(clip.times), 0.2, atol=0.11)
        assert len({data.test[i].source.view for i in range(6)}) == 6
        assert not torch.equal(data.train[0].frames, data.train[2].frames)
    with window_datasets(
        config.model_copy(update={"fps": 0.0}), length=0, step=1, part="all", views=1
    ) as data:
        batch = collate([data.test[i] for i in range(5)])
        assert sorted(batch.lengths.tolist()) == [12, 13, 14, 15, 16]
        assert sorted(data.test.lengths) == [12, 13, 14, 15, 16]
        assert batch.frames.shape == (5, 16, 3, 16, 16)
        assert set(batch.labels.tolist()) == {0, 1}


def test_short_sequences_follow_the_policy(tmp_path: Path) -> None:
    np.save(
        tmp_path / "a.npy", np.broadcast_to(np.arange(3, dtype=np.uint8)[:, None, None, None], (3, 8, 8, 1))
    )

    def clip(short: str) -> list[int] | int:
        config = TaskConfig(data=(str(tmp_path / "a.npy"),), size=0, crop=0, short=short)  # type: ignore[arg-type]
        with window_datasets(config, length=5, step=1, part="all") as data:
            if not len(data.test):
                return 0
            clip = data.test[0]
            assert clip.length == (3 if short == "pad" else None)
            return (clip.frames[:, 0, 0, 0] * 255).round().int().tolist()

    assert clip("pad") == [0, 1, 2, 0, 0]
    assert clip("loop") == [0, 1, 2, 0, 1]
    assert clip("repeat") == [0, 1, 2, 2, 2]
    assert clip("drop") == 0


def _digest(data: WindowDataset, workers: int, count: int = 24) -> str:
    """Digest of the first batches, in the order in which training sees them."""
    loader = DataLoader(
        data, batch_size=3, sampler=Shuffled(len(data), seed=5), collate_fn=collate, num_workers=workers
    )
    digest = hashlib.sha256()
    for batch in islice(loader, count // 3):
        digest.update(batch.frames.numpy().tobytes() + repr(batch.sources).encode())
    return digest.hexdigest()


_CHILD = """
import json, sys
from seqimg.config import TaskConfig
from tests.data.test_stores import _digest, window_datasets
config = TaskConfig(**json.loads(sys.argv[1]))
if __name__ == "__main__":
    with window_datasets(config, length=4, step=1, views=2) as data:
        print(_digest(data.train, int(sys.argv[2])))
"""


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker")
@pytest.mark.parametrize("cache", ["disk", "none"])
def test_processes_and_workers_yield_the_same_clips_in_the_same_order(tmp_path: Path, cache: str) -> None:
    root = _set(tmp_path / "set")
    config = {"data": [str(root)], "size": 0, "crop": 8, "cache": cache, "seed": 7, "fps": 8}
    here = TaskConfig(**config)  # type: ignore[arg-type]
    with window_datasets(here, length=4, step=1, views=2) as data:
        found = {_digest(data.train, workers) for workers in (0, 1, 3)}
    elsewhere = subprocess.run(
        [sys.executable, "-c", _CHILD, json.dumps(config), "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    ).stdout.strip()
    assert found == {elsewhere}
    other = here.model_copy(update={"seed": 8})
    with window_datasets(other, length=4, step=1, views=2) as data:
        assert _digest(data.train, 0) != elsewhere


def test_a_lazy_source_can_be_handed_to_a_process_that_is_started(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", _noise(9))
    lazy = LazyFrames(Item(str(tmp_path / "a.npy")), 0)
    data = WindowDataset([lazy], "all", Picks(4), crop=8, seed=3)
    assert torch.equal(data[2].frames, pickle.loads(pickle.dumps(data))[2].frames)  # noqa: S301


def test_windows_at_another_frame_rate_share_no_frame_between_parts(tmp_path: Path) -> None:
    save_sequence(_noise(60), tmp_path / "a.mp4", fps=10)
    config = TaskConfig(data=(str(tmp_path / "a.mp4"),), size=0, crop=0, fps=25)
    with window_datasets(config, length=8, step=1) as data:
        seen = []
        for part in (data.train, data.val, data.test):
            clips = [part[i].source for i in range(len(part))]
            seen.append(
                {i for c in clips for i in c.indices or range(c.first, c.first + 8 * c.stride, c.stride)}
            )
    assert all(seen)
    assert not (seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2])


def test_training_puts_clips_of_about_one_length_together_and_evaluation_clips_of_one_size(
    tmp_path: Path,
) -> None:
    from seqimg.training.dealing import _groups
    from seqimg.training.order import Order
    from seqimg_predict.config import PredictConfig

    for number in range(40):
        np.save(tmp_path / f"{number}.npy", _noise(4 + number % 20, number, (8, 8 + number % 2), 1))
    paths = tuple(str(tmp_path / f"{number}.npy") for number in range(40))
    config = PredictConfig(
        data=paths, size=0, crop=8, channels=1, widths=(4,), batch_size=4, split="sequence"
    )
    with window_datasets(config, length=0, step=1, part="all", views=1) as data:
        order = islice(Order(data.train, config), 6)
        batches = [collate([data.train[item] for item in items]) for items in order]
        spread = [
            int(batch.lengths.max() - batch.lengths.min()) for batch in batches if batch.lengths is not None
        ]
        assert max(spread) < 10  # of 19
        whole = WindowDataset(data.test.stores, "all", Picks(4))
        assert len(set(_groups(whole))) == 2
        assert all(whole.sizes[item][1] == 8 + group for item, group in enumerate(_groups(whole)))
