"""Several sequences put together, in step."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from seqimg.errors import UsageError
from seqimg.sequences import open_sequence
from seqimg_filter.chain import Chain
from seqimg_filter.pipeline import Pipeline


def save(name: str, frames: NDArray) -> Path:
    np.save(name, frames)
    return Path(name)


def together(words: list[str], *paths: Path) -> tuple[NDArray, tuple[str, ...]]:
    sequences = [open_sequence(path, axes="THWC") for path in paths]
    pipeline = Pipeline(Chain.parse(words), sequences[0].info, sequences[1:])
    frames = np.stack([frame.pixels for frame in pipeline.frames(sequences[0].timed())])
    for sequence in sequences:
        sequence.close()
    return frames, pipeline.notes()


def flat(value: int, count: int = 3, height: int = 8, width: int = 10, channels: int = 3) -> NDArray:
    return np.full((count, height, width, channels), value, np.uint8)


@pytest.fixture
def dark() -> Path:
    return save("dark.npy", flat(40))


@pytest.fixture
def bright() -> Path:
    return save("bright.npy", flat(200))


def test_blend(dark: Path, bright: Path) -> None:
    assert (together(["blend:alpha=0.25"], dark, bright)[0] == 80).all()
    assert (together(["blend:alpha=1"], dark, bright)[0] == 200).all()


def test_a_transparent_sequence_shows_what_is_below(dark: Path) -> None:
    over = flat(200, channels=4)
    over[..., 3] = 0
    over[:, :4, :, 3] = 255
    found = together(["blend:alpha=1"], dark, save("over.npy", over))[0]
    assert (found[:, :4] == 200).all()
    assert (found[:, 4:] == 40).all()


def test_difference_and_mask(dark: Path, bright: Path) -> None:
    assert (together(["difference"], dark, bright)[0] == 160).all()
    marks = flat(0, channels=1)
    marks[:, :, 5:] = 255
    path = save("marks.npy", marks)
    kept = together(["mask"], bright, path)[0]
    assert (kept[:, :, :5] == 0).all()
    assert (kept[:, :, 5:] == 200).all()
    assert (together(["mask:below=true"], bright, path)[0][:, :, :5] == 200).all()


def test_beside_above_grid(dark: Path, bright: Path) -> None:
    beside = together(["beside:gap=2"], dark, save("large.npy", flat(200, height=16, width=20)))[0]
    assert beside.shape == (3, 8, 22, 3)
    assert (beside[:, :, 12:] == 200).all()
    assert (beside[:, :, 10:12] == 0).all()
    assert together(["above"], dark, bright)[0].shape == (3, 16, 10, 3)
    grid = together(["grid:columns=2"], dark, bright, bright)[0]
    assert grid.shape == (3, 16, 20, 3)
    assert (grid[:, 8:, 10:] == 0).all()
    assert (grid[:, :8, 10:] == 200).all()


def test_picture_in_picture(dark: Path, bright: Path) -> None:
    found = together(["picture_in_picture:scale=0.5,corner=top-left,margin=1"], dark, bright)[0]
    assert (found[:, 1:5, 1:6] == 200).all()
    assert (found[:, 5:] == 40).all()


def test_grey_and_colour_go_together(dark: Path) -> None:
    path = save("grey.npy", flat(200, channels=1))
    assert together(["beside"], dark, path)[0].shape == (3, 8, 20, 3)
    assert together(["beside"], path, dark)[0].shape == (3, 8, 20, 3)


def test_depths_go_together(dark: Path) -> None:
    path = save("deep.npy", np.full((3, 8, 10, 3), 65535, np.uint16))
    found = together(["blend:alpha=1"], dark, path)[0]
    assert found.dtype == np.uint8
    assert (found == 255).all()


def test_lengths_that_differ_are_said(dark: Path) -> None:
    short, long = save("short.npy", flat(9, count=2)), save("long.npy", flat(9, count=5))
    found, notes = together(["blend"], dark, short)
    assert len(found) == 2
    assert notes == ("short.npy ended after 2 frames; so does the result",)
    found, notes = together(["blend"], dark, long)
    assert len(found) == 3
    assert notes == ("long.npy goes on after the 3 frames that were needed",)


def test_a_single_picture_is_shown_throughout(dark: Path) -> None:
    found, notes = together(["blend:alpha=1"], dark, save("still.npy", flat(200, count=1)))
    assert (found == 200).all()
    assert len(found) == 3
    assert notes == ()


def test_which_sequence_is_meant(dark: Path, bright: Path) -> None:
    assert (together(["blend:source=2,alpha=1"], dark, dark, bright)[0] == 200).all()
    with pytest.raises(UsageError, match="no sequence 1") as none:
        together(["blend"], dark)
    assert "none was named" in str(none.value)
    with pytest.raises(UsageError, match="no sequence 3"):
        together(["mask:source=3"], dark, bright)


def test_channels_that_do_not_go_together(dark: Path) -> None:
    with pytest.raises(UsageError, match="do not go together"):
        together(["beside"], dark, save("many.npy", flat(9, channels=40)))
