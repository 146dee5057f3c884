"""What a reader of a page has at hand, and the test has to bring along."""

import gzip
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqimg.sequences import save_sequence
from seqimg.testing import run_command

__all__ = ["FEW", "STAGES", "TINY", "set_up"]

SHARED = ("--steps", "2", "--batch-size", "2", "--size", "48", "--crop", "32", "--validate-every", "2")
PREDICTING = ("--widths", "4,6", "--context", "4", "--horizon", "3", "--minutes", "0", "--epochs", "0")
TINY: Mapping[str, tuple[str, ...]] = {
    "predict": (*SHARED, *PREDICTING),
    "classify": (*SHARED, "--widths", "4,6", "--epochs", "0"),
    "detect": (*SHARED, "--frames", "4"),
    "style": (*SHARED, "--extractor", "random-multiscale", "--width", "8", "--blocks", "1"),
    "texture": (*SHARED, "--extractor", "random-multiscale", "--widths", "4,6"),
}
"""What is added to a printed `seqimg TASK train`, so that it ends in seconds: everything else is as printed."""

FEW = ("--count", "48", "--length", "16")
"""What is added to a printed `seqimg data make`."""

MODEL = {"predict": "demo:pans", "classify": "demo:motion", "detect": "demo:tracks"}
FILTERED = ("holiday", "night", "walk", "street", "a", "b", "c", "truth", "guess", "dive", "bikes", "dish")
CLASSES = ("run/a", "run/b", "run/c", "walk/d", "walk/e", "walk/f")
STAGES: Mapping[str, tuple[str, ...]] = {
    "explanation/isolation.md": ("from-a-stranger.mp4",),
    "explanation/reading-video.md": ("clip.mp4 of 510",),
    "how-to/choose-a-cell.md": ("my_video.mp4",),
    "how-to/classify.md": (*(f"videos/{name}.mp4" for name in CLASSES), "video.mp4", "mnist"),
    "how-to/damaged-video.md": ("tuesday.mkv", "cut tuesday.mkv"),
    "how-to/datasets.md": ("kth", "moving mnist", "lists"),
    "how-to/detect.md": ("boxes", "park.mp4", "street.mp4"),
    "how-to/cheaper-models.md": ("my_video.mp4", "model of predict"),
    "how-to/export.md": ("boxes", "street.mp4", "model of detect"),
    "how-to/filter.md": (
        *(f"{name}.mp4" for name in FILTERED),
        "radar.npy",
        "logo.png",
        "chain",
        "videos of classes in gestures",
        "radar/a.mp4",
    ),
    "how-to/look-at-and-convert.md": ("holiday.mp4", "recordings/monday.mp4", "tuesday.mkv"),
    "how-to/many-files.md": ("videos/monday/door.mp4", "videos/gate.mp4", "model of predict"),
    "how-to/memory.md": ("my_video.mp4",),
    "how-to/own-video.md": ("first.mp4", "second.mp4"),
    "how-to/predict.md": ("my-video.mp4",),
    "how-to/real-time.md": ("my_video.mp4", "model of predict"),
    "how-to/report.md": ("my_video.mp4", "model of predict", "model of predict"),
    "how-to/runs.md": ("clip.mp4", "model of predict", "model of predict"),
    "how-to/style.md": (
        "my_video.mp4",
        "holiday.mp4",
        "other_video.mp4",
        "painting.jpg",
        "photo.jpg",
        "photos/sea.jpg",
        "photos/hill.jpg",
    ),
    "how-to/texture.md": ("gravel.png", "river.mp4"),
    "how-to/training.md": ("my_video.mp4",),
    "tutorials/first-prediction.md": ("my_video.mp4",),
    "tutorials/stream-a-camera.md": ("my_video.mp4",),
}
"""Pages with what lies in the folder in which they are followed: files, or words of `_MADE`."""


def set_up(page: str) -> None:
    """Put what a page takes for granted into the current folder."""
    for name in STAGES.get(page, ()):
        word, _, what = name.partition(" ")
        if word == "model":
            task = what.removeprefix("of ")
            _seqimg(task, "train", "--data", MODEL[task], *TINY[task])
        elif word in _MADE:
            _MADE[word](what)
        else:
            _file(Path(word), int(what.removeprefix("of ") or 90))


def _file(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, _frames(count)[..., 0].astype(np.uint16) * 16)
    elif path.suffix in (".png", ".jpg"):
        save_sequence(_frames(1), f"picture/%d{path.suffix}", fps=25)
        next(Path("picture").iterdir()).rename(path)
        Path("picture").rmdir()
    else:
        save_sequence(_frames(count), path, fps=25)


def _cut(name: str) -> None:
    path = Path(name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _boxes(_: str) -> None:
    """Make boxes.json with its videos, and data/ in the layout of the MOT challenge with two classes."""
    size = ("--size", "64x48", "--length", "30", "--count", "4")
    _seqimg("data", "make", "tracks", "made", *size)
    Path("made/annotations.json").rename("boxes.json")
    Path("made/videos").rename("videos")
    _seqimg("data", "make", "tracks", "data", *size, "--boxes", "mot")
    for truth in Path("data").glob("*/gt"):
        (truth / "labels.txt").write_text("car\nbicycle\n", encoding="utf-8")
        rows = [row.split(",") for row in (truth / "gt.txt").read_text(encoding="utf-8").splitlines()]
        lines = [",".join([*row[:7], str(1 + int(row[7]) % 2), *row[8:]]) for row in rows]
        (truth / "gt.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _kth(_: str) -> None:
    for person in (1, 2, 3, 17, 18):
        save_sequence(_frames(20), f"kth/boxing/person{person:02}_boxing_d1_uncomp/image_%04d.png", fps=25)


def _moving(_: str) -> None:
    np.save(
        "mnist_test_seq.npy",
        np.moveaxis(np.pad(np.stack([_frames(20)[..., 0]] * 12), ((0, 0), (0, 0), (8, 8), (0, 0))), 0, 1),
    )


def _lists(_: str) -> None:
    for part, names in (("train", CLASSES), ("val", ("run/g", "walk/h"))):
        for name in names:
            _file(Path(f"{name}.mp4"), 30)
        lines = [f"{name}.mp4,{name.split('/')[0]}\n" for name in names]
        Path(f"{part}.csv").write_text("".join(lines), encoding="utf-8")


def _videos(words: str) -> None:
    for name in CLASSES:
        _file(Path(f"{words.removeprefix('of classes in ')}/{name}.mp4"), 30)


def _mnist(_: str) -> None:
    random = np.random.default_rng(0)
    Path("mnist").mkdir()
    for part, count in (("train", 60), ("t10k", 20)):
        pictures = random.integers(0, 255, (count, 28, 28), dtype=np.uint8).tobytes()
        labels = bytes(number % 10 for number in range(count))
        for kind, head, body in (
            ("images-idx3", struct.pack(">IIII", 0x803, count, 28, 28), pictures),
            ("labels-idx1", struct.pack(">II", 0x801, count), labels),
        ):
            Path(f"mnist/{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + body))


def _chain(_: str) -> None:
    text = '[[op]]\nname = "denoise_tv_chambolle"\nweight = 0.08\n\n[[op]]\nname = "equalize_adapthist"\n'
    Path("under-water.toml").write_text(text, encoding="utf-8")


_MADE: Mapping[str, Callable[[str], None]] = {
    "boxes": _boxes,
    "chain": _chain,
    "cut": _cut,
    "kth": _kth,
    "lists": _lists,
    "mnist": _mnist,
    "moving": _moving,
    "videos": _videos,
}


def _seqimg(*words: str) -> None:
    said = run_command(*words)
    assert said.code == 0, said.err


@cache
def _frames(count: int) -> NDArray[np.uint8]:
    """Blocks of colour that move over a textured ground: `[T, H, W, C]`, 64 wide and 48 high."""
    random = np.random.default_rng(0)
    ground = random.integers(30, 90, (48, 128, 3), dtype=np.uint8)
    frames = np.stack([np.roll(ground, -(shift // 3), axis=1)[:, :64] for shift in range(count)])
    for number in range(4):
        row, column, colour = 4 + 11 * number, 9 * number, random.integers(140, 255, 3)
        for time, frame in enumerate(frames):
            left = (column + time * (number + 1) // 2) % 56
            frame[row : row + 8, left : left + 8] = colour
    return frames
