# mypy: ignore-errors
# ruff: noqa: N803, N806
"""ConvLSTM: one program forward, one backward. Contracts: [seqimg.kernels.triton_gates.conv_lstm][]."""

import triton
import triton.language as tl

from seqimg.kernels.triton_gates.jit.arithmetic import factor, kept, logistic, place, share, tanh

_COUNTS = ("n_vectors", "rows_per_sample")


@triton.jit(do_not_specialize=_COUNTS)
def forward(
    gates, state, state_out, y, recurrent, peephole, update, keep,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    EACH: tl.constexpr,
):  # fmt: skip
    """The whole step behind the convolution; i, f, g, o replace the pre-activations in `gates`."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    D = gates.dtype.element_ty
    gates += row * (4 * C) + c
    i = tl.load(gates, mask=mask).to(tl.float32)
    f = tl.load(gates + C, mask=mask).to(tl.float32)
    g = tl.load(gates + 2 * C, mask=mask).to(tl.float32)
    o = tl.load(gates + 3 * C, mask=mask).to(tl.float32)
    k = factor(keep, sample, mask)
    at = row * (2 * C) + c
    cell = kept(tl.load(state + at + C, mask=mask).to(tl.float32), k)
    if recurrent is not None:
        recurrent += row * (4 * C) + c
        i += kept(tl.load(recurrent, mask=mask).to(tl.float32), k)
        f += kept(tl.load(recurrent + C, mask=mask).to(tl.float32), k)
        g += kept(tl.load(recurrent + 2 * C, mask=mask).to(tl.float32), k)
        o += kept(tl.load(recurrent + 3 * C, mask=mask).to(tl.float32), k)
    if peephole is not None:
        i += tl.load(peephole + c).to(tl.float32) * cell
        f += tl.load(peephole + C + c).to(tl.float32) * cell
    if update is not None:
        hidden = kept(tl.load(state + at, mask=mask).to(tl.float32), k)
        uh = share(update, row, sample, c, 2 * C, mask, mask, EACH)
        uc = share(update, row, sample, c + C, 2 * C, mask, mask, EACH)
    i, f, g = logistic(i), logistic(f), tanh(g)
    fresh = f * cell + i * g
    if peephole is not None:
        o += tl.load(peephole + 2 * C + c).to(tl.float32) * fresh
    o = logistic(o)
    tl.store(gates, i.to(D), mask=mask)
    tl.store(gates + C, f.to(D), mask=mask)
    tl.store(gates + 2 * C, g.to(D), mask=mask)
    tl.store(gates + 3 * C, o.to(D), mask=mask)
    shown = o * tanh(fresh)
    if update is not None:
        shown = hidden + uh * (shown - hidden)
        fresh = cell + uc * (fresh - cell)
    tl.store(state_out + at, shown, mask=mask)
    tl.store(state_out + at + C, fresh, mask=mask)
    if y is not None:
        tl.store(y + row * C + c, shown.to(y.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=_COUNTS)
def backward(
    dstate, gates, state, dgates, dstate_prev, dy, dconv, keep_next, peephole, update, keep,
    n_vectors, rows_per_sample, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    EACH: tl.constexpr,
):  # fmt: skip
    """From the gradients of h' and c' to those of the pre-activations and, in part, of h and c."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    D = dgates.dtype.element_ty
    at = row * (2 * C) + c
    dhidden = tl.load(dstate + at, mask=mask)
    dcell = tl.load(dstate + at + C, mask=mask)
    if dy is not None:
        dhidden += tl.load(dy + row * C + c, mask=mask).to(tl.float32)
    if dconv is not None:
        later = factor(keep_next, sample, mask)
        dhidden += kept(tl.load(dconv + row * C + c, mask=mask).to(tl.float32), later)
    k = factor(keep, sample, mask)
    uh = share(update, row, sample, c, 2 * C, mask, mask, EACH)
    uc = share(update, row, sample, c + C, 2 * C, mask, mask, EACH)
    gates += row * (4 * C) + c
    i = tl.load(gates, mask=mask).to(tl.float32)
    f = tl.load(gates + C, mask=mask).to(tl.float32)
    g = tl.load(gates + 2 * C, mask=mask).to(tl.float32)
    o = tl.load(gates + 3 * C, mask=mask).to(tl.float32)
    cell = kept(tl.load(state + at + C, mask=mask).to(tl.float32), k)
    shown = tanh(f * cell + i * g)
    do = dhidden * uh * shown * o * (1.0 - o)
    dfresh = dcell * uc + dhidden * uh * o * (1.0 - shown * shown)
    if peephole is not None:
        dfresh += do * tl.load(peephole + 2 * C + c).to(tl.float32)
    di = dfresh * g * i * (1.0 - i)
    df = dfresh * cell * f * (1.0 - f)
    dgates += row * (4 * C) + c
    tl.store(dgates, di.to(D), mask=mask)
    tl.store(dgates + C, df.to(D), mask=mask)
    tl.store(dgates + 2 * C, (dfresh * i * (1.0 - g * g)).to(D), mask=mask)
    tl.store(dgates + 3 * C, do.to(D), mask=mask)
    dcell = dcell * (1.0 - uc) + dfresh * f
    if peephole is not None:
        dcell += di * tl.load(peephole + c).to(tl.float32)
        dcell += df * tl.load(peephole + C + c).to(tl.float32)
    tl.store(dstate_prev + at, kept(dhidden * (1.0 - uh), k), mask=mask)
    tl.store(dstate_prev + at + C, kept(dcell, k), mask=mask)
