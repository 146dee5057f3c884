"""Keras' recurrent layers restated from their equations, in Keras' conventions, for the tests."""

from collections.abc import Mapping

import torch
from torch import Tensor

Parameters = Mapping[str, Tensor]
Shapes = dict[str, tuple[int, ...]]


def _conv(x: Tensor, kernel: Tensor) -> Tensor:
    """A "same" convolution over [B, H, W, C] with [kh, kw, in, out], tap by tap."""
    kh, kw = kernel.shape[:2]
    height, width = x.shape[1:3]
    padded = torch.nn.functional.pad(x, (0, 0, kw // 2, kw // 2, kh // 2, kh // 2))
    taps = [(i, j, padded[:, i : i + height, j : j + width]) for i in range(kh) for j in range(kw)]
    return sum((part @ kernel[i, j] for i, j, part in taps), start=torch.zeros(()))


def conv_lstm_shapes(x: int, c: int, k: int) -> Shapes:
    return {"kernel": (k, k, x, 4 * c), "recurrent_kernel": (k, k, c, 4 * c), "bias": (4 * c,)}


def conv_lstm(p: Parameters, x: Tensor, state: Tensor) -> Tensor:
    x, state = x.movedim(1, -1), state.movedim(1, -1)
    h, memory = state.chunk(2, dim=-1)
    summed = _conv(x, p["kernel"]) + _conv(h, p["recurrent_kernel"]) + p.get("bias", 0)
    i, f, g, o = summed.chunk(4, dim=-1)
    memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
    return torch.cat([torch.sigmoid(o) * torch.tanh(memory), memory], dim=-1).movedim(-1, 1)


def gru_shapes(x: int, c: int, *, biases: tuple[int, ...] | None) -> Shapes:
    shapes: Shapes = {"kernel": (x, 3 * c), "recurrent_kernel": (c, 3 * c)}
    return shapes if biases is None else shapes | {"bias": (*biases, 3 * c)}


def gru_after(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    bias = p.get("bias", torch.zeros(2, 1))
    x_z, x_r, x_h = (x @ p["kernel"] + bias[0]).chunk(3, dim=1)
    h_z, h_r, h_h = (h @ p["recurrent_kernel"] + bias[1]).chunk(3, dim=1)
    z, r = torch.sigmoid(x_z + h_z), torch.sigmoid(x_r + h_r)
    return z * h + (1 - z) * torch.tanh(x_h + r * h_h)


def gru_before(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
    c = h.shape[1]
    x_z, x_r, x_h = (x @ p["kernel"] + p["bias"]).chunk(3, dim=1)
    u = p["recurrent_kernel"]
    z, r = torch.sigmoid(x_z + h @ u[:, :c]), torch.sigmoid(x_r + h @ u[:, c : 2 * c])
    return z * h + (1 - z) * torch.tanh(x_h + (r * h) @ u[:, 2 * c :])
