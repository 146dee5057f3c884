# mypy: ignore-errors
# ruff: noqa: N803, N806
"""What the programs share: the place of an element, the squashing functions, optional factors.

Triton compiles these files; Python never runs them, which is why mypy does not read them.
"""

import triton
import triton.language as tl

__all__ = ["derivative", "factor", "kept", "logistic", "place", "share", "squash", "tanh"]


@triton.jit
def place(n_vectors, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr):
    """Return row `[V, 1]` int64, channel `[V, VEC]` int32 and mask `[V, 1]` of this program's BLOCK elements.

    An `[N, C]` array is walked in memory order, VEC channels of one row at a time: no lane is idle
    whatever C is, there is one division a vector instead of one an element, and the compiler sees
    that VEC neighbours are contiguous, which is what makes 16-byte loads out of C % 8 == 0.
    """
    PER_ROW: tl.constexpr = C // VEC
    first = tl.program_id(0).to(tl.int64) * (BLOCK // VEC)
    index = tl.arange(0, BLOCK // VEC)
    lane = tl.arange(0, VEC)
    # Only the first vector's place needs 64 bits; the others are near it.
    local = (first % PER_ROW).to(tl.int32) + index
    row = first // PER_ROW + local // PER_ROW
    channel = tl.multiple_of((local % PER_ROW) * VEC, VEC)[:, None] + lane[None, :]
    return row[:, None], channel, (first + index < n_vectors)[:, None]


@triton.jit
def factor(values, sample, inside):
    """Return `values [B]` of each row's sample as fp32 `[V, 1]`; 1 where there are no values.

    `inside` is the mask of the rows `[V, 1]`.
    """
    if values is None:
        return 1.0
    else:  # Triton compiles what follows a return
        return tl.load(values + sample, mask=inside, other=1).to(tl.float32)


@triton.jit
def share(update, row, sample, column, WIDTH: tl.constexpr, inside, mask, EACH: tl.constexpr):
    """Return the update share: 1, one of each sample `[B]`, or (EACH) one of each element `[N, WIDTH]`.

    `inside` is the mask of the rows `[V, 1]`, `mask` that of the elements.
    """
    if EACH:
        return tl.load(update + row * WIDTH + column, mask=mask, other=1).to(tl.float32)
    else:
        return factor(update, sample, inside)


@triton.jit
def kept(value, keep):
    """Return `keep * value`: exactly 0 where keep is 0, even of infinity and NaN."""
    return tl.where(keep == 0, 0.0, keep * value)


@triton.jit
def logistic(x):
    """Return 1 / (1 + exp(-x)) in fp32; no exponential overflows."""
    e = tl.exp(-tl.abs(x))
    return tl.where(x >= 0, 1.0, e) / (1.0 + e)


@triton.jit
def tanh(x):
    """Return tanh in fp32, to a few units in the last place also near 0, where (1 - e)/(1 + e) cancels."""
    e = tl.exp(-2.0 * tl.abs(x))
    far = (1.0 - e) / (1.0 + e)
    s = x * x
    # Least squares fit of (tanh(x)/x - 1)/x² on |x| < 0.55, weighted for the relative error of tanh.
    near = -0.333333164 + s * (0.13332586 + s * (-0.0538523085 + s * (0.021071678 - s * 0.00627423916)))
    return tl.where(s < 0.3025, x + x * s * near, tl.where(x >= 0, far, -far))


@triton.jit
def squash(x, ACT: tl.constexpr, slope):
    """Return the activation ACT of x: "tanh", "relu", "leaky" (`slope * x` below 0) or "linear"."""
    if ACT == "tanh":
        return tanh(x)
    elif ACT == "relu":
        return tl.where(x <= 0, 0.0, x)  # not maximum(x, 0), which would hide NaN
    elif ACT == "leaky":
        return tl.where(x <= 0, slope * x, x)
    else:
        return x


@triton.jit
def derivative(n, ACT: tl.constexpr, slope):
    """Return the derivative of the activation ACT, written in its value n."""
    if ACT == "tanh":
        return 1.0 - n * n
    elif ACT == "relu":
        return tl.where(n > 0, 1.0, 0.0)
    elif ACT == "leaky":
        return tl.where(n > 0, 1.0, slope)
    else:
        return 1.0
