r"""The minimal GRU over all frames: h[t] = k h[t−1] + u z[t] ⊙ (n[t] − k h[t−1]), gates of the input only.

| launch | computes | streams, bytes a state element and frame | once |
|---|---|---|---|
| `linear_scan` | z = σ(gates), n = act(gates), all states | 3 D | S + 4 |
| `linear_scan_backward` | dz, dn of all frames, dh0 | 6 D | S + 4, + 4 for dh_last |

One launch for all frames in each direction; D is the size of the data type, S that of `h0`. Gates are
kept as pre-activations and computed anew in the backward: that costs arithmetic the memory hides, and
saves 2 D in both directions. In bf16 a frame streams 6 bytes forward and 12 backward.

Gates lie side by side in the order z, n, in `[T, N, 2C]`; layout, `keep` and `update` as in
[seqimg.kernels.triton_gates.gru_before][], with the frames in front.
"""

from torch import Tensor

from seqimg.kernels.triton_gates.launch import Activation, Traffic, pointwise
from seqimg.kernels.triton_gates.operands import (
    per_sample,
    require,
    require_state,
    slope_of,
    split_update,
    width,
)

__all__ = ["linear_scan", "linear_scan_backward"]


def linear_scan(
    gates: Tensor,
    h0: Tensor,
    y: Tensor,
    h_last: Tensor,
    *,
    update: Tensor | None = None,
    keep: Tensor | None = None,
    activation: Activation = "tanh",
    slope: float = 0.2,
) -> None:
    """Compute the states of all frames.

    Args:
        gates: Pre-activations `[T, N, 2C]`.
        h0: State before the first frame `[N, C]`, fp32 or data type.
        y: Receives the states `[T, N, C]`, data type.
        h_last: Receives the last state `[N, C]`, fp32; may be `h0`.
        update: `[T, B]` or `[T, N, C]`.
        keep: `[T, B]`.
        activation: Of the candidate.
        slope: Of a leaky activation, below 0.
    """
    steps, n, c = y.shape
    require(steps * n, 2 * c, gates=gates.flatten(0, 1))
    require(steps * n, c, y=y.flatten(0, 1))
    require(n, c, h0=h0)
    require_state(n, c, h_last=h_last)
    each, rows, factors = _factors(steps, n, c, update, keep)
    pointwise(
        "scan.forward",
        {
            "gates": gates, "h0": h0, "y": y, "h_last": h_last, "update": update, "keep": keep,
            "slope": slope_of(activation, slope), "rows": n, "rows_per_sample": rows, "steps": steps,
        },
        gates,
        (n, c),
        lambda: Traffic(2 * width(gates) + width(y, each), once=width(h0, h_last)),
        factors=factors,
        steps=steps,
        ACT=activation,
        EACH=each is not None,
    )  # fmt: skip


def linear_scan_backward(
    dy: Tensor,
    gates: Tensor,
    y: Tensor,
    h0: Tensor,
    dgates: Tensor,
    dh0: Tensor,
    *,
    dh_last: Tensor | None = None,
    update: Tensor | None = None,
    keep: Tensor | None = None,
    activation: Activation = "tanh",
    slope: float = 0.2,
) -> None:
    """Go back through `linear_scan`.

    Args:
        dy: Gradient of the states `[T, N, C]`, data type.
        gates: Pre-activations `[T, N, 2C]`.
        y: States `[T, N, C]`, data type: h[t−1] of every frame but the first is read from here.
        h0: State before the first frame `[N, C]`.
        dgates: Receives the gradient of `gates`, `[T, N, 2C]`; may be `gates`.
        dh0: Receives the gradient of `h0`, `[N, C]`, fp32; may be `dh_last`.
        dh_last: Gradient of the last state beside that in `dy`, `[N, C]`, fp32.
        update: As in `linear_scan`.
        keep: As in `linear_scan`.
        activation: As in `linear_scan`.
        slope: As in `linear_scan`.
    """
    steps, n, c = y.shape
    require(steps * n, 2 * c, gates=gates.flatten(0, 1), dgates=dgates.flatten(0, 1))
    require(steps * n, c, y=y.flatten(0, 1), dy=dy.flatten(0, 1))
    require(n, c, h0=h0)
    require_state(n, c, dh0=dh0, dh_last=dh_last)
    each, rows, factors = _factors(steps, n, c, update, keep)
    pointwise(
        "scan.backward",
        {
            "dy": dy, "dh_last": dh_last, "gates": gates, "y": y, "h0": h0, "dgates": dgates, "dh0": dh0,
            "update": update, "keep": keep, "slope": slope_of(activation, slope),
            "rows": n, "rows_per_sample": rows, "steps": steps,
        },
        gates,
        (n, c),
        lambda: Traffic(2 * width(gates, dgates) + width(dy, y, each), once=width(h0, dh0, dh_last)),
        factors=factors,
        steps=steps,
        ACT=activation,
        EACH=each is not None,
    )  # fmt: skip


def _factors(
    steps: int, n: int, c: int, update: Tensor | None, keep: Tensor | None
) -> tuple[Tensor | None, int, int]:
    """Return the update share of each element if it is one, the rows of a sample, the number of factors."""
    for name, factor in (("update", update), ("keep", keep)):
        if factor is not None and (factor.shape[0] != steps or not factor.is_contiguous()):
            raise ValueError(f"{name} is {tuple(factor.shape)}; a dense [{steps}, …] is needed")
    each, shared = split_update(None if update is None else update[0], n, c)
    rows, factors = per_sample(n, None if keep is None else keep[0], shared)
    return (None if each is None else update), rows, factors
