"""What restyling learns on: photographs of any size and kind beside videos, all prepared as asked for."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seqimg.errors import SeqimgError, UsageError
from seqimg.testing import run_command
from seqimg_style.config import StyleConfig
from seqimg_style.data import style_datasets
from seqimg_style.moving import MovedClips


def photo(path: Path, height: int, width: int, mode: str = "RGB", blue: int = 200) -> str:
    """Write a photograph whose pixels say where they are: rows in red, columns in green."""
    rows, columns = np.indices((height, width))
    pixels = np.stack([rows, columns, np.full_like(rows, blue)], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return str(path)


def config(*names: str | Path, **settings: object) -> StyleConfig:
    values = {"frames": 3, "unroll": 2, "crop": 32, "holdout": 0.0} | settings
    return StyleConfig.model_validate({"data": tuple(map(str, names)), **values})


def crops(data: MovedClips, count: int) -> Iterator[torch.Tensor]:
    for place in range(count):
        yield (data.clips[place].frames[0] * 255).round()


def test_photographs_are_cropped_each_in_its_own_size(tmp_path: Path) -> None:
    names = photo(tmp_path / "wide.png", 80, 120), photo(tmp_path / "high.png", 100, 70)
    with style_datasets(config(*names), "test") as data:
        assert isinstance(data.train, MovedClips)
        assert (len(data.train), data.channels) == (2, 3)
        seen = list(crops(data.train, 40))
        for crop in seen:
            assert crop.shape == (3, 32, 32)
            assert (crop[0].diff(dim=0) == 1).all()  # nothing is resampled
            assert (crop[1].diff(dim=1).abs() == 1).all()
        assert (
            max(float(crop[0].max()) for crop in seen[1::2]) > 80
        )  # the high one, below the wide one's edge
        assert max(float(crop[1].max()) for crop in seen[::2]) > 70
        assert [tuple(data.train[place].frames.shape) for place in range(2)] == [(2, 3, 32, 32)] * 2
        assert "none is held back" in data.readings[-1]


def test_grey_and_transparent_photographs_go_beside_colour(tmp_path: Path) -> None:
    kinds = ("RGB", "L", "RGBA")
    names = [photo(tmp_path / f"{mode}.png", 40 + 8 * n, 50, mode) for n, mode in enumerate(kinds)]
    with style_datasets(config(*names), "all") as data:
        batch = torch.stack([data.train[place].frames for place in range(3)])
        assert batch.shape == (3, 2, 3, 32, 32)
        tested = [data.test[place] for place in range(len(data.test))]
        assert [tuple(clip.frames.shape) for clip in tested] == [(3, 3, 32, 32)] * 3
        assert all(clip.target is not None for clip in tested)
    Image.fromarray(np.zeros((40, 40, 2), np.uint8)).save(tmp_path / "two.png")
    with pytest.raises(UsageError, match="2 channels"):
        style_datasets(config(tmp_path / "two.png"), "test")


def test_operations_are_applied_to_photographs(tmp_path: Path) -> None:
    names = photo(tmp_path / "a.png", 40, 50, blue=250), photo(tmp_path / "b.png", 60, 40, blue=250)
    with style_datasets(config(*names, pre=("invert",)), "test") as data:
        for part in (data.train, data.val, data.test):
            for place in range(2):
                assert float(part[place].frames[:, 2].median()) == pytest.approx(5 / 255, abs=0.03)


def test_a_video_goes_beside_photographs(tmp_path: Path) -> None:
    video = np.random.default_rng(0).integers(0, 255, (9, 36, 28, 3), np.uint8)
    np.save(tmp_path / "clip.npy", video)
    names = [photo(tmp_path / f"{n}.png", 40 + n, 50) for n in range(5)]
    settings = {"holdout": 0.3, "validation": 0.2}
    with style_datasets(config(*names, tmp_path / "clip.npy", **settings), "test") as data:
        train, frames = data.train, {tuple(data.train[n].frames.shape) for n in range(2 * len(data.train))}
        assert frames == {(2, 3, 32, 28)}  # what fits into all
        assert len(set(train.owners)) > 2
        assert len(set(data.test.owners)) > len(set(data.val.owners)) >= 2
        shapes = {tuple(data.test[n].frames.shape[1:]) for n in range(len(data.test))}
        assert shapes == {(3, 36, 28), (3, 32, 32)}
    with pytest.raises(UsageError, match="both generated and real"):
        style_datasets(config("demo:pans", names[0]), "test")


def test_a_folder_of_several_sizes_holds_pictures_and_one_of_one_size_a_sequence(tmp_path: Path) -> None:
    for folder, step in (("mixed", 8), ("alike", 0)):
        (tmp_path / folder).mkdir()
        for number in range(6):
            photo(tmp_path / folder / f"{number}.png", 40 + step * number, 50)
    with style_datasets(config(tmp_path / "mixed"), "all") as data:
        assert len(data.sequences) == 6
        assert "6 pictures that differ" in data.readings[0]
    with style_datasets(config(tmp_path / "alike"), "all") as data:
        assert [one.frames for one in data.sequences] == [6]
    with style_datasets(config(tmp_path / "mixed", fit="resize"), "all") as data:
        assert [one.frames for one in data.sequences] == [6]
    # A header that is whole over pixels that are not.
    whole = (tmp_path / "mixed/3.png").read_bytes()
    (tmp_path / "mixed/3.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SeqimgError, match=r"3\.png"):
        style_datasets(config(tmp_path / "mixed"), "all")
    with style_datasets(config(tmp_path / "mixed", on_error="skip"), "all") as data:
        assert (len(data.sequences), data.skipped) == (5, 1)


def test_two_photographs_are_enough_for_a_training(tmp_path: Path) -> None:
    names = photo(tmp_path / "a.jpg", 40, 50), photo(tmp_path / "b.jpg", 60, 40, "L")
    small = (
        "--width",
        "8",
        "--blocks",
        "0",
        "--state",
        "4",
        "--frames",
        "3",
        "--unroll",
        "2",
        "--crop",
        "32",
    )
    quick = ("--steps", "2", "--extractor", "random-multiscale", "--style-size", "40", "--style", names[0])
    said = run_command("style", "train", *names, *small, *quick, "-o", str(tmp_path / "run"))
    assert said.code == 0, said.err
    assert "Training on 2 clips" in said.err


@pytest.mark.parametrize("part", ["val", "test"])
def test_operations_are_applied_to_what_is_generated(part: str) -> None:
    plain, inverted = (
        getattr(style_datasets(config("demo:pans", pre=pre), "test"), part)[0] for pre in ((), ("invert",))
    )
    assert torch.allclose(plain.frames, 1 - inverted.frames, atol=1e-6)
    assert torch.equal(plain.target, inverted.target)
