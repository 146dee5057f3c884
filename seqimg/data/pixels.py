"""Between frames as sources have them and tensors as models want them."""

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["resize", "to_frame", "to_tensor", "working_size"]


def to_tensor(frame: NDArray[np.generic], value_range: tuple[float, float]) -> Tensor:
    """Scale a frame to [0, 1] by its declared value range.

    Args:
        frame: `[H, W, C]` in any numeric dtype.
        value_range: The values that become 0 and 1.

    Returns:
        `[C, H, W]` float32. Values outside the declared range land outside [0, 1].

    Example:
        >>> import numpy as np
        >>> to_tensor(np.full((2, 2, 1), 255, np.uint8), (0, 255)).unique()
        tensor([1.])
    """
    low, high = value_range
    scaled = (frame.astype(np.float32) - low) / (high - low)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


def to_frame(tensor: Tensor, dtype: DTypeLike, value_range: tuple[float, float]) -> NDArray[np.generic]:
    """Undo `to_tensor`: clip to [0, 1], scale to the value range, round for integers.

    Args:
        tensor: `[C, H, W]` floating.
        dtype: dtype of the frame.
        value_range: The values that 0 and 1 become.

    Returns:
        `[H, W, C]` in `dtype`.
    """
    low, high = value_range
    values = tensor.detach().float().cpu().clamp(0, 1).numpy().transpose(1, 2, 0) * (high - low) + low
    if np.issubdtype(np.dtype(dtype), np.integer):
        values = np.rint(values)
    return np.ascontiguousarray(values.astype(dtype))


def working_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Return the size whose longer side is at most `longer` pixels, with the aspect kept.

    Frames are never enlarged, and 0 keeps them as they are.

    Example:
        >>> working_size(272, 640, 160), working_size(100, 80, 160), working_size(272, 640, 0)
        ((68, 160), (100, 80), (272, 640))
    """
    scale = longer / max(height, width) if longer else 1.0
    if scale >= 1.0:
        return height, width
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample `[N, C, H, W]` to `size` (height, width), bilinear with anti-aliasing when shrinking."""
    if frames.shape[-2:] == size:
        return frames
    return interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)
