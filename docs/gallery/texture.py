"""Make the gallery's picture of textures: `python docs/gallery/texture.py FOLDER [NAME …]`.

The folder is where `tests/bench/texture.py` keeps its models; it is asked to train those that are missing.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from seqimg import modelfolder
from seqimg.data.generators.photographs import photograph
from seqimg.streaming import Stream
from seqimg.task import Seen
from seqimg_texture.config import TextureRun
from seqimg_texture.showing import alive

NAMES = ("brick", "grass", "gravel")
SIDE, GAP = 256, 8


def main(folder: Path, names: Sequence[str]) -> None:
    """Write `texture.png`: a row for each example, with what grew, what became of it, and a tile laid beside itself."""
    for name in names:
        if not (folder / name).is_dir():
            subprocess.run(
                [sys.executable, "-m", "tests.bench.texture", str(folder), "--only", name], check=True
            )
    rows = [shown(folder, name) for name in names]
    between = torch.ones(1, GAP, rows[0].shape[-1])
    picture = torch.cat([part for row in rows for part in (row, between)][:-1], dim=1)
    pixels = (picture[0] * 255).round().byte().numpy()
    Image.fromarray(pixels).save(Path(__file__).parent / "texture.png", optimize=True)


def shown(folder: Path, name: str) -> Tensor:
    """Return the example's upper left, a texture after 60 and 400 frames, and a tile of 128 four times."""
    model = modelfolder.load(folder / name, task="texture").model
    example = torch.from_numpy(photograph(f"{name}.png").copy()).permute(2, 0, 1)[:, :SIDE, :SIDE] / 255
    young, old = grown(model, SIDE, 60, TextureRun()), grown(model, SIDE, 400, TextureRun())
    tile = grown(model, SIDE // 2, 60, TextureRun(tileable=True)).repeat(1, 2, 2)
    between = torch.ones(1, SIDE, GAP)
    return torch.cat([example, between, young, between, old, between, tile], dim=2)


def grown(model: torch.nn.Module, side: int, frames: int, options: TextureRun) -> Tensor:
    """Return the last of some frames, `[1, side, side]`."""
    blank = torch.empty(1, 1, 1).expand(1, side, side)
    picture = blank
    for each in alive(Stream(model), (Seen(blank, index, 0.0) for index in range(frames)), options):
        assert each.picture is not None
        picture = each.picture
    return picture


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or NAMES)
