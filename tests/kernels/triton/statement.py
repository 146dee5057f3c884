"""The gate arithmetic once more, in plain torch and fp64, for autograd to differentiate."""

import torch
from torch import Tensor

__all__ = ["ACTIVATIONS", "TOLERANCE", "after", "blend", "close", "lstm", "per_row", "reset", "scan"]

TOLERANCE = {torch.float32: 2e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Largest error over the largest value wanted. Gates are stored in the data type; the interpreter truncates to bf16."""

ACTIVATIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky": lambda x: torch.nn.functional.leaky_relu(x, 0.2),
    "linear": lambda x: x,
}


def per_row(factor: Tensor | None, n: int) -> Tensor | float:
    """Return a factor `[B]` for each row `[N, 1]`, one of each element as it is, or 1."""
    if factor is None:
        return 1.0
    if factor.dim() == 2:
        return factor.double()
    return factor.double().repeat_interleave(n // len(factor))[:, None]


def reset(pre_r: Tensor, pre_z: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r, z = pre_r.sigmoid(), pre_z.sigmoid()
    return r, z, r * h


def blend(pre_z: Tensor, pre_n: Tensor, h: Tensor, update: Tensor | float, activation: str) -> Tensor:
    n = ACTIVATIONS[activation](pre_n)
    return h + update * pre_z.sigmoid() * (n - h)


def after(projected: Tensor, recurrent: Tensor, h: Tensor, update: Tensor | float, activation: str) -> Tensor:
    (pr, pz, pn), (qr, qz, qn) = projected.chunk(3, 1), recurrent.chunk(3, 1)
    return blend(pz + qz, pn + (pr + qr).sigmoid() * qn, h, update, activation)


def lstm(pre: Tensor, state: Tensor, peephole: Tensor, update: Tensor | float) -> Tensor:
    i, f, g, o = pre.chunk(4, 1)
    h, c = state.chunk(2, 1)
    p_i, p_f, p_o = peephole.chunk(3)
    fresh = (f + p_f * c).sigmoid() * c + (i + p_i * c).sigmoid() * g.tanh()
    shown = (o + p_o * fresh).sigmoid() * fresh.tanh()
    return state + update * (torch.cat([shown, fresh], 1) - torch.cat([h, c], 1))


def scan(
    pre: Tensor, h: Tensor, keep: Tensor | None, update: Tensor | None, activation: str
) -> tuple[Tensor, Tensor]:
    states = []
    for t, frame in enumerate(pre):
        n = frame.shape[0]
        h = per_row(None if keep is None else keep[t], n) * h
        h = blend(*frame.chunk(2, 1), h, per_row(None if update is None else update[t], n), activation)
        states.append(h)
    return torch.stack(states), h


def close(found: Tensor, wanted: Tensor, dtype: torch.dtype) -> None:
    """Assert that `found` is the fp64 `wanted` but for what `dtype` cannot hold."""
    wanted = wanted.detach()
    scale = float(wanted.abs().max().clamp_min(1e-30))
    error = float((found.detach().double() - wanted).abs().max()) / scale
    assert error <= TOLERANCE[dtype], f"error {error:.3g}"  # NaN is an error, too
