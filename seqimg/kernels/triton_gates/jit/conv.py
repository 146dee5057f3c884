# mypy: ignore-errors
# ruff: noqa: N803, N806
"""Convolution of a ConvGRU's state with the gate arithmetic as its epilogue. Contracts: [seqimg.kernels.triton_conv][].

An implicit matrix product: pixels by output channels, summed over taps and input channels, which are
gathered while they are read; no unfolded copy of the picture ever exists.
"""

import triton
import triton.language as tl

from seqimg.kernels.triton_gates.jit.arithmetic import factor, kept, logistic, share, squash

_UNSPECIALISED = ("n", "height", "width", "rows_per_sample", "slope")


@triton.jit
def _tile(n, C: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Return this program's pixels `[BM]` int64 and output channels `[BN]`; channels run fastest."""
    TILES: tl.constexpr = (C + BN - 1) // BN
    index = tl.program_id(0)
    pixel = (index // TILES).to(tl.int64) * BM + tl.arange(0, BM)
    channel = (index % TILES) * BN + tl.arange(0, BN)
    return pixel, channel


@triton.jit
def _sum(
    x, weight, pixel, channel, n, height, width,
    CIN: tl.constexpr, STRIDE: tl.constexpr, C: tl.constexpr, COUT: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, DH: tl.constexpr, DW: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
    TWO: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """Return the convolution at `pixel` for `channel` and (TWO) for `C + channel`, fp32 `[BM, BN]` each.

    Args (those that are not sizes): x rows of STRIDE elements, of which CIN are read; weight `[KH·KW·CIN, COUT]`.
    """
    BLOCKS: tl.constexpr = (CIN + BK - 1) // BK
    y_of = (pixel // width) % height
    x_of = pixel % width
    first = tl.zeros([BM, BN], tl.float32)
    second = tl.zeros([BM, BN], tl.float32)
    for i in tl.range(0, KH * KW * BLOCKS):
        tap = i // BLOCKS
        k = (i % BLOCKS) * BK + tl.arange(0, BK)
        dy = (tap // KW - KH // 2) * DH
        dx = (tap % KW - KW // 2) * DW
        inside = (
            (y_of + dy >= 0) & (y_of + dy < height) & (x_of + dx >= 0) & (x_of + dx < width) & (pixel < n)
        )
        source = x + (pixel + dy * width + dx)[:, None] * STRIDE + k[None, :]
        a = tl.load(source, mask=inside[:, None] & (k < CIN)[None, :], other=0.0)
        there = weight + (tap * CIN + k)[:, None] * COUT + channel[None, :]
        mask = (k < CIN)[:, None] & (channel < C)[None, :]
        b = tl.load(there, mask=mask, other=0.0)
        if WIDEN:  # the interpreter multiplies no bf16 matrices, and fp16 ones slowly
            a, b = a.to(tl.float32), b.to(tl.float32)
        first = tl.dot(a, b, first, input_precision=PRECISION)
        if TWO:
            b = tl.load(there + C, mask=mask, other=0.0)
            if WIDEN:
                b = b.to(tl.float32)
            second = tl.dot(a, b, second, input_precision=PRECISION)
    return first, second


@triton.jit(do_not_specialize=_UNSPECIALISED)
def reset(
    x, weight, gates, h, rh, keep, n, height, width, rows_per_sample,
    CIN: tl.constexpr, STRIDE: tl.constexpr, C: tl.constexpr, COUT: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, DH: tl.constexpr, DW: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """r, z = σ(gates + keep * (W * x)), in place; rh = r * keep * h."""
    pixel, channel = _tile(n, C, BM, BN)
    r, z = _sum(
        x, weight, pixel, channel, n, height, width, CIN, STRIDE, C, COUT, KH, KW, DH, DW, BM, BN, BK,
        True, PRECISION, WIDEN,
    )  # fmt: skip
    row, c = pixel[:, None], channel[None, :]
    sample = row // rows_per_sample
    mask = (row < n) & (c < C)
    D = gates.dtype.element_ty
    gates += row * (3 * C) + c
    k = factor(keep, sample, row < n)
    r = logistic(tl.load(gates, mask=mask).to(tl.float32) + kept(r, k))
    z = logistic(tl.load(gates + C, mask=mask).to(tl.float32) + kept(z, k))
    state = kept(tl.load(h + row * C + c, mask=mask).to(tl.float32), k)
    tl.store(gates, r.to(D), mask=mask)
    tl.store(gates + C, z.to(D), mask=mask)
    tl.store(rh + row * C + c, (r * state).to(D), mask=mask)


@triton.jit(do_not_specialize=_UNSPECIALISED)
def blend(
    x, weight, gates, h, h_out, y, update, keep, slope, n, height, width, rows_per_sample,
    CIN: tl.constexpr, STRIDE: tl.constexpr, C: tl.constexpr, COUT: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, DH: tl.constexpr, DW: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
    ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """Candidate n = act(gates + W * x), in place; h' = h + u * z * (n - h) of the kept h."""
    pixel, channel = _tile(n, C, BM, BN)
    new, _ = _sum(
        x, weight, pixel, channel, n, height, width, CIN, STRIDE, C, COUT, KH, KW, DH, DW, BM, BN, BK,
        False, PRECISION, WIDEN,
    )  # fmt: skip
    row, c = pixel[:, None], channel[None, :]
    sample = row // rows_per_sample
    mask = (row < n) & (c < C)
    gates += row * (3 * C) + c
    new = squash(tl.load(gates + 2 * C, mask=mask).to(tl.float32) + new, ACT, slope)
    z = tl.load(gates + C, mask=mask).to(tl.float32)
    k = factor(keep, sample, row < n)
    state = kept(tl.load(h + row * C + c, mask=mask).to(tl.float32), k)
    u = share(update, row, sample, c, C, row < n, mask, EACH)
    state += u * z * (new - state)
    tl.store(gates + 2 * C, new.to(gates.dtype.element_ty), mask=mask)
    tl.store(h_out + row * C + c, state, mask=mask)
    if y is not None:
        tl.store(y + row * C + c, state.to(y.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=_UNSPECIALISED)
def reset_backward(
    x, weight, gates, h, dgates, dh_prev, keep, n, height, width, rows_per_sample,
    CIN: tl.constexpr, STRIDE: tl.constexpr, C: tl.constexpr, COUT: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, DH: tl.constexpr, DW: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """From the gradient of the n pre-activation (x) to that of r's; adds the share of h to `dh_prev`."""
    pixel, channel = _tile(n, C, BM, BN)
    d, _ = _sum(
        x, weight, pixel, channel, n, height, width, CIN, STRIDE, C, COUT, KH, KW, DH, DW, BM, BN, BK,
        False, PRECISION, WIDEN,
    )  # fmt: skip
    row, c = pixel[:, None], channel[None, :]
    sample = row // rows_per_sample
    mask = (row < n) & (c < C)
    r = tl.load(gates + row * (3 * C) + c, mask=mask).to(tl.float32)
    k = factor(keep, sample, row < n)
    state = kept(tl.load(h + row * C + c, mask=mask).to(tl.float32), k)
    before = tl.load(dh_prev + row * C + c, mask=mask)
    tl.store(dgates + row * (3 * C) + c, (d * state * r * (1.0 - r)).to(dgates.dtype.element_ty), mask=mask)
    tl.store(dh_prev + row * C + c, before + kept(d * r, k), mask=mask)


@triton.jit(do_not_specialize=_UNSPECIALISED)
def gates_backward(
    x, weight, dh_prev, keep, n, height, width, rows_per_sample,
    CIN: tl.constexpr, STRIDE: tl.constexpr, C: tl.constexpr, COUT: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, DH: tl.constexpr, DW: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """Add the data gradient of the convolution of r and z to `dh_prev`."""
    pixel, channel = _tile(n, C, BM, BN)
    d, _ = _sum(
        x, weight, pixel, channel, n, height, width, CIN, STRIDE, C, COUT, KH, KW, DH, DW, BM, BN, BK,
        False, PRECISION, WIDEN,
    )  # fmt: skip
    row, c = pixel[:, None], channel[None, :]
    sample = row // rows_per_sample
    mask = (row < n) & (c < C)
    k = factor(keep, sample, row < n)
    before = tl.load(dh_prev + row * C + c, mask=mask)
    tl.store(dh_prev + row * C + c, before + kept(d, k), mask=mask)
