"""The pictures that styles are learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from seqimg.data import fill_missing, resize, to_tensor
from seqimg.data.generators.photographs import PHOTOGRAPHS, photograph
from seqimg.errors import SeqimgError, UsageError, did_you_mean
from seqimg.sequences import open_sequence
from seqimg.sequences.base import IMAGE_SUFFIXES
from seqimg.sequences.pictures.single import FramePicture

__all__ = ["StylePicture", "read_pictures", "shape_of"]

_GENERATED = "demo:"
_PHOTOGRAPHS = {Path(name).stem: name for names in PHOTOGRAPHS.values() for name in names}
_MOST = 2048
_LEAST = 16  # a shorter side says nothing about strokes


@dataclass(frozen=True)
class StylePicture:
    """A picture whose style is learnt.

    Attributes:
        pixels: `[3, H, W]` uint8, at the size it is seen at.
        record: Its name, size and digest, as the configuration keeps them.
    """

    pixels: Tensor
    record: str

    @classmethod
    def of(cls, name: str, picture: Tensor, longer: int) -> Self:
        """Make one of a picture `[C, H, W]` in [0, 1], resampled to a longer side.

        Raises:
            SeqimgError: It is too small, or no picture in colour or grey.
        """
        height, width = picture.shape[-2:]
        scale = longer / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        if min(size) < _LEAST or picture.shape[0] not in (1, 3, 4):
            raise SeqimgError(
                f"{name} is no picture to learn a style from",
                why=f"it has {width}×{height} pixels and {picture.shape[0]} channels",
                hint="a picture in colour or grey that is not much longer than high",
            )
        picture = picture[:3].expand(3, -1, -1)
        pixels = (resize(picture[None], size)[0].clamp(0, 1) * 255).round().to(torch.uint8)
        digest = sha256(pixels.numpy().tobytes()).hexdigest()[:12]
        plain = Path(name).name.replace(",", "_")
        return cls(pixels, f"{plain} {size[1]}x{size[0]} {digest}")


def read_pictures(names: Sequence[str], longer: int) -> tuple[StylePicture, ...]:
    """Read pictures to learn styles from.

    Args:
        names: Files, or `demo:NAME` for a photograph of scikit-image.
        longer: Longer side to bring them to.

    Raises:
        SeqimgError: One cannot be read, or is none to learn a style from.
        UsageError: There is no photograph of that name.

    Example:
        >>> read_pictures(["demo:brick"], 64)[0].record.split()[:2]
        ['brick', '64x64']
    """
    return tuple(_read(name, longer) for name in names)


def shape_of(record: str) -> tuple[int, int]:
    """Return height and width that a record states.

    Raises:
        SeqimgError: It is no such record.

    Example:
        >>> shape_of("a b.png 64x48 00ff")
        (48, 64)
    """
    try:
        width, height = (int(side) for side in record.split(" ")[-2].split("x"))
    except (ValueError, IndexError) as error:
        raise SeqimgError(f"{record!r} is no record of a style's picture") from error
    if not (min(width, height) >= _LEAST and max(width, height) <= 2048):
        raise SeqimgError(
            f"{record!r} is no record of a style's picture", why=f"{width}×{height} is no size of one"
        )
    return height, width


def _read(name: str, longer: int) -> StylePicture:
    if name.startswith(_GENERATED):
        plain = name.removeprefix(_GENERATED)
        if plain not in _PHOTOGRAPHS:
            raise UsageError(
                f"no photograph {name!r}",
                why=f"there are {', '.join(_PHOTOGRAPHS)}",
                hint=did_you_mean(plain, tuple(_PHOTOGRAPHS)),
            )
        return StylePicture.of(plain, to_tensor(photograph(_PHOTOGRAPHS[plain]), (0, 255)), longer)
    path = Path(name)
    still = path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    with FramePicture(path) if still else open_sequence(name) as sequence:
        info = sequence.info
        frame = next(iter(sequence.timed())).pixels  # of a video its first
        missing = info.missing(frame) if info.may_miss else None
        return StylePicture.of(name, fill_missing(to_tensor(frame, info.value_range, missing))[0], longer)
