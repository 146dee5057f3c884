# mypy: ignore-errors
# ruff: noqa: N803, N806
"""ConvGRU with the reset after the convolution: one program forward, one backward.

Contracts, shapes and traffic: [seqimg.kernels.triton_gates.gru_after][].
"""

import triton
import triton.language as tl

from seqimg.kernels.triton_gates.jit.arithmetic import (
    derivative,
    factor,
    kept,
    logistic,
    place,
    share,
    squash,
)

_UNSPECIALISED = ("n_vectors", "rows_per_sample", "slope")


@triton.jit(do_not_specialize=_UNSPECIALISED)
def forward(
    gates, recurrent, h, h_out, y, candidate, bias, update, keep, slope,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """The whole step behind the convolution; r, z, n replace the projection in `gates`."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    D = gates.dtype.element_ty
    gates += row * (3 * C) + c
    recurrent += row * (3 * C) + c
    r = tl.load(gates, mask=mask).to(tl.float32)
    z = tl.load(gates + C, mask=mask).to(tl.float32)
    n = tl.load(gates + 2 * C, mask=mask).to(tl.float32)
    k = factor(keep, sample, mask)
    r += kept(tl.load(recurrent, mask=mask).to(tl.float32), k)
    z += kept(tl.load(recurrent + C, mask=mask).to(tl.float32), k)
    q = kept(tl.load(recurrent + 2 * C, mask=mask).to(tl.float32), k)
    state = tl.load(h + row * C + c, mask=mask).to(tl.float32)
    if bias is not None:
        r += tl.load(bias + c).to(tl.float32)
        z += tl.load(bias + C + c).to(tl.float32)
        q += tl.load(bias + 2 * C + c).to(tl.float32)
    u = share(update, row, sample, c, C, mask, mask, EACH)
    r, z = logistic(r), logistic(z)
    n = squash(n + r * q, ACT, slope)
    tl.store(gates, r.to(D), mask=mask)
    tl.store(gates + C, z.to(D), mask=mask)
    tl.store(gates + 2 * C, n.to(D), mask=mask)
    if candidate is not None:
        tl.store(candidate + row * C + c, q.to(D), mask=mask)
    state = kept(state, k)
    state += u * z * (n - state)
    tl.store(h_out + row * C + c, state, mask=mask)
    if y is not None:
        tl.store(y + row * C + c, state.to(y.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=_UNSPECIALISED)
def backward(
    dh, gates, candidate, h, dprojected, drecurrent, dh_prev, dy, dconv, keep_next, update, keep, slope,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """From the gradient of h' to those of both pre-activations and, but for the convolution, of h."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    D = dprojected.dtype.element_ty
    at = row * C + c
    d = tl.load(dh + at, mask=mask)
    if dy is not None:
        d += tl.load(dy + at, mask=mask).to(tl.float32)
    if dconv is not None:
        later = factor(keep_next, sample, mask)
        d += kept(tl.load(dconv + at, mask=mask).to(tl.float32), later)
    gates += row * (3 * C) + c
    r = tl.load(gates, mask=mask).to(tl.float32)
    z = tl.load(gates + C, mask=mask).to(tl.float32)
    n = tl.load(gates + 2 * C, mask=mask).to(tl.float32)
    q = tl.load(candidate + at, mask=mask).to(tl.float32)
    k = factor(keep, sample, mask)
    state = kept(tl.load(h + at, mask=mask).to(tl.float32), k)
    u = share(update, row, sample, c, C, mask, mask, EACH)
    dz = d * u * (n - state) * z * (1.0 - z)
    dn = d * u * z * derivative(n, ACT, slope)
    dr = dn * q * r * (1.0 - r)
    dprojected += row * (3 * C) + c
    drecurrent += row * (3 * C) + c
    tl.store(dprojected, dr.to(D), mask=mask)
    tl.store(dprojected + C, dz.to(D), mask=mask)
    tl.store(dprojected + 2 * C, dn.to(D), mask=mask)
    tl.store(drecurrent, dr.to(D), mask=mask)
    tl.store(drecurrent + C, dz.to(D), mask=mask)
    tl.store(drecurrent + 2 * C, (dn * r).to(D), mask=mask)
    tl.store(dh_prev + at, kept(d * (1.0 - u * z), k), mask=mask)
