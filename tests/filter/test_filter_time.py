"""Operations over time, on sequences worked out by hand, and on motion that is known."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

from seqimg.sequences import SequenceInfo, TimedFrame
from seqimg_filter.chain import Chain
from seqimg_filter.pipeline import Pipeline


def timed(frames: Iterable[NDArray]) -> Iterator[TimedFrame]:
    for index, frame in enumerate(frames):
        yield TimedFrame(index, index / 25, frame)


def through(word: str, frames: NDArray, value_range: tuple[float, float] | None = None) -> list[NDArray]:
    """Return what comes of frames `[T, H, W, C]`."""
    count, height, width, channels = frames.shape
    whole = (0.0, 255.0) if frames.dtype == np.uint8 else (0.0, 1.0)
    info = SequenceInfo(
        path="made", format="array", height=height, width=width, channels=channels, dtype=str(frames.dtype),
        value_range=value_range or whole, frame_count=count,
    )  # fmt: skip
    found = list(Pipeline(Chain.parse([word]), info).frames(timed(frames)))
    assert [frame.index for frame in found] == list(range(count))
    return [frame.pixels for frame in found]


def line(*values: float) -> NDArray:
    """One pixel over time."""
    return np.array(values, np.float64).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("temporal_mean:frames=3", [0.15, 0.1, 0.4, 1.7 / 3, 0.85]),
        ("temporal_mean:frames=3,centred=false", [0.3, 0.15, 0.1, 0.4, 1.7 / 3]),
        ("temporal_mean:frames=2", [0.3, 0.15, 0.0, 0.6, 0.85]),
        ("temporal_mean:frames=1", [0.3, 0.0, 0.0, 1.2, 0.5]),
        ("temporal_mean:frames=99", [0.4] * 5),
        ("temporal_max:frames=3", [0.3, 0.3, 1.2, 1.2, 1.2]),
        ("temporal_min:frames=3,centred=false", [0.3, 0.0, 0.0, 0.0, 0.0]),
        ("temporal_median:frames=3", [0.15, 0.0, 0.0, 0.5, 0.85]),
        ("exponential_mean:alpha=0.5", [0.3, 0.15, 0.075, 0.6375, 0.56875]),
        ("background:rate=0.5", [0.3, 0.15, 0.075, 0.6375, 0.56875]),
        ("background:rate=0.1,method=median", [0.3, 0.2, 0.1, 0.2, 0.3]),
        ("frame_difference", [0.0, 0.3, 0.0, 1.2, 0.7]),
        ("frame_difference:lag=2", [0.0, 0.3, 0.3, 1.2, 0.5]),
        ("background_subtraction:rate=0,threshold=0.25", [0, 1, 1, 1, 0]),
    ],
)
def test_by_hand(word: str, expected: list[float]) -> None:
    found = [float(frame[0, 0, 0]) for frame in through(word, line(0.3, 0.0, 0.0, 1.2, 0.5))]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_missing_values_are_left_out() -> None:
    gone = np.nan
    series = line(0.2, gone, 0.4, gone, gone)
    for word, expected in (
        ("temporal_mean:frames=3", [0.2, 0.3, 0.4, 0.4, gone]),
        ("temporal_max:frames=3", [0.2, 0.4, 0.4, 0.4, gone]),
        ("exponential_mean:alpha=0.5", [0.2, 0.2, 0.3, 0.3, 0.3]),
    ):
        found = [float(frame[0, 0, 0]) for frame in through(word, series)]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_noise_goes_and_what_moves_stays_sharp() -> None:
    rng = np.random.default_rng(0)
    clean = np.full((9, 24, 40, 1), 0.2)
    for time in range(9):
        clean[time, 8:16, 4 + 3 * time : 12 + 3 * time] = 0.9
    noisy = clean + 0.05 * rng.standard_normal(clean.shape)
    before = np.abs(noisy[4] - clean[4])
    after = np.abs(through("temporal_denoise:frames=7", noisy)[4] - clean[4])
    assert after.mean() < 0.6 * before.mean()
    assert after.max() < 0.3, "no ghosts"


def test_flow_shows_where_things_go() -> None:
    texture = ndimage.gaussian_filter(np.random.default_rng(1).random((64, 96)), 2)
    texture = (texture - texture.min()) / np.ptp(texture)
    frames = np.stack([np.roll(texture, 2 * time, axis=1) for time in range(3)])[..., None].astype(np.float32)
    coarse = through("optical_flow:fastest=2,longer=64", frames)
    assert coarse[2].shape == (64, 96, 3)
    assert coarse[2][16:-16, 16:-16, 0].mean() > 0.7, "as fast, however coarsely it is looked at"
    pictures = through("optical_flow:fastest=2", frames)
    assert (pictures[0] == 0).all()
    middle = pictures[2][16:-16, 16:-16].mean(axis=(0, 1))
    assert middle[0] > 0.8, "motion to the right is red"
    assert middle[1:].max() < 0.2


def _shaken(count: int) -> tuple[NDArray, NDArray]:
    """A photograph under a camera that drifts and shakes, and where it was, `[T, 2]`."""
    photograph = data.camera()[::2, ::2] / 255.0
    rng = np.random.default_rng(2)
    path = np.cumsum(np.full((count, 2), 0.4), axis=0) + rng.uniform(-3, 3, (count, 2))
    frames = [ndimage.shift(photograph, place, order=1, mode="nearest")[48:208, 48:208] for place in path]
    return np.stack(frames)[..., None].astype(np.float32), path


def _unrest(frames: Iterable[NDArray]) -> float:
    """Mean absolute second difference over time, inside."""
    stack = np.stack(list(frames))[:, 20:-20, 20:-20]
    return float(np.abs(np.diff(stack, 2, axis=0)).mean())


def test_shaking_is_taken_out() -> None:
    frames, _ = _shaken(16)
    assert _unrest(through("stabilise:smooth=5", frames)) < 0.35 * _unrest(frames)
    held = np.stack(through("stabilise:smooth=0", frames))[:, 24:-24, 24:-24]
    shaking = frames[:, 24:-24, 24:-24]
    assert np.abs(held - held[0]).mean() < 0.25 * np.abs(shaking - shaking[0]).mean()


def test_a_still_camera_stays_as_it_is() -> None:
    frames = np.repeat(_shaken(1)[0], 5, axis=0)
    assert (np.stack(through("stabilise", frames)) == frames).all()


def test_stabilising_begins_anew_after_a_cut() -> None:
    frames, _ = _shaken(6)
    other = np.repeat((data.brick()[:160, :160, None] / 255.0).astype(np.float32)[None] ** 4, 4, axis=0)
    both = np.concatenate([frames, 1 - other])
    found = np.stack(through("stabilise:smooth=3", both))
    assert (found[6:] == both[6:]).all()
    info = SequenceInfo(
        path="", format="array", height=160, width=160, channels=1, dtype="float32", value_range=(0, 1)
    )
    pipeline = Pipeline(Chain.parse(["stabilise"]), info)
    list(pipeline.frames(timed(both)))
    assert pipeline.notes() == ("stabilised 2 scenes, each by itself",)


def test_no_more_is_held_than_the_window() -> None:
    """Frames come out while they go in: at most as many behind as the window reaches ahead."""
    info = SequenceInfo(
        path="", format="array", height=8, width=8, channels=1, dtype="float32", value_range=(0, 1)
    )
    for word, behind in (
        ("temporal_median:frames=5", 2), ("temporal_mean:frames=5,centred=false", 0), ("stabilise:smooth=4", 5),
        ("exponential_mean", 0), ("background", 0), ("optical_flow", 0), ("temporal_denoise:frames=5", 2),
    ):  # fmt: skip
        given = 0

        def source() -> Iterator[TimedFrame]:
            nonlocal given
            for frame in timed(np.random.default_rng(0).random((30, 8, 8, 1), np.float32)):
                given += 1
                yield frame

        for number, _ in enumerate(Pipeline(Chain.parse([word]), info).frames(source()), 1):
            assert given - number <= behind, word
        assert number == 30
