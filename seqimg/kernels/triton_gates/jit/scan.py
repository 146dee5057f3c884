# mypy: ignore-errors
# ruff: noqa: N803, N806, SIM108
"""The linear recurrence of the minimal GRU over all frames. Contracts: [seqimg.kernels.triton_gates.scan][].

A lane carries its pixel through time in a register; frames are independent of the recurrence, so
each frame's gates are fetched while the one before is computed.
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

_UNSPECIALISED = ("n_vectors", "rows", "rows_per_sample", "steps", "slope")


@triton.jit(do_not_specialize=_UNSPECIALISED)
def forward(
    gates, h0, y, h_last, update, keep, slope,
    n_vectors, rows, rows_per_sample, steps, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """h[t] = h[t-1] + u * z[t] * (n[t] - h[t-1]) for all t, h[t-1] kept."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    at, gate_at = row * C + c, row * (2 * C) + c
    frame = rows.to(tl.int64) * C
    samples = rows // rows_per_sample
    h = tl.load(h0 + at, mask=mask).to(tl.float32)
    z_next = tl.load(gates + gate_at, mask=mask)
    n_next = tl.load(gates + gate_at + C, mask=mask)
    for t in tl.range(0, steps):
        z, n = z_next.to(tl.float32), n_next.to(tl.float32)
        gates += 2 * frame
        more = mask & (t + 1 < steps)
        z_next = tl.load(gates + gate_at, mask=more)
        n_next = tl.load(gates + gate_at + C, mask=more)
        h = kept(h, factor(keep, sample, mask))
        u = share(update, row, sample, c, C, mask, mask, EACH)
        h += u * logistic(z) * (squash(n, ACT, slope) - h)
        tl.store(y + at, h.to(y.dtype.element_ty), mask=mask)
        y += frame
        if keep is not None:
            keep += samples
        if update is not None:
            update += frame if EACH else samples
    tl.store(h_last + at, h, mask=mask)


@triton.jit
def _step_backward(
    d, gates, dgates, previous, update, keep, slope, row, c, sample, mask,
    C: tl.constexpr, ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """Write the gradients of one frame's gates; return that of the state before it."""
    D = dgates.dtype.element_ty
    at = row * (2 * C) + c
    z = logistic(tl.load(gates + at, mask=mask).to(tl.float32))
    n = squash(tl.load(gates + at + C, mask=mask).to(tl.float32), ACT, slope)
    k = factor(keep, sample, mask)
    u = share(update, row, sample, c, C, mask, mask, EACH)
    previous = kept(previous.to(tl.float32), k)
    tl.store(dgates + at, (d * u * (n - previous) * z * (1.0 - z)).to(D), mask=mask)
    tl.store(dgates + at + C, (d * u * z * derivative(n, ACT, slope)).to(D), mask=mask)
    return kept(d * (1.0 - u * z), k)


@triton.jit(do_not_specialize=_UNSPECIALISED)
def backward(
    dy, dh_last, gates, y, h0, dgates, dh0, update, keep, slope,
    n_vectors, rows, rows_per_sample, steps, C: tl.constexpr, VEC: tl.constexpr, BLOCK: tl.constexpr,
    ACT: tl.constexpr, EACH: tl.constexpr,
):  # fmt: skip
    """The same recurrence in reverse: dh[t-1] = keep * (1 - u z[t]) * (dh[t] + dy[t])."""
    row, c, mask = place(n_vectors, C, VEC, BLOCK)
    sample = row // rows_per_sample
    at = row * C + c
    frame = rows.to(tl.int64) * C
    samples = rows // rows_per_sample
    last = (steps - 1).to(tl.int64)
    dy += last * frame
    y += last * frame
    gates += last * 2 * frame
    dgates += last * 2 * frame
    if keep is not None:
        keep += last * samples
    if update is not None:
        update += last * (frame if EACH else samples)
    if dh_last is not None:
        d = tl.load(dh_last + at, mask=mask)
    else:
        d = tl.zeros([BLOCK // VEC, VEC], tl.float32)
    for _ in tl.range(1, steps):
        y -= frame
        d += tl.load(dy + at, mask=mask).to(tl.float32)
        previous = tl.load(y + at, mask=mask)
        d = _step_backward(
            d, gates, dgates, previous, update, keep, slope, row, c, sample, mask, C, ACT, EACH
        )  # fmt: skip
        dy -= frame
        gates -= 2 * frame
        dgates -= 2 * frame
        if keep is not None:
            keep -= samples
        if update is not None:
            update -= frame if EACH else samples
    d += tl.load(dy + at, mask=mask).to(tl.float32)
    previous = tl.load(h0 + at, mask=mask)
    d = _step_backward(
        d, gates, dgates, previous, update, keep, slope, row, c, sample, mask, C, ACT, EACH
    )  # fmt: skip
    tl.store(dh0 + at, d, mask=mask)
