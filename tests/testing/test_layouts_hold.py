"""The layouts that come along keep the contract that plugins' layouts keep."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from seqimg.testing import LayoutContract, moving_square, run_command


def _stack(path: Path, seed: int = 0, frames: int = 6) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, moving_square(frames, (16, 20), seed=seed))


def _picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(moving_square(1, (16, 20), seed=seed)[0]).save(path)


class TestClassFolders(LayoutContract):
    layout = "class-folders"

    def make(self, folder: Path) -> Path:
        for number, name in enumerate(("run/a", "run/b", "walk/c", "walk/d")):
            _stack(folder / f"{name}.npy", number)
        return folder


class TestFrameFolders(LayoutContract):
    layout = "frame-folders"

    def make(self, folder: Path) -> Path:
        for clip in ("one", "two"):
            for frame in range(3):
                _picture(folder / clip / f"{frame:04}.png", frame)
        return folder


class TestVideos(LayoutContract):
    layout = "videos"

    def make(self, folder: Path) -> Path:
        for number in (1, 9, 10):
            _stack(folder / f"a{number}.npy", number)
        return folder


class TestClassPictures(LayoutContract):
    layout = "class-pictures"
    recognised = False

    def make(self, folder: Path) -> Path:
        for number, name in enumerate(("cat/1", "cat/2", "dog/1", "dog/2")):
            _picture(folder / f"{name}.png", number)
        return folder


class TestList(LayoutContract):
    layout = "list"

    def make(self, folder: Path) -> Path:
        for number in range(3):
            _stack(folder / f"{number}.npy", number)
        (folder / "list.txt").write_text("0.npy 0\n1.npy 1\n2.npy 0\n")
        return folder / "list.txt"

    def test_in_a_fixed_order(self) -> None:
        """The list alone, copied elsewhere, names nothing: it is the folder that is copied."""


class TestCocoVid(LayoutContract):
    layout = "coco-vid"

    def make(self, folder: Path) -> Path:
        return _made(folder, "coco-vid")


class TestMOT(LayoutContract):
    layout = "mot"

    def make(self, folder: Path) -> Path:
        return _made(folder, "mot")


class TestMovingMNIST(LayoutContract):
    layout = "moving-mnist"

    def make(self, folder: Path) -> Path:
        np.save(folder / "digits.npy", moving_square(20 * 30, (64, 64), 1).reshape(20, 30, 64, 64))
        return folder / "digits.npy"


class TestXY(LayoutContract):
    layout = "xy-npz"

    def make(self, folder: Path) -> Path:
        clips = moving_square(6 * 4, (8, 8), 1, "float32").reshape(6, 4, 1, 8, 8)
        parts = {f"{xy}_{part}": clips for xy in "XY" for part in ("train", "test")}
        np.savez(folder / "taxi.npz", **parts)
        return folder / "taxi.npz"


def _made(folder: Path, boxes: str) -> Path:
    words = ("--boxes", boxes, "--count=2", "--length=4", "--size=48")
    said = run_command("data", "make", "tracks", "boxes", *words, "--json", folder=folder)
    assert said.code == 0, said.err
    assert json.loads(said.out)
    return folder / "boxes"
