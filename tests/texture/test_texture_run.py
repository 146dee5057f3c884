"""`seqimg texture` from the command line: train on a picture, grow pictures and videos without a source."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqimg.sequences import open_sequence
from seqimg.testing.command_line import Said, run_command
from tests.texture.conftest import SMALL, grain


def _grown(model: Path, *words: str | Path) -> Said:
    return run_command("texture", "run", "--model", model, "--settle", "2", *words)


def test_a_picture_of_any_size_and_a_record_beside_it(model: Path) -> None:
    said = _grown(model, "--size", "45x30")
    assert said.code == 0, said.err
    assert "Saved texture.png" in said.out
    with Image.open("texture.png") as picture:
        assert picture.size == (45, 30)
    record = json.loads(Path("texture.json").read_text())
    assert (record["width"], record["height"], record["options"]["seed"]) == (45, 30, 0)


@pytest.mark.parametrize("name", ["one.png", "one.jpg", "one.JPEG"])
def test_a_name_of_a_picture_asks_for_one_frame(model: Path, name: str) -> None:
    said = _grown(model, "--size", "45x30", "-o", name)
    assert said.code == 0, said.err
    with Image.open(name) as picture:
        assert picture.size == (45, 30)


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.npy", "out/%03d.png"])
def test_as_many_frames_as_asked_for(model: Path, name: str) -> None:
    said = _grown(model, "--size", "32x48", "--frames", "5", "-o", name)
    assert said.code == 0, said.err
    place = Path(name).parent if "%" in name else Path(name)
    with open_sequence(place) as sequence:
        shapes = [frame.pixels.shape[:2] for frame in sequence.timed()]
    assert shapes == [(48, 32)] * 5
    assert not Path("texture.json").exists()


def test_the_same_seed_is_the_same_texture(model: Path) -> None:
    for name, seed in (("a.npy", "3"), ("b.npy", "3"), ("c.npy", "4")):
        assert _grown(model, "--size", "24x24", "--frames", "3", "--seed", seed, "-o", name).code == 0
    a, b, c = (np.load(name) for name in ("a.npy", "b.npy", "c.npy"))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_still_stands_still_and_slow_is_slower(model: Path) -> None:
    for name, words in {"still": ("--still",), "slow": ("--speed", "0.1"), "fast": ("--speed", "2")}.items():
        assert _grown(model, "--size", "24x24", "--frames", "4", *words, "-o", f"{name}.npy").code == 0
    change = {
        name: np.abs(np.diff(np.load(f"{name}.npy").astype(float), axis=0)).mean()
        for name in ("still", "slow", "fast")
    }
    assert change["still"] == 0
    assert 0 < change["slow"] < change["fast"]


def test_tileable_needs_sides_that_fit(model: Path) -> None:
    said = _grown(model, "--size", "45x30", "--tileable")
    assert said.code == 2
    assert "multiples of 8" in said.err
    assert "48x32" in said.err
    assert _grown(model, "--size", "48x32", "--tileable").code == 0


def test_without_tileable_what_lies_at_the_edges_differs(model: Path) -> None:
    _grown(model, "--size", "48x32", "-o", "free.png")
    _grown(model, "--size", "48x32", "--tileable", "-o", "tile.png")
    with Image.open("free.png") as free, Image.open("tile.png") as tile:
        assert not np.array_equal(np.asarray(free), np.asarray(tile))


def test_a_source_gives_size_and_length_and_nothing_else(model: Path) -> None:
    np.save("clip.npy", np.zeros((4, 20, 36, 3), np.uint8))
    np.save("other.npy", np.full((4, 20, 36, 1), 200, np.uint8))
    for name in ("clip", "other"):
        said = _grown(model, f"{name}.npy", "-o", f"{name}.out.npy")
        assert said.code == 0, said.err
    one, other = np.load("clip.out.npy"), np.load("other.out.npy")
    assert one.shape == (4, 20, 36, 3)
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--size", "big"), "is no size"),
        (("--size", "0x5"), "is no size"),
        (("--size", "90000x90000"), "too large"),
        (("--frames", "5", "-o", "a.png"), "one picture"),
        (("--frames", "5", "-o", "a.jpg"), "one picture"),
        (("--frames", "0"), "never ends"),
        (("-o", "a.xyz"), "cannot write"),
        (("--speed", "9"), "speed"),
        (("clip.npy", "--size", "8x8"), "does not go with"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    model: Path, words: tuple[str, ...], sentence: str
) -> None:
    said = _grown(model, *words)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.strip().splitlines()) <= 8
    assert not list(Path().iterdir())


def test_nothing_is_overwritten_unasked(model: Path) -> None:
    Path("texture.png").write_bytes(b"mine")
    said = _grown(model, "--size", "24x24")
    assert said.code == 1
    assert "exists already" in said.err
    assert Path("texture.png").read_bytes() == b"mine"
    assert _grown(model, "--size", "24x24", "--overwrite").code == 0


def _trained(name: str, *words: str) -> Said:
    return run_command("texture", "train", name, *SMALL, *words, "-o", "run")


@pytest.mark.parametrize("kind", ["one-colour", "tiny", "alpha", "one-pixel", "damaged"])
def test_bad_pictures(kind: str) -> None:
    picture = {
        "one-colour": np.full((40, 50, 3), 90, np.uint8),
        "tiny": grain(8, 40),
        "alpha": grain(40, 40, 4),
        "one-pixel": grain(1, 1),
        "damaged": grain(40, 40),
    }[kind]
    Image.fromarray(picture).save("example.png")
    if kind == "damaged":
        Path("example.png").write_bytes(Path("example.png").read_bytes()[:200])
    said = _trained("example.png")
    if kind == "one-colour":
        assert said.code == 0, said.err
        assert _grown(Path("run/model"), "--size", "20x20").code == 0
        return
    reason = {"alpha": "4 channels", "damaged": "example.png"}.get(kind, "too small")
    assert said.code != 0
    assert reason in said.err
    assert "Traceback" not in said.err


def test_examples_named_wrongly() -> None:
    assert "no example was named" in run_command("texture", "train", *SMALL).err
    said = _trained("demo:bricks")
    assert "demo:brick" in said.err
    said = _trained("demo:pans")
    assert "no example" in said.err
    assert "does not exist" in _trained("nowhere.png").err


def test_a_video_is_learnt_with_its_motion_and_measured() -> None:
    rng = np.random.default_rng(0)
    waves = rng.random((32, 64, 1))
    np.save("waves.npy", np.stack([np.roll(waves, place, 1) for place in range(6)]).astype(np.float32))
    said = _trained("waves.npy")
    assert said.code == 0, said.err
    log = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert "moves" in json.dumps(log[-1])
    said = run_command("--json", "texture", "eval", "waves.npy", "--model", "run/model", "--part", "test")
    assert said.code == 0, said.err
    figures = json.loads(said.out.splitlines()[-1])
    assert "motion_distance" in json.dumps(figures)


def test_a_large_source_is_not_said_to_be_resampled(model: Path) -> None:
    np.save("large.npy", np.zeros((2, 40, 640, 1), np.uint8))
    said = run_command("texture", "run", "large.npy", "--model", model, "--settle", "0", "-o", "out.npy")
    assert said.code == 0, said.err
    assert "Resampled" not in said.err
    assert np.load("out.npy").shape == (2, 40, 640, 3)


def test_a_grey_example_is_not_what_a_texture_in_colour_is_measured_with(model: Path) -> None:
    Image.fromarray(grain(64, 96, 1)[:, :, 0]).save("grey.png")
    said = run_command("texture", "eval", "grey.png", "--model", model)
    assert said.code == 1
    assert "the texture has 3" in said.err
