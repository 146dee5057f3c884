"""The photographs that come with scikit-image, ready to be looked at through a moving camera.

Only files inside the installed scikit-image package are read, nothing is ever downloaded. They are
held out whole: no photograph belongs to two splits.

| split | photographs |
|---|---|
| train | chelsea, motorcycle_left, ihc, retina, hubble_deep_field, brick, grass, gravel, coins, moon, page |
| val | rocket, camera |
| test | astronaut, coffee |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seqimg.data.generators.generator import Split
from seqimg.errors import UnavailableError

__all__ = ["PHOTOGRAPHS", "Level", "level", "level_for", "photograph"]

PHOTOGRAPHS: Mapping[Split, tuple[str, ...]] = {
    "train": (
        "chelsea.png",
        "motorcycle_left.png",
        "ihc.png",
        "retina.jpg",
        "hubble_deep_field.jpg",
        "brick.png",
        "grass.png",
        "gravel.png",
        "coins.png",
        "moon.png",
        "page.png",
    ),
    "val": ("rocket.jpg", "camera.png"),
    "test": ("astronaut.png", "coffee.png"),
}
"""File names by split, inside scikit-image's `data` folder."""

# The square inside the round picture; the rest of the file is black.
_RETINA = slice(206, 1206)
_FINEST = 1.5  # photograph pixels per frame pixel of level 0
_TEXELS = 3.0  # texels per frame pixel: bilinear sampling is then nearly free of phase effects
_BLUR = 0.45  # standard deviation of the camera's blur in frame pixels


@dataclass(frozen=True)
class Level:
    """A photograph as a camera of one resolution sees it: blurred to that resolution, sampled finer.

    Attributes:
        texels: `[h + 2, w + 2, C]` uint8, C is 1 or 3, with a border of one repeated texel all around.
        density: Texels per photograph pixel, down and across.
    """

    texels: NDArray[np.uint8]
    density: tuple[float, float]


@cache
def photograph(name: str) -> NDArray[np.uint8]:
    """Read one of [PHOTOGRAPHS][seqimg.data.generators.photographs.PHOTOGRAPHS], `[H, W, C]` uint8, C is 1 or 3.

    Raises:
        UnavailableError: The installed scikit-image has no such file.

    Example:
        >>> photograph("coffee.png").shape
        (400, 600, 3)
    """
    spec = find_spec("skimage")
    folder = Path(spec.origin).parent / "data" if spec is not None and spec.origin else Path()
    try:
        with Image.open(folder / name) as picture:
            pixels = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
    except OSError as error:
        raise UnavailableError(
            f"cannot read the photograph {name} of scikit-image",
            why=str(error),
            hint="pip install --force-reinstall scikit-image",
        ) from error
    if name == "retina.jpg":
        pixels = pixels[_RETINA, _RETINA]
    return pixels.reshape(*pixels.shape[:2], -1)


def level_for(scale: float) -> int:
    """Return the level that does not alias at `scale` photograph pixels per frame pixel: half an octave each.

    Example:
        >>> [level_for(scale) for scale in (0.5, 1.5, 1.6, 3.0)]
        [0, 0, 1, 2]
    """
    return max(0, int(np.ceil(2 * np.log2(scale / _FINEST) - 1e-9)))


@cache
def level(name: str, number: int) -> Level:
    """Make level `number` of a photograph, once a process.

    It serves a camera of `s = 1.5 * 2 ** (number / 2)` photograph pixels per frame pixel: a
    Gaussian of 0.45 s is the camera's blur, and one texel is s / 3 wide.
    """
    from scipy.ndimage import gaussian_filter

    pixels = photograph(name)
    scale = _FINEST * 2 ** (number / 2)
    height, width = (max(4, round(side * _TEXELS / scale)) for side in pixels.shape[:2])
    planes = []
    for channel in range(pixels.shape[2]):
        plane = Image.fromarray(pixels[:, :, channel].astype(np.float32))
        resized = np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS))
        blurred = gaussian_filter(resized, _BLUR * _TEXELS, mode="nearest", truncate=3.0)
        planes.append(np.clip(np.rint(blurred), 0, 255).astype(np.uint8))
    density = (height / pixels.shape[0], width / pixels.shape[1])
    return Level(np.pad(np.stack(planes, axis=-1), ((1, 1), (1, 1), (0, 0)), mode="edge"), density)
