r"""The gates of the GRU and the LSTM, once for every linear map that a cell may put into them."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

__all__ = [
    "ACTIVATIONS",
    "LEAKY_SLOPE",
    "RESETS",
    "Activation",
    "Linear",
    "Reset",
    "forget_bias",
    "gru_update",
    "lstm_update",
]

Reset = Literal["before", "after"]
RESETS: tuple[str, ...] = get_args(Reset)

Activation = Literal["tanh", "relu", "leaky"]
LEAKY_SLOPE = 0.2
"""Slope of `leaky` below zero, that of Shi et al. 2017 (HKO-7)."""
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky": lambda x: leaky_relu(x, LEAKY_SLOPE),
}

Linear = Callable[[Tensor], Tensor]
"""A linear (or affine) map of a state."""


def gru_update(
    projected: Tensor,
    state: Tensor,
    gates: Linear,
    candidate: Linear,
    *,
    reset: str = "before",
    activation: str = "tanh",
) -> Tensor:
    r"""Return the next state of a gated recurrent unit.

    With $[p_r, p_z, p_n]$ the projection, $U_{rz}$ and $U_n$ the linear maps, φ the activation:

    $$
    \begin{aligned}
    [r, z] &= σ([p_r, p_z] + U_{rz} h) \\
    n &= φ(p_n + U_n (r ⊙ h)) && \text{reset before} \\
    n &= φ(p_n + r ⊙ U_n h) && \text{reset after} \\
    h' &= h + z ⊙ (n - h)
    \end{aligned}
    $$

    Args:
        projected: $[p_r, p_z, p_n]$, `[B, 3C, …]`.
        state: h, `[B, C, …]`.
        gates: $U_{rz}$, from `[B, C, …]` to `[B, 2C, …]`.
        candidate: $U_n$, from `[B, C, …]` to `[B, C, …]`.
        reset: `"before"` or `"after"`.
        activation: A name in `ACTIVATIONS`.
    """
    c = state.shape[1]
    r, z = (projected[:, : 2 * c] + gates(state)).sigmoid().chunk(2, dim=1)
    recurrent = candidate(r * state) if reset == "before" else r * candidate(state)
    n = ACTIVATIONS[activation](projected[:, 2 * c :] + recurrent)
    return state + z * (n - state)


def lstm_update(
    gates: Tensor, cell: Tensor, peepholes: tuple[Tensor, Tensor, Tensor] | None = None
) -> Tensor:
    r"""Return the next state `[h' | c']` of a long short-term memory.

    $$
    \begin{aligned}
    i &= σ(a_i + p_i ⊙ c) & f &= σ(a_f + p_f ⊙ c) & g &= \tanh(a_g) \\
    c' &= f ⊙ c + i ⊙ g & o &= σ(a_o + p_o ⊙ c') & h' &= o ⊙ \tanh(c')
    \end{aligned}
    $$

    Args:
        gates: $[a_i, a_f, a_g, a_o]$, `[B, 4C, …]`, input's and state's shares added.
        cell: c, `[B, C, …]`.
        peepholes: $(p_i, p_f, p_o)$, each broadcastable to c, or None to go without.
    """
    i, f, g, o = gates.chunk(4, dim=1)
    if peepholes is not None:
        i, f = i + peepholes[0] * cell, f + peepholes[1] * cell
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    if peepholes is not None:
        o = o + peepholes[2] * cell
    return torch.cat([o.sigmoid() * cell.tanh(), cell], dim=1)


def forget_bias(hidden_channels: int) -> Tensor:
    """Return the first bias of the gates i, f, g, o, `[4C]`: 1 for f, 0 for the others.

    Example:
        >>> forget_bias(2).tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """
    bias = torch.zeros(4 * hidden_channels)
    bias[hidden_channels : 2 * hidden_channels] = 1
    return bias
