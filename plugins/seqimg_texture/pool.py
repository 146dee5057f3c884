"""Textures that are kept growing during training, so that what is learnt holds after a thousand frames too."""

import torch
from torch import Tensor

from seqimg_texture.model import Grower, Growth

__all__ = ["Pool", "expanded"]


class Pool:
    """States of textures, of which some are taken, grown on and put back.

    The idea is that of Mordvintsev et al., "Growing Neural Cellular Automata" (Distill 2020).

    Args:
        count: How many.
        renewed: Share of those taken that begin anew: noise has to become a texture too.
    """

    def __init__(self, count: int, renewed: float) -> None:
        self._count, self._renewed = count, renewed
        self._growths: list[Growth] = []
        self._taken: list[int] = []

    def take(self, grower: Grower, size: tuple[int, int], batch: int) -> Growth:
        """Return some textures as one batch, drawn with torch's random numbers.

        Args:
            grower: What starts them.
            size: Height and width in pixels; of another size than before all begin anew.
            batch: How many.
        """
        if self._growths and self._growths[0][2].shape != grower.start(size, [0])[2].shape:
            self._growths.clear()
        count = max(self._count, batch)
        while len(self._growths) < count:
            self._growths.append(grower.start(size, [_seed()]))
        self._taken = torch.randperm(count)[:batch].tolist()
        for place in self._taken:
            if float(torch.rand(())) < self._renewed:
                self._growths[place] = grower.start(size, [_seed()])
        device = next(grower.parameters()).device
        parts = zip(*(self._growths[place] for place in self._taken), strict=True)
        taken = tuple(torch.cat(part) for part in parts)
        return tuple(part if number == 4 else part.to(device) for number, part in enumerate(taken))

    def put(self, growth: Growth) -> None:
        """Put back what was taken, grown; no gradient goes through the pool."""
        for row, place in enumerate(self._taken):
            self._growths[place] = tuple(part[row : row + 1].detach() for part in growth)


def _seed() -> int:
    return int(torch.randint(2**31, ()))


def expanded(frames: Tensor, count: int) -> Tensor:
    """Return frames `[B, count, C, H, W]` of which only the shape counts, without memory."""
    return frames[:, :1].expand(-1, count, -1, -1, -1)
