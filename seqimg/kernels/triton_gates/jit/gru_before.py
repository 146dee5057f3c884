# mypy: ignore-errors
# ruff: noqa: N803, N806
"""ConvGRU with the reset before the convolution: two programs forward, two backward.

Contracts, shapes and traffic: [seqimg.kernels.triton_gates.gru_before][].
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

_COUNTS = ("n_vectors", "rows_per_sample")


@triton.jit(do_not_specialize=_COUNTS)
def reset(
    gates, h, rh, recurrent, keep,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """r, z = σ(gates + keep * recurrent), in place; rh = r * keep * h."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    D = gates.dtype.element_ty
    gates += row * (3 * C) + c
    r = tl.load(gates, mask=mask).to(tl.float32)
    z = tl.load(gates + C, mask=mask).to(tl.float32)
    state = tl.load(h + row * C + c, mask=mask).to(tl.float32)
    k = factor(keep, sample, mask)
    if recurrent is not None:
        recurrent += row * (2 * C) + c
        r += kept(tl.load(recurrent, mask=mask).to(tl.float32), k)
        z += kept(tl.load(recurrent + C, mask=mask).to(tl.float32), k)
    r = logistic(r)
    tl.store(gates, r.to(D), mask=mask)
    tl.store(gates + C, logistic(z).to(D), mask=mask)
    tl.store(rh + row * C + c, (r * kept(state, k)).to(rh.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=(*_COUNTS, "slope"))
def blend(
    gates, h, h_out, y, recurrent, update, keep, slope,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """Candidate n = act(gates + recurrent), in place; h' = h + u * z * (n - h) of the kept h."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    gates += row * (3 * C) + c
    z = tl.load(gates + C, mask=mask).to(tl.float32)
    n = tl.load(gates + 2 * C, mask=mask).to(tl.float32)
    state = tl.load(h + row * C + c, mask=mask).to(tl.float32)
    if recurrent is not None:
        n += tl.load(recurrent + row * C + c, mask=mask).to(tl.float32)
    state = kept(state, factor(keep, sample, mask))
    u = share(update, row, sample, c, C, mask, mask, EACH)
    n = squash(n, ACT, slope)
    state += u * z * (n - state)
    tl.store(gates + 2 * C, n.to(gates.dtype.element_ty), mask=mask)
    tl.store(h_out + row * C + c, state, mask=mask)
    if y is not None:
        tl.store(y + row * C + c, state.to(y.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=(*_COUNTS, "slope"))
def blend_backward(
    dh, gates, h, dgates, dh_prev, dy, dconv, keep_next, update, keep, slope,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """From the gradient of h' to those of the z and n pre-activations and, in part, of h."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    D = dgates.dtype.element_ty
    at = row * C + c
    d = tl.load(dh + at, mask=mask)
    if dy is not None:
        d += tl.load(dy + at, mask=mask).to(tl.float32)
    if dconv is not None:
        later = factor(keep_next, sample, mask)
        d += kept(tl.load(dconv + at, mask=mask).to(tl.float32), later)
    gates += row * (3 * C) + c
    z = tl.load(gates + C, mask=mask).to(tl.float32)
    n = tl.load(gates + 2 * C, mask=mask).to(tl.float32)
    k = factor(keep, sample, mask)
    state = kept(tl.load(h + at, mask=mask).to(tl.float32), k)
    u = share(update, row, sample, c, C, mask, mask, EACH)
    dgates += row * (3 * C) + c
    tl.store(dgates + C, (d * u * (n - state) * z * (1.0 - z)).to(D), mask=mask)
    tl.store(dgates + 2 * C, (d * u * z * derivative(n, ACT, slope)).to(D), mask=mask)
    tl.store(dh_prev + at, kept(d * (1.0 - u * z), k), mask=mask)


@triton.jit(do_not_specialize=_COUNTS)
def reset_backward(
    drh, gates, h, dgates, dh_prev, keep,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """From the gradient of r * h to that of the r pre-activation; adds the share of h to `dh_prev`."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    at = row * C + c
    d = tl.load(drh + at, mask=mask).to(tl.float32)
    r = tl.load(gates + row * (3 * C) + c, mask=mask).to(tl.float32)
    k = factor(keep, sample, mask)
    state = kept(tl.load(h + at, mask=mask).to(tl.float32), k)
    dr = d * state * r * (1.0 - r)
    tl.store(dgates + row * (3 * C) + c, dr.to(dgates.dtype.element_ty), mask=mask)
    before = tl.load(dh_prev + at, mask=mask)
    tl.store(dh_prev + at, before + kept(d * r, k), mask=mask)
