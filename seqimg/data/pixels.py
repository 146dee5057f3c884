"""Between frames as sources have them and tensors as models want them.

A tensor holds NaN where its frame has no value, until `fill_missing` splits it into numbers and a mask.
"""

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["fill_missing", "resize", "to_frame", "to_tensor", "working_size"]


def to_tensor(
    frame: NDArray[np.generic], value_range: tuple[float, float], missing: NDArray[np.bool_] | None = None
) -> Tensor:
    """Scale a frame to [0, 1] by its declared value range.

    Args:
        frame: `[H, W, C]` in any numeric dtype.
        value_range: The values that become 0 and 1.
        missing: `[H, W, C]`, where there is no value, as `SequenceInfo.missing` tells; NaN stays NaN anyway.

    Returns:
        `[C, H, W]` float32, NaN where there is no value. Values outside the declared range land outside [0, 1].

    Example:
        >>> import numpy as np
        >>> to_tensor(np.full((2, 2, 1), 255, np.uint8), (0, 255)).unique()
        tensor([1.])
    """
    low, high = value_range
    scaled = (frame.astype(np.float32) - low) / (high - low)
    if missing is not None:
        scaled[missing] = np.nan
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


def to_frame(
    tensor: Tensor, dtype: DTypeLike, value_range: tuple[float, float], fill_value: float | None = None
) -> NDArray[np.generic]:
    """Undo `to_tensor`: clip to [0, 1], scale to the value range, round for integers.

    Args:
        tensor: `[C, H, W]` floating; NaN is a missing value.
        dtype: dtype of the frame.
        value_range: The values that 0 and 1 become.
        fill_value: What a missing value becomes, and no other value of integers does; None for NaN in floats,
            the lower end in integers.

    Returns:
        `[H, W, C]` in `dtype`.

    Example:
        >>> to_frame(torch.tensor([[[0.5, 1.0, torch.nan]]]), "uint8", (0, 255), fill_value=255).ravel()
        array([128, 254, 255], dtype=uint8)
    """
    low, high = value_range
    values = tensor.detach().float().cpu().clamp(0, 1).numpy().transpose(1, 2, 0) * (high - low) + low
    whole = np.issubdtype(np.dtype(dtype), np.integer)
    missing = np.isnan(values)
    if missing.any():
        values[missing] = fill_value if fill_value is not None else low if whole else np.nan
    if whole:
        values = np.rint(values)
        if fill_value is not None:  # what is there must not look as if it were missing
            values[(values == fill_value) & ~missing] += 1 if fill_value <= low else -1
    return np.ascontiguousarray(values.astype(dtype))


def fill_missing(frames: Tensor) -> tuple[Tensor, Tensor | None]:
    """Split frames into numbers and a mask: what is missing (NaN) becomes 0, the range's lower end.

    Args:
        frames: Floating, of any shape.

    Returns:
        The frames without NaN, and bool of the same shape, True where there is a value; None if nothing
        is missing.

    Example:
        >>> fill_missing(torch.tensor([0.5, torch.nan]))
        (tensor([0.5000, 0.0000]), tensor([ True, False]))
    """
    missing = frames.isnan()
    if not missing.any():
        return frames, None
    return frames.masked_fill(missing, 0), ~missing


def working_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Return the size whose longer side is at most `longer` pixels, with the aspect kept.

    Frames are never enlarged, and 0 keeps them as they are.

    Args:
        height: In pixels.
        width: In pixels.
        longer: Most pixels of the longer side; 0 for no limit.

    Example:
        >>> working_size(272, 640, 160), working_size(100, 80, 160), working_size(272, 640, 0)
        ((68, 160), (100, 80), (272, 640))
    """
    scale = longer / max(height, width) if longer else 1.0
    if scale >= 1.0:
        return height, width
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample `[N, C, H, W]` to `size` (height, width), bilinear with anti-aliasing when shrinking.

    Missing values (NaN) count for nothing: a pixel is the mean of the values it covers, and is missing
    itself if those are less than half of its area.

    Args:
        frames: `[N, C, H, W]` float, NaN where there is no value.
        size: Height and width.

    Returns:
        `[N, C, height, width]`, the same tensor if it has that size already.

    Example:
        >>> resize(torch.ones(1, 1, 4, 4), (2, 2)).flatten().tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    if frames.shape[-2:] == size:
        return frames
    numbers, mask = fill_missing(frames)
    small = _interpolated(numbers, size)
    if mask is None:
        return small
    share = _interpolated(mask.to(frames.dtype), size)
    return (small / share).masked_fill(share < 0.5, torch.nan)


def _interpolated(frames: Tensor, size: tuple[int, int]) -> Tensor:
    return interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)
