"""A clip as a driver runs it: all launches of a cell chained over time, against autograd through the statement.

The convolution is 1×1, a product with a matrix, so that the test needs none of its own.
"""

import torch
from torch import Tensor

from seqimg.kernels import triton_gates as tg
from tests.kernels.triton import statement as st
from tests.kernels.triton.interpreted.problems import DEVICE, leaves

T, B, N, C = 4, 3, 12, 5


def clip(gates: int) -> tuple[Tensor, ...]:
    torch.manual_seed(3)
    projected, weight = torch.randn(T, N, gates * C), torch.randn(gates * C, C) / C**0.5
    keep, update = torch.ones(T, B), torch.ones(T, B)
    keep[2, 1] = 0  # a scene cut
    update[3, 0] = 0  # a clip that has ended
    return tuple(t.to(DEVICE) for t in (projected, weight, keep, update, torch.randn(T, N, C)))


def test_gru_before() -> None:
    projected, w, keep, update, dy = clip(3)
    h0, dh = torch.randn(N, C, device=DEVICE), torch.randn(N, C, device=DEVICE)
    p64, w64, h64 = leaves(projected, w, h0)
    states, h = [], h64
    for t in range(T):
        kh = st.per_row(keep[t], N) * h
        pre_r, pre_z, pre_n = p64[t].chunk(3, 1)
        rec_r, rec_z = (kh @ w64[: 2 * C].T).chunk(2, 1)
        rh = st.reset(pre_r + rec_r, pre_z + rec_z, kh)[2]
        h = st.blend(pre_z + rec_z, pre_n + rh @ w64[2 * C :].T, kh, st.per_row(update[t], N), "tanh")
        states.append(h)
    ((torch.stack(states) * dy.double()).sum() + (h * dh.double()).sum()).backward()

    gates, rhs, h = projected.clone(), torch.empty(T, N, C, device=DEVICE), [h0]
    for t in range(T):
        tg.reset(gates[t], h[t], rhs[t], recurrent=h[t] @ w[: 2 * C].T, keep=keep[t])
        h.append(torch.empty_like(h0))
        tg.blend(gates[t], h[t], h[-1], recurrent=rhs[t] @ w[2 * C :].T, update=update[t], keep=keep[t])
    st.close(torch.stack(h[1:]), torch.stack(states), torch.float32)
    dconv, keep_next = None, None
    for t in reversed(range(T)):
        options = {"update": update[t], "keep": keep[t], "keep_next": keep_next}
        tg.blend_backward(dh, gates[t], h[t], gates[t], dh, dy=dy[t], dconv=dconv, **options)
        tg.reset_backward(gates[t, :, 2 * C :] @ w[2 * C :], gates[t], h[t], gates[t], dh, keep=keep[t])
        dconv, keep_next = gates[t, :, : 2 * C] @ w[: 2 * C], keep[t]
    st.close(gates, p64.grad, torch.float32)
    st.close(dh + st.per_row(keep[0], N) * dconv, h64.grad, torch.float32)
    kept = keep.repeat_interleave(N // B, 1)[:, :, None] * torch.stack(h[:-1])
    dw = [torch.einsum("tno,tni->oi", gates[:, :, : 2 * C], kept)]
    dw.append(torch.einsum("tno,tni->oi", gates[:, :, 2 * C :], rhs))
    st.close(torch.cat(dw), w64.grad, torch.float32)


def test_gru_after() -> None:
    projected, w, keep, update, dy = clip(3)
    h0, dh = torch.randn(N, C, device=DEVICE), torch.randn(N, C, device=DEVICE)
    bias = torch.randn(3 * C, device=DEVICE)
    p64, w64, h64, b64 = leaves(projected, w, h0, bias)
    states, h = [], h64
    for t in range(T):
        kh = st.per_row(keep[t], N) * h
        h = st.after(p64[t], kh @ w64.T + b64, kh, st.per_row(update[t], N), "tanh")
        states.append(h)
    ((torch.stack(states) * dy.double()).sum() + (h * dh.double()).sum()).backward()

    gates, drec, q, h = projected.clone(), torch.empty_like(projected), torch.empty_like(dy), [h0]
    for t in range(T):
        h.append(torch.empty_like(h0))
        options = {"bias": bias, "update": update[t], "keep": keep[t]}
        tg.after(gates[t], h[t] @ w.T, h[t], h[-1], None, q[t], **options)
    dconv, keep_next = None, None
    for t in reversed(range(T)):
        options = {"update": update[t], "keep": keep[t], "keep_next": keep_next}
        tg.after_backward(dh, gates[t], q[t], h[t], gates[t], drec[t], dh, dy=dy[t], dconv=dconv, **options)
        dconv, keep_next = drec[t] @ w, keep[t]
    st.close(gates, p64.grad, torch.float32)
    st.close(drec.sum((0, 1)), b64.grad, torch.float32)
    st.close(dh + st.per_row(keep[0], N) * dconv, h64.grad, torch.float32)
    kept = keep.repeat_interleave(N // B, 1)[:, :, None] * torch.stack(h[:-1])
    st.close(torch.einsum("tno,tni->oi", drec, kept), w64.grad, torch.float32)


def test_lstm() -> None:
    projected, w, keep, update, dy = clip(4)
    s0, ds = torch.randn(N, 2 * C, device=DEVICE), torch.randn(N, 2 * C, device=DEVICE)
    peephole = torch.randn(3 * C, device=DEVICE)
    p64, w64, s64 = leaves(projected, w, s0)
    states, s = [], s64
    for t in range(T):
        ks = st.per_row(keep[t], N) * s
        s = st.lstm(p64[t] + ks[:, :C] @ w64.T, ks, peephole.double(), st.per_row(update[t], N))
        states.append(s[:, :C])
    ((torch.stack(states) * dy.double()).sum() + (s * ds.double()).sum()).backward()

    gates, s = projected.clone(), [s0]
    for t in range(T):
        s.append(torch.empty_like(s0))
        options = {"peephole": peephole, "update": update[t], "keep": keep[t]}
        tg.lstm(gates[t], s[t], s[-1], recurrent=s[t][:, :C] @ w.T, **options)
    dconv, keep_next = None, None
    for t in reversed(range(T)):
        options = {"peephole": peephole, "update": update[t], "keep": keep[t], "keep_next": keep_next}
        tg.lstm_backward(ds, gates[t], s[t], gates[t], ds, dy=dy[t], dconv=dconv, **options)
        dconv, keep_next = gates[t] @ w, keep[t]
    st.close(gates, p64.grad, torch.float32)
    ds[:, :C] += st.per_row(keep[0], N) * dconv
    st.close(ds, s64.grad, torch.float32)
    kept = keep.repeat_interleave(N // B, 1)[:, :, None] * torch.stack(s[:-1])[:, :, :C]
    st.close(torch.einsum("tno,tni->oi", gates, kept), w64.grad, torch.float32)
