"""Any picture size through strided networks: pad before, crop after."""

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["crop_to", "pad_to_multiple"]


def pad_to_multiple(frames: Tensor, multiple: int) -> Tensor:
    """Repeat the right and lower edges until height and width are multiples of `multiple`.

    Args:
        frames: `[N, C, H, W]`.
        multiple: At least 1.

    Returns:
        `[N, C, H', W']`, the same tensor if nothing is missing.

    Example:
        >>> import torch
        >>> pad_to_multiple(torch.zeros(1, 3, 5, 8), 4).shape
        torch.Size([1, 3, 8, 8])
    """
    height, width = frames.shape[-2:]
    # Not `-height % multiple`: of sizes that are yet unknown, torch sees only so that the sum is a multiple.
    lower, right = ((side + multiple - 1) // multiple * multiple - side for side in (height, width))
    # A graph for such sizes pads always, by nothing where nothing is missing.
    unknown = any(type(side) is not int for side in (lower, right))
    return pad(frames, (0, right, 0, lower), mode="replicate") if unknown or lower or right else frames


def crop_to(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Keep the upper left `size` (height, width) of `[…, H, W]`: the inverse of `pad_to_multiple`.

    Args:
        frames: Padded pictures `[…, H, W]`.
        size: Height and width that they had.

    Returns:
        The pictures `[…, height, width]`, a view; a copy in a graph that is exported.

    Example:
        >>> import torch
        >>> crop_to(torch.zeros(1, 3, 8, 8), (5, 7)).shape
        torch.Size([1, 3, 5, 7])
    """
    if not torch.compiler.is_exporting():  # of slices a graph would remember whether they left anything out
        return frames[..., : size[0], : size[1]]
    rows, columns = (torch.arange(side, device=frames.device) for side in size)
    return frames.index_select(-2, rows).index_select(-1, columns)
