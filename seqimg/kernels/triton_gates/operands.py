"""What the wrappers ask of their operands."""

import torch
from torch import Tensor

from seqimg.kernels.triton_gates.launch import Activation

__all__ = [
    "DATA",
    "as_rows",
    "per_sample",
    "require",
    "require_state",
    "require_vector",
    "slope_of",
    "split_update",
    "width",
]

DATA = (torch.float32, torch.bfloat16, torch.float16)
"""The types of frames and gates; states and their gradients are fp32."""

_STATE = (torch.float32,)


def as_rows(pictures: Tensor) -> Tensor:
    """Return dense channels-last pictures `[B, C, H, W]` as the array `[B·H·W, C]` that they are in memory.

    Raises:
        ValueError: They are laid out another way; nothing is copied.

    Example:
        >>> pictures = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)
        >>> as_rows(pictures).shape
        torch.Size([40, 3])
    """
    found = pictures.permute(0, 2, 3, 1)
    # A size of 1 may have any stride, so torch's own test of the layout is not enough.
    if not found.is_contiguous():
        raise ValueError(
            f"pictures {tuple(pictures.shape)} with strides {pictures.stride()} are not channels last"
        )
    return found.view(-1, pictures.shape[1])


def require(
    n: int, columns: int, dtypes: "tuple[torch.dtype, ...]" = DATA, /, **operands: Tensor | None
) -> None:
    """Check that each operand there is, is a dense array `[n, columns]` of one of the types.

    Raises:
        ValueError: It is not.
    """
    for name, operand in operands.items():
        if operand is None:
            continue
        if operand.shape != (n, columns) or not operand.is_contiguous() or operand.dtype not in dtypes:
            kinds = ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
            raise ValueError(
                f"{name} is {tuple(operand.shape)} of {operand.dtype} with strides {operand.stride()}; "
                f"a dense [{n}, {columns}] of {kinds} is needed"
            )


def require_state(n: int, columns: int, /, **operands: Tensor | None) -> None:
    """Check that each operand there is, is a dense fp32 array `[n, columns]`."""
    require(n, columns, _STATE, **operands)


def require_vector(length: int, /, **operands: Tensor | None) -> None:
    """Check that each operand there is, is a dense fp32 vector of that length."""
    require(1, length, _STATE, **{name: v if v is None else v.unsqueeze(0) for name, v in operands.items()})


def per_sample(n: int, *factors: Tensor | None) -> tuple[int, int]:
    """Return the rows a sample has, and how many factors `[B]` there are.

    Args:
        n: Rows of all samples.
        *factors: Operands `[B]`, or None.

    Raises:
        ValueError: A factor is no dense `[B]`, or B differs or does not divide the rows.
    """
    given = [factor for factor in factors if factor is not None]
    samples = given[0].shape[0] if given else 1
    for factor in given:
        if factor.shape != (samples,) or not factor.is_contiguous() or n % max(samples, 1):
            raise ValueError(f"a factor is {tuple(factor.shape)}; a dense [B] is needed, B a divisor of {n}")
    return n // max(samples, 1), len(given)


def split_update(update: Tensor | None, n: int, columns: int) -> tuple[Tensor | None, Tensor | None]:
    """Return an update share as (one of each element `[n, columns]`, one of each sample `[B]`); one is None.

    Raises:
        ValueError: It is neither.
    """
    if update is None or update.dim() == 1:
        return None, update
    if update.shape != (n, columns) or not update.is_contiguous():
        raise ValueError(f"update is {tuple(update.shape)}; a dense [B] or [{n}, {columns}] is needed")
    return update, None


def slope_of(activation: Activation, slope: float) -> float:
    """Return the slope below 0 that the activation uses.

    Raises:
        ValueError: No program has that activation.
    """
    if activation not in ("tanh", "relu", "leaky", "linear"):
        raise ValueError(f"no Triton program has the activation {activation!r}")
    return slope if activation == "leaky" else 0.0


def width(*operands: Tensor | None) -> int:
    """Return the bytes of one element of each operand there is, summed."""
    return sum(operand.element_size() for operand in operands if operand is not None)
