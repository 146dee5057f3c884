"""How good textures are, and what they cost: brick, grass and gravel of scikit-image.

    python -m tests.bench.texture [FOLDER] [--only NAME] [--pictures DIR] [--options KEY=VALUE …]

Each texture is trained from the left 70 % of its picture with the defaults of `seqimg texture train`, on one thread,
in processor time; then grown at 64², 256² and 512², for 1,000 frames. Distances (of `seqimg_texture.measures`, in two
kinds of features) are to crops of the right 30 %, which training never sees, and are given as multiples of what crops
of the left part are away from the same crops. What is done is kept in FOLDER; run it again to go on.
"""

import argparse
import json
import os
from pathlib import Path
from time import process_time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seqimg import modelfolder
from seqimg.data.generators.photographs import photograph
from seqimg.plugins.manager import plugin_host
from seqimg.streaming import Stream
from seqimg.task import Seen
from seqimg_texture.config import TextureRun
from seqimg_texture.measures import View
from seqimg_texture.showing import alive

NAMES = ("brick", "grass", "gravel")
FEATURES = ("hed-vgg16", "random-multiscale")
CROP, HELD, MARKS = 128, 358, (50, 200, 1000)
CROPS = 4  # places down the picture that crops are taken from


def main() -> None:
    """Train and measure what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("texture-bench"))
    parser.add_argument("--only", choices=NAMES, action="append")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--options", nargs="*", default=[])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for name in asked.only or NAMES:
        done = asked.folder / f"{name}.json"
        if not (asked.folder / name).exists():
            seconds = _train(name, asked.folder / name, asked.options)
            (asked.folder / f"{name}.seconds").write_text(f"{seconds:.1f}")
        if not done.exists():
            done.write_text(json.dumps(_measure(name, asked.folder, asked.pictures), indent=1))
        found[name] = json.loads(done.read_text())
    print(_table(found))


def _train(name: str, folder: Path, options: list[str]) -> float:
    from seqimg.training.loop import Trainer

    kind = plugin_host().tasks.load("texture")
    values = dict(option.split("=", 1) for option in options)
    task = kind(kind.Config(data=(f"demo:{name}",), device="cpu", **values))
    begun = process_time()
    with task.datasets() as data:
        ready = task.settled(data)
        trained = Trainer(ready, data, lambda report: _tell(name, report, begun)).train()
    seconds = process_time() - begun
    modelfolder.save(
        folder, ready, trained.best, {"steps": trained.steps, "validation": trained.best_metrics}
    )
    return seconds


def _tell(name: str, report: Any, begun: float) -> None:
    if report.step % 100 == 0:
        parts = ", ".join(f"{key} {value:.4f}" for key, value in report.parts.items())
        print(f"{name} {report.step} {process_time() - begun:.0f} s: {parts}", flush=True)


@torch.inference_mode()
def _measure(name: str, folder: Path, pictures: Path | None) -> dict[str, Any]:
    loaded = modelfolder.load(folder / name, task="texture")
    example = torch.from_numpy(photograph(f"{name}.png").copy()).permute(2, 0, 1)[None] / 255
    held, seen = _crops(example, HELD + 13), _crops(example, 110)
    result: dict[str, Any] = {"training_seconds": float((folder / f"{name}.seconds").read_text())}
    for features in FEATURES:
        theirs, mine = _views(held, features), _views(seen, features)
        result[f"{features} left to right"] = _distance(mine, theirs)
        result[f"{features} right to right"] = _distance(theirs[:2], theirs[2:])
        result[f"{features} left to left"] = _distance(mine[:2], mine[2:])
    for side, frames in ((64, 1000), (256, 200), (512, 1000)):
        result |= _lived(
            loaded, side, frames, held, seen, example, pictures and pictures / f"{name}-{side}.png"
        )
    return result


def _lived(
    loaded: modelfolder.LoadedModel,
    side: int,
    frames: int,
    held: list[Tensor],
    seen: list[Tensor],
    example: Tensor,
    picture: Path | None,
) -> dict[str, Any]:
    """Grow a texture from noise and measure it at some moments."""
    blank = torch.empty(1, 1, 1).expand(loaded.config.channels, side, side)
    shown = alive(
        Stream(loaded.model),
        (Seen(blank, index, index / 25) for index in range(frames)),
        TextureRun(settle=0),
    )
    result: dict[str, Any] = {}
    cut = min(side, CROP)
    theirs = {name: _views([crop[..., :cut, :cut] for crop in held], name) for name in FEATURES}
    usual = {
        name: _distance(_views([crop[..., :cut, :cut] for crop in seen], name), theirs[name])
        for name in FEATURES
    }
    before, motion, begun, lived = blank, list[float](), process_time(), 0.0
    for number, each in enumerate(shown, start=1):
        assert each.picture is not None
        if number > 1:
            motion.append(float((each.picture - before).abs().mean() / example.std()))
        before = each.picture
        if number in MARKS:
            lived += process_time() - begun
            for name in FEATURES:
                far = _distance(_views(_pieces(before[None]), name), theirs[name])
                result[f"{name} {side} at {number}"] = far / usual[name]
            result[f"motion {side} at {number}"] = float(np.mean(motion[-40:]))
            if picture is not None and number == MARKS[1]:
                _write(picture, before)
            begun = process_time()
    result[f"seconds a frame {side}"] = lived / frames
    return result


def _write(path: Path, picture: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (picture.permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path)


def _crops(example: Tensor, left: int) -> list[Tensor]:
    free = example.shape[-2] - CROP
    tops = [free * place // (CROPS - 1) for place in range(CROPS)]
    return [example[..., top : top + CROP, left : left + CROP] for top in tops]


def _pieces(picture: Tensor) -> list[Tensor]:
    """Return crops of what has grown: all of a small one, four of a large one."""
    side = picture.shape[-1]
    if side <= CROP:
        return [picture]
    places = (0, side - CROP)
    return [picture[..., top : top + CROP, left : left + CROP] for top in places for left in places]


def _views(pictures: list[Tensor], features: str) -> list[View]:
    return [View.of(picture, features) for picture in pictures]


def _distance(views: list[View], others: list[View]) -> float:
    return float(np.mean([float(one.distance(other)) for one in views for other in others]))


def _table(found: dict[str, dict[str, Any]]) -> str:
    keys = list(next(iter(found.values())))
    lines = ["| | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    lines += [
        f"| {key} | " + " | ".join(f"{result[key]:.4g}" for result in found.values()) + " |" for key in keys
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
