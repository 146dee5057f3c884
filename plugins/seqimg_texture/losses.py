"""What training asks of a texture: the example's statistics, a steady motion, and values that can be shown."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from seqimg.data import ClipDataset
from seqimg_texture.looking import PAIR, moving
from seqimg_texture.targets import Targets

__all__ = ["Wanted"]

_MOTION = 0.05  # weight of a motion e times too large or too small
_TILES = 32
_LEAST = 1e-3


class Wanted:
    """What textures are compared with in training.

    Args:
        clips: Crops of the example, `[T, C, H, W]` each.
        features: Name of the extractor.
        motion: Change from frame to frame as a share of the contrast, for examples that stand still.
    """

    def __init__(self, clips: Sequence[Tensor], features: str, motion: float) -> None:
        last = [clip[-1] for clip in clips]
        self.contrast = max(float(torch.stack([picture.std() for picture in last]).mean()), _LEAST)
        self.motion, self.looks = motion, Targets(last, features)
        videos = [clip for clip in clips if len(clip) == PAIR]
        self.moves = Targets((moving(clip[None])[0] for clip in videos), features) if videos else None

    @classmethod
    def of(cls, data: ClipDataset, features: str, motion: float) -> "Wanted":
        """Look at crops of the example."""
        return cls([data[number].frames for number in _spread(len(data))], features, motion)

    def parts(self, outputs: Tensor) -> dict[str, Tensor]:
        """Return the named parts of the loss of textures `[B, T, C, H, W]`, each with its weight in it."""
        last = outputs[:, -1]
        found = {"looks": self.looks.distance(last)}
        if self.moves is not None:
            found["moves"] = self.moves.distance(moving(outputs[:, -PAIR:]))
        else:
            change = (last - outputs[:, -2]).abs().mean((1, 2, 3)) / self.contrast
            found["motion"] = _MOTION * (change.clamp(min=_LEAST) / self.motion).log().square().mean()
        found["range"] = (last - last.clamp(0, 1)).abs().mean()
        return found


def _spread(count: int) -> Iterable[int]:
    return range(min(_TILES, count))
