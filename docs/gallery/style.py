"""Make the gallery's pictures of restyling: `python docs/gallery/style.py FOLDER [STYLE …]`, where models are kept.

Each style is learnt from a picture of [style_pictures.py](style_pictures.py), on the photographs of scikit-image, and
shown on what it was not learnt on. Broken off, it goes on where it was.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from docs.gallery.style_pictures import PICTURES
from seqimg import modelfolder
from seqimg.data import resize
from seqimg.sequences import open_sequence
from tests.bench.style import trained, video

HEIGHT = 272
FRAMES = (("bikes.mp4", 200), ("bigbuckbunny.mp4", 60))


def frame(name: str, place: int) -> Tensor:
    """Return a frame of a video, `[1, 3, H, W]` in [0, 1]."""
    with open_sequence(video(name)) as sequence:
        pixels = next(iter(sequence.frames([place]))).pixels
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def photograph(name: str) -> Tensor:
    """Return one of scikit-image's photographs that no style is learnt on."""
    found = find_spec("skimage")
    assert found is not None
    assert found.origin is not None
    with Image.open(Path(found.origin).parent / "data" / name) as picture:
        return (
            torch.from_numpy(np.asarray(picture.convert("RGB")).copy()).permute(2, 0, 1)[None].float() / 255
        )


@torch.inference_mode()
def shown(folder: Path, style: str) -> Image.Image:
    """Return the style's picture and what a model makes of photographs and frames, side by side."""
    model = modelfolder.load(trained(folder, style, 0)[0], task="style").model
    sources = [frame(*FRAMES[0]), photograph("astronaut.png"), frame(*FRAMES[1])]
    painted = [model.paint(sized(source)) for source in sources]  # type: ignore[operator]
    row = torch.cat([sized(model.pictures()[0][None]), *painted], dim=3)[0]  # type: ignore[operator]
    return Image.fromarray((row.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy())


def sized(picture: Tensor) -> Tensor:
    """Bring a picture to one height."""
    width = round(picture.shape[-1] * HEIGHT / picture.shape[-2])
    return resize(picture, (HEIGHT, width))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in sys.argv[2:] or PICTURES:
        target = Path(__file__).parent / f"style-{each}.jpg"
        shown(Path(sys.argv[1]), each).save(target, quality=88)
        print(target)
