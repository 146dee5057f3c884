"""A running average of weights that is of use from the first steps on."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["running_average"]

Tensors = tuple[Tensor, ...] | list[Tensor]
Update = Callable[[Tensors, Tensors, Tensor | int], None]


def running_average(decay: float) -> Update:
    """Return how `torch.optim.swa_utils.AveragedModel` takes in new weights.

    After n earlier updates the average moves by 1 - d of the way to the new weights, with
    d = min(decay, (1 + n) / (10 + n)): it forgets where training began, however short the run.

    Args:
        decay: d in the long run, 0 to 1.

    Example:
        >>> average, update = [torch.zeros(1)], running_average(0.99)
        >>> update(average, [torch.ones(1)], 0)
        >>> average[0].item()
        0.8999999761581421
    """

    @torch.no_grad()
    def update(average: Tensors, weights: Tensors, earlier: Tensor | int) -> None:
        number = int(earlier)
        kept = min(decay, (1 + number) / (10 + number))
        torch._foreach_lerp_(average, weights, 1 - kept)

    return update
