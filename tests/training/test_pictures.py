from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from seqimg.errors import SeqimgError
from seqimg.training.pictures import error_scale, heat, save_png, side_by_side_frames, strip

Frames = NDArray[np.float32]


def some_frames(count: int, height: int = 64, width: int = 64, channels: int = 3, seed: int = 0) -> Frames:
    return np.random.default_rng(seed).random((count, height, width, channels), np.float32)


def test_a_strip_shows_every_pixel_as_it_is() -> None:
    context, truth = some_frames(10), some_frames(10, seed=1)
    picture = strip(context, truth, truth)
    assert picture.dtype == np.uint8
    assert 850 <= picture.shape[1] <= 1000
    for frame in (context[0], context[9], truth[0], truth[9]):
        large = np.rint(frame * 255).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
        assert _contains(picture, large)
    assert not _contains(
        picture, np.rint(context[1] * 255).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    )


def _contains(picture: NDArray[np.uint8], part: NDArray[np.uint8]) -> bool:
    height, width = part.shape[:2]
    corners = np.argwhere((picture[: 1 - height, : 1 - width] == part[0, 0]).all(axis=-1))
    return any(np.array_equal(picture[y : y + height, x : x + width], part) for y, x in corners)


@settings(max_examples=25, deadline=None)
@given(
    past=st.integers(1, 12),
    future=st.integers(1, 12),
    height=st.integers(4, 300),
    width=st.integers(4, 500),
    channels=st.sampled_from((1, 3)),
    columns=st.integers(1, 10),
)
def test_any_frames_make_a_picture(
    past: int, future: int, height: int, width: int, channels: int, columns: int
) -> None:
    context = some_frames(past, height, width, channels)
    truth, said = (some_frames(future, height, width, channels, seed) for seed in (1, 2))
    picture = strip(context, truth, said, columns=columns)
    assert picture.shape[2] == 3
    assert picture.shape[1] <= 1500
    moving = list(side_by_side_frames(context, truth, said))
    assert len(moving) == past + future
    assert len({frame.shape for frame in moving}) == 1
    assert moving[0].shape[0] % 2 == moving[0].shape[1] % 2 == 0


def test_the_prediction_and_the_error_appear_only_after_the_context() -> None:
    context, truth = some_frames(3), some_frames(2, seed=1)
    moving = list(side_by_side_frames(context, truth, truth))
    size, left, top = 256, 16, 38
    for number, frame in enumerate(moving):
        panels = [frame[top : top + size, start : start + size] for start in range(left, 800, size + 12)]
        assert len(panels) == 3
        source = context[number] if number < 3 else truth[number - 3]
        np.testing.assert_array_equal(panels[0][::4, ::4], np.rint(source * 255))
        if number < 3:
            assert np.ptp(panels[1], axis=(0, 1)).max() == 0
        else:
            np.testing.assert_array_equal(panels[1], panels[0])
            assert (panels[2] == heat(np.zeros(1, np.float32))[0]).all()  # no error at all


def test_the_map_of_errors_grows_brighter_all_the_way() -> None:
    colours = heat(np.linspace(0, 1, 256, dtype=np.float32)).astype(np.float64)
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (lightness[8:] > lightness[:-8] + 2).all()
    assert lightness[0] < 5
    assert lightness[-1] > 240


@pytest.mark.parametrize(("error", "scale"), [(0.01, 0.05), (0.15, 0.2), (0.9, 1.0)])
def test_the_scale_of_errors_is_round_and_above_them(error: float, scale: float) -> None:
    truth = np.zeros((2, 8, 8, 1), np.float32)
    assert error_scale(truth, truth + np.float32(error)) == scale


def test_a_diverged_prediction_is_shown_as_the_largest_error() -> None:
    truth = some_frames(2)
    said = np.full_like(truth, np.nan)
    last = list(side_by_side_frames(truth, truth, said))[-1]
    assert (last[38 : 38 + 256, 552 : 552 + 256] == heat(np.ones(1, np.float32))[0]).all()
    assert strip(truth, truth, said).dtype == np.uint8


def test_frames_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="prediction"):
        strip(some_frames(2), some_frames(3), some_frames(2))
    with pytest.raises(ValueError, match="C 1 or 3"):
        strip(some_frames(2, channels=2), some_frames(3, channels=2), some_frames(3, channels=2))
    with pytest.raises(ValueError, match="at least one"):
        next(side_by_side_frames(some_frames(0), some_frames(3), some_frames(3)))


def test_a_png_is_whole_and_not_overwritten(tmp_path: Path) -> None:
    picture = strip(some_frames(2), some_frames(2, seed=1), some_frames(2, seed=2))
    save_png(tmp_path / "strip.png", picture)
    with Image.open(tmp_path / "strip.png") as file:
        np.testing.assert_array_equal(np.asarray(file), picture)
    with pytest.raises(SeqimgError, match="exists already"):
        save_png(tmp_path / "strip.png", picture)
