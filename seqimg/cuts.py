"""Where a sequence jumps from one scene to another."""

import torch
from torch import Tensor

from seqimg.data import fill_missing, resize, working_size
from seqimg.nn.matching import is_cut, matching_costs

__all__ = ["Cuts", "continues", "glance"]

_SIDE = 96  # longer side that frames are compared at, in pixels
_PATCH, _REACH = 8, 4


class Cuts:
    """Finds the frames that do not continue the one before, seen one by one.

    Args:
        before: A glance at the frame before the first, `[1, C, h, w]`; None if there is none.

    Attributes:
        before: A glance at the last frame, `[1, C, h, w]`.

    Example:
        >>> cuts = Cuts()
        >>> one, other = torch.rand(2, 3, 48, 64)
        >>> [cuts(frame) for frame in (one, one, other, other)]
        [False, False, True, False]
    """

    def __init__(self, before: Tensor | None = None) -> None:
        self.before = before

    def __call__(self, frame: Tensor) -> bool:
        """Tell whether a frame `[C, H, W]` begins another scene; the first one does not."""
        before, self.before = self.before, glance(frame)
        return before is not None and not continues(self.before, before)


def glance(frame: Tensor) -> Tensor:
    """Return a frame `[C, H, W]` as small as it is compared, `[1, C, h, w]` on the CPU, missing values filled.

    Args:
        frame: `[C, H, W]` in [0, 1], NaN where there is no value.

    Example:
        >>> glance(torch.rand(3, 480, 640)).shape
        torch.Size([1, 3, 72, 96])
    """
    height, width = working_size(frame.shape[-2], frame.shape[-1], _SIDE)
    size = (max(height // _PATCH, 1) * _PATCH, max(width // _PATCH, 1) * _PATCH)
    return fill_missing(resize(frame[None].cpu(), size))[0]


def continues(now: Tensor, before: Tensor) -> bool:
    """Tell whether one glance shows what another showed, perhaps moved a little; those of other sizes do.

    Args:
        now: A glance at a frame, `[1, C, h, w]`.
        before: A glance at the one before, `[1, C, h, w]`.

    Example:
        >>> one, other = (glance(frame) for frame in torch.rand(2, 3, 48, 64))
        >>> continues(one, one.roll(2, dims=-1)), continues(one, other)
        (True, False)
    """
    if before.shape != now.shape:
        return True
    with torch.inference_mode():
        costs = matching_costs(now, before, reach=_REACH, patch=_PATCH)
        return not bool(is_cut(costs, now))
