"""Which frames make a clip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqimg.data import Item, LengthBuckets, Picks, split_sequences
from seqimg.data.picking import crop_corners, pick, resampled, starts
from seqimg.errors import SeqimgError, UsageError

picks_ = st.builds(
    Picks,
    length=st.integers(1, 12),
    step=st.integers(1, 5),
    stride=st.integers(1, 4),
    sampling=st.sampled_from(["dense", "uniform", "tsn"]),
    views=st.integers(0, 4),
    jitter=st.booleans(),
    short=st.sampled_from(["drop", "pad", "loop", "repeat"]),
)


@given(count=st.integers(0, 60), picks=picks_, seed=st.integers(0, 99))
def test_every_clip_is_made_of_frames_that_are_there_in_order(count: int, picks: Picks, seed: int) -> None:
    found = starts(count, picks)
    assert (not found) == (count == 0 or (count < picks.reach and picks.short == "drop"))
    for start in found:
        chosen, real = pick(count, picks, start, np.random.default_rng(seed))
        again, _ = pick(count, picks, start, np.random.default_rng(seed))
        assert chosen.tolist() == again.tolist()
        assert real == len(chosen) <= picks.length
        assert chosen.min() >= 0
        assert chosen.max() < count
        assert (real == picks.length) or picks.short == "pad"
        if not (picks.short == "loop" and count < picks.reach):
            assert (np.diff(chosen) >= 0).all()
        if picks.sampling == "dense" and count >= picks.reach:
            assert (np.diff(chosen) == picks.stride).all()


@given(count=st.integers(8, 60), views=st.integers(1, 5))
def test_segments_give_one_frame_each(count: int, views: int) -> None:
    for jitter in (False, True):
        picks = Picks(8, sampling="tsn", views=views, jitter=jitter)
        for view in range(views):
            chosen, _ = pick(count, picks, view, np.random.default_rng(0))
            segments = np.floor(chosen * 8 / count + 1e-9)
            assert (
                (segments == np.arange(8)) | (np.floor((chosen + 1) * 8 / count - 1e-9) == np.arange(8))
            ).all()


def test_views_cover_the_sequence_evenly() -> None:
    picks = Picks(4, views=3)
    firsts = [int(pick(40, picks, view, np.random.default_rng(0))[0][0]) for view in starts(40, picks)]
    assert firsts == [6, 18, 30]
    assert pick(40, Picks(4, sampling="uniform"), 0, np.random.default_rng(0))[0].tolist() == [5, 15, 25, 35]


@given(
    gaps=st.lists(st.floats(0.005, 0.2), min_size=1, max_size=60),
    fps=st.sampled_from([1.0, 7.5, 10.0, 24.0, 60.0]),
)
def test_resampling_takes_the_nearest_frame(gaps: list[float], fps: float) -> None:
    times = np.cumsum([0.0, *gaps])
    chosen = resampled(times, fps)
    ticks = np.arange(len(chosen)) / fps
    assert ticks[-1] <= times[-1] + 1e-6 < ticks[-1] + 1 / fps + 2e-6
    nearest = np.abs(times[None] - ticks[:, None]).min(1)
    assert np.allclose(np.abs(times[chosen] - ticks), nearest, atol=2e-6)
    assert (np.diff(chosen) >= 0).all()


def test_one_frame_or_none_can_be_resampled() -> None:
    assert resampled(np.array([3.0]), 10).tolist() == [0]
    assert resampled(np.array([]), 10).tolist() == []


def test_crops_lie_where_they_should() -> None:
    assert crop_corners((10, 4), (4, 4), 3) == [(0, 0), (3, 0), (6, 0)]
    assert crop_corners((6, 8), (4, 4), 5) == [(1, 2), (0, 0), (0, 4), (2, 0), (2, 4)]
    with pytest.raises(UsageError):
        crop_corners((6, 8), (4, 4), 2)


@pytest.mark.parametrize("wrong", [{"length": -1}, {"step": 0}, {"stride": 0}, {"fps": float("nan")}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Picks(**{"length": 4, **wrong})  # type: ignore[arg-type]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=80),
    size=st.integers(1, 7),
    seed=st.integers(0, 9),
)
def test_buckets_yield_everything_once_an_epoch(lengths: list[int], size: int, seed: int) -> None:
    buckets = iter(LengthBuckets(lengths, size, seed, batches=2))
    again = iter(LengthBuckets(lengths, size, seed, batches=2))
    for epoch in range(2):
        seen: list[int] = []
        while len(seen) < len(lengths):
            batch = next(buckets)
            assert batch == next(again)
            assert 1 <= len(batch) <= size
            seen += batch
        assert sorted(seen) == list(range(epoch * len(lengths), (epoch + 1) * len(lengths)))


def test_buckets_pad_little() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 640).tolist()
    buckets = iter(LengthBuckets(lengths, 8, seed=0))
    batches = [[lengths[item] for item in next(buckets)] for _ in range(80)]
    assert sum(max(batch) * len(batch) for batch in batches) < 1.2 * sum(lengths)
    assert len({max(batch) // 20 for batch in batches[:10]}) > 2  # and they are mixed


@given(
    count=st.integers(2, 60), holdout=st.floats(0, 0.9), validation=st.floats(0, 0.9), doubled=st.booleans()
)
def test_a_sequence_is_in_one_part_whatever_the_order(
    count: int, holdout: float, validation: float, doubled: bool
) -> None:
    items = [Item(f"root/{n}.mp4", name=f"{n}.mp4") for n in range(count)] * (1 + doubled)
    parts = split_sequences(items, holdout=holdout, validation=validation)
    backwards = split_sequences(items[::-1], holdout=holdout, validation=validation)[::-1]
    elsewhere = split_sequences(
        [Item(f"other/{item.name}", name=item.name) for item in items], holdout=holdout, validation=validation
    )
    assert parts == backwards == elsewhere
    assert parts[:count] == parts[-count:]
    assert "train" in parts
    assert ("test" in parts) == (holdout > 0)


def test_what_the_makers_decided_holds() -> None:
    items = [Item(f"{n}", name=f"{n}", split="train" if n < 8 else "test") for n in range(10)]
    parts = split_sequences(items, holdout=0.5, validation=0.25)
    assert parts[8:] == ("test", "test")
    assert parts.count("val") == 2
    kinetics = [Item(f"{n}", name=f"{n}", split="train" if n < 8 else "val") for n in range(10)]
    assert split_sequences(kinetics, holdout=0.5, validation=0.25)[8:] == ("test", "test")
    with pytest.raises(SeqimgError, match="one sequence"):
        split_sequences(items[:1], holdout=0.5, validation=0.2)
