"""`seqimg style` from the command line, after a training of a few steps."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqimg import modelfolder
from seqimg.sequences import open_sequence, save_sequence
from seqimg.testing import moving_square, run_command
from seqimg_style.model import Restyler

_SAID = ("Read ", "Computing ", "Kernel ", "Generating ")
SMALL = ("--width", "8", "--blocks", "1", "--state", "4", "--frames", "3", "--unroll", "2", "--crop", "32")
QUICK = ("--steps", "4", "--batch-size", "2", "--extractor", "random-multiscale", "--style-size", "40")


def said(*words: str | Path) -> Sequence[str]:
    found = run_command(*map(str, words))
    assert found.code == 0, found.err
    return (found.out, found.err)


def refused(*words: str | Path) -> str:
    found = run_command(*map(str, words))
    assert found.code in (1, 2)
    lines = [line for line in found.err.strip().splitlines() if not line.startswith(_SAID)]
    assert 1 <= len(lines) <= 3, found.err
    assert "Traceback" not in found.err
    return found.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("style")
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        Image.fromarray(rng.integers(0, 255, (50, 70, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    styles = f"{folder / 'one.png'},{folder / 'two.png'}"
    save_sequence(moving_square(24, (40, 52)), folder / "square.npy")
    said("style", "train", folder / "square.npy", "--style", styles, *SMALL, *QUICK, "-o", folder / "run")
    save_sequence(moving_square(8, (41, 53)), folder / "odd.npy")
    return folder


def test_the_model_knows_its_pictures(trained: Path) -> None:
    record = json.loads((trained / "run/model/config.json").read_text())
    text = json.dumps(record)
    assert "one.png 40x29" in text
    assert "random-multiscale-1" in text
    loaded = modelfolder.load(trained / "run/model", task="style")
    assert isinstance(loaded.model, Restyler)
    assert [tuple(picture.shape) for picture in loaded.model.pictures()] == [(3, 29, 40)] * 2
    assert loaded.model.learnt()


def test_both_parts_of_the_training_are_logged(trained: Path) -> None:
    steps = [json.loads(line) for line in (trained / "run/metrics.jsonl").read_text().splitlines()]
    parts = [set(step["parts"]) for step in steps]
    assert "style" in parts[0]
    assert "short" in parts[-1]


@pytest.mark.parametrize(
    "options", [(), ("--strength", "0.5", "--keep-colour"), ("--no-memory", "--blend", "1,3")]
)
def test_a_video_keeps_its_size_and_length(trained: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    out = tmp_path / "out.npy"
    said("style", "run", trained / "odd.npy", "--model", trained / "run/model", "-o", out, *options)
    with open_sequence(out) as sequence:
        info = sequence.info
        assert (info.frame_count, info.height, info.width, info.channels) == (8, 41, 53, 3)


def test_options_do_something(trained: Path, tmp_path: Path) -> None:
    results = []
    for number, options in enumerate(((), ("--strength", "0.2"), ("--blend", "1,0"), ("--keep-colour",))):
        out = tmp_path / f"{number}.npy"
        said("style", "run", trained / "odd.npy", "--model", trained / "run/model", "-o", out, *options)
        results.append(np.load(out))
    assert all((results[0] != other).any() for other in results[1:])


def test_shares_of_other_styles_are_refused(trained: Path, tmp_path: Path) -> None:
    model, video = trained / "run/model", trained / "odd.npy"
    told = refused("style", "run", video, "--model", model, "-o", tmp_path / "a.npy", "--blend", "1,1,1")
    assert "the model knows 2 styles" in told
    assert not (tmp_path / "a.npy").exists()


def test_a_picture_is_painted(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "painted.png"
    model = trained / "run/model"
    words = ("style", "run", trained / "one.png", "--model", model)
    said(*words, "-o", out)
    with Image.open(out) as picture:
        assert picture.size == (70, 50)
        assert picture.mode == "RGB"
    assert "exists" in refused(*words, "-o", out)
    said(*words, "-o", tmp_path / "painted.jpg")
    assert "does not exist" in refused("style", "run", tmp_path / "none.png", "--model", model)
    several = ("style", "run", trained / "odd.npy", "--model", model, "-o", tmp_path / "one.png")
    assert "there are more frames" in refused(*several)
    assert not (tmp_path / "one.png").exists()


def test_a_deep_grey_picture_stays_deep(trained: Path, tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 48 * 40).reshape(40, 48).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    out = tmp_path / "out.png"
    said("style", "run", tmp_path / "deep.png", "--model", trained / "run/model", "-o", out)
    from seqimg.sequences.pictures.images import read_picture

    assert read_picture(out).dtype == np.uint16
    assert read_picture(out).shape == (40, 48, 3)


@pytest.mark.parametrize(
    ("style", "words"),
    [("missing.png", "does not exist"), ("demo:brik", "no photograph"), ("tiny.png", "no picture to learn")],
)
def test_what_is_no_style_is_refused(tmp_path: Path, style: str, words: str) -> None:
    Image.fromarray(np.zeros((2, 90, 3), np.uint8)).save(tmp_path / "tiny.png")
    named = style if style.startswith("demo:") else str(tmp_path / style)
    assert words in refused("style", "train", "--style", named, *SMALL, *QUICK, "-o", tmp_path / "run")


def flickering(path: Path, frames: np.ndarray, seed: int = 0) -> Path:  # type: ignore[type-arg]
    """The frames as a program would have made them that knows nothing of the frame before."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 25, (len(frames), 1, 1, 3))
    np.save(path, (frames.astype(float) + noise).clip(0, 255).astype(np.uint8))
    return path


def test_flicker_is_taken_out_of_what_another_program_made(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(60, 190, (48, 48, 3), dtype=np.uint8)
    frames = np.stack([np.roll(scene, shift, axis=1) for shift in range(12)])
    frames = np.stack([np.asarray(Image.fromarray(f).resize((24, 24)).resize((48, 48))) for f in frames])
    np.save(tmp_path / "original.npy", frames)
    processed = flickering(tmp_path / "processed.npy", frames)
    out = tmp_path / "stable.npy"
    words = ("style", "stabilise", tmp_path / "original.npy", processed, "--minutes", "0.04")
    said(*words, "-o", out, "--save", tmp_path / "kept")
    before, after = (np.load(path).astype(float).mean((1, 2)) for path in (processed, out))
    assert np.abs(np.diff(after, axis=0)).mean() < 0.8 * np.abs(np.diff(before, axis=0)).mean()
    again = tmp_path / "again.npy"
    said(*words[:4], "-o", again, "--model", tmp_path / "kept")
    assert np.abs(np.load(again).astype(int) - np.load(out).astype(int)).max() <= 1
    told = refused(
        "style", "run", tmp_path / "original.npy", "--model", tmp_path / "kept", "-o", tmp_path / "x.npy"
    )
    assert "knows no style" in told


def scenes(path: Path, count: int = 2, length: int = 5) -> np.ndarray:  # type: ignore[type-arg]
    """Write some scenes one after the other, each moving a little."""
    rng = np.random.default_rng(1)
    stills = [
        np.asarray(Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)).resize((64, 48)))
        for _ in range(count)
    ]
    frames = np.stack([np.roll(still, shift, axis=1) for still in stills for shift in range(length)])
    np.save(path, frames)
    return frames


def test_nothing_of_one_scene_is_painted_into_the_next(trained: Path, tmp_path: Path) -> None:
    scenes(tmp_path / "scenes.npy")
    results = {}
    for name, options in {"reset": (), "on": ("--no-reset-on-cut",), "alone": ("--no-memory",)}.items():
        out = tmp_path / f"{name}.npy"
        said("style", "run", tmp_path / "scenes.npy", "--model", trained / "run/model", "-o", out, *options)
        results[name] = np.load(out)
    same = [bool((results["reset"][k] == results["alone"][k]).all()) for k in range(10)]
    assert same == [True, *[False] * 4, True, *[False] * 4]
    assert (results["on"][5] != results["alone"][5]).any()


def test_nothing_of_one_scene_is_stabilised_into_the_next(trained: Path, tmp_path: Path) -> None:
    frames = scenes(tmp_path / "scenes.npy")
    processed = flickering(tmp_path / "processed.npy", frames)
    made, results = np.load(processed), []
    for number, options in enumerate(((), ("--no-reset-on-cut",))):
        out = tmp_path / f"{number}.npy"
        words = (tmp_path / "scenes.npy", processed, "--model", trained / "run/model", "-o", out)
        said("style", "stabilise", *words, *options)
        results.append([bool((frame == one).all()) for frame, one in zip(np.load(out), made, strict=True)])
    assert results == [[True, *[False] * 4] * 2, [True, *[False] * 9]]


def test_folders_with_gaps_are_stabilised_if_so_asked(tmp_path: Path) -> None:
    frames = moving_square(10, (48, 48), 3)
    for name in ("original", "processed"):
        save_sequence(list(frames), tmp_path / name)
        sorted((tmp_path / name).iterdir())[4].unlink()
    words = ("style", "stabilise", tmp_path / "original", tmp_path / "processed", "--minutes", "0.02")
    assert "--gaps" in refused(*words, "-o", tmp_path / "o.npy")
    said(*words, "-o", tmp_path / "o.npy", "--gaps", "hold")
    assert len(np.load(tmp_path / "o.npy")) == 10


@pytest.mark.parametrize(
    ("shape", "words"),
    [((12, 40, 48, 3), "48×40"), ((9, 48, 48, 3), "9 frames"), ((12, 48, 48, 4), "4 channels")],
)
def test_pairs_that_do_not_fit_are_refused(tmp_path: Path, shape: tuple[int, ...], words: str) -> None:
    np.save(tmp_path / "original.npy", np.zeros((12, 48, 48, 3), np.uint8))
    np.save(tmp_path / "processed.npy", np.zeros(shape, np.uint8))
    told = refused(
        "style", "stabilise", tmp_path / "original.npy", tmp_path / "processed.npy", "-o", tmp_path / "o.npy"
    )
    assert words in told


def test_a_grey_video_is_painted_by_a_model_of_colour(trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "grey.npy", moving_square(5, (30, 44), 1))
    out = tmp_path / "out.npy"
    said("style", "run", tmp_path / "grey.npy", "--model", trained / "run/model", "-o", out)
    assert np.load(out).shape == (5, 30, 44, 3)


def test_grey_clips_are_measured_with_a_model_of_colour(trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "grey.npy", moving_square(6, (40, 44), 1))
    out, _ = said("style", "eval", "--model", trained / "run/model", "--data", tmp_path / "grey.npy")
    assert "flicker" in out


@pytest.mark.parametrize(("channels", "dtype"), [(4, np.uint8), (4, np.uint16), (1, np.uint8)])
def test_pictures_of_other_channels_are_painted_in_colour(
    trained: Path, tmp_path: Path, channels: int, dtype: type
) -> None:
    from seqimg.sequences.pictures.images import read_picture, write_png

    top = np.iinfo(dtype).max
    write_png(tmp_path / "a [1].png", np.random.default_rng(0).integers(0, top, (20, 31, channels), dtype))
    out = tmp_path / "out.png"
    said("style", "run", tmp_path / "a [1].png", "--model", trained / "run/model", "-o", out)
    assert (read_picture(out).shape, read_picture(out).dtype) == ((20, 31, 3), dtype)
