r"""Gate arithmetic of a ConvGRU with the reset after the convolution.

One frame, with k = keep, u = update, q = k · recurrent + bias the convolution's share of the candidate:

| launch | computes | streams, bytes a state element |
|---|---|---|
| `after` | r, z = σ(…), n = act(gates + r ⊙ q), h' | 9 D + S + 4, + D each for y and q |
| `after_backward` | dr, dz, dn on both sides; the direct share of dh | 10 D + S + 8, + D each for dy, dconv |

D is the size of the data type and S that of the state that is read: 4, or D where it is a copy in the
data type. One launch a frame and direction. In bf16 with all of it, forward from the fp32 state and
backward from its copy, a frame streams 30 bytes forward and 34 backward.

Layout, `keep` and `update`: [seqimg.kernels.triton_gates.gru_before][].
"""

from torch import Tensor

from seqimg.kernels.triton_gates.launch import Activation, Traffic, pointwise
from seqimg.kernels.triton_gates.operands import (
    per_sample,
    require,
    require_state,
    require_vector,
    slope_of,
    split_update,
    width,
)

__all__ = ["after", "after_backward"]


def after(
    gates: Tensor,
    recurrent: Tensor,
    h: Tensor,
    h_out: Tensor,
    y: Tensor | None = None,
    candidate: Tensor | None = None,
    *,
    bias: Tensor | None = None,
    update: Tensor | None = None,
    keep: Tensor | None = None,
    activation: Activation = "tanh",
    slope: float = 0.2,
) -> None:
    """Compute one frame behind its convolution.

    Args:
        gates: The projected input `[N, 3C]`, replaced by r, z, n.
        recurrent: Convolution of `h`, `[N, 3C]`.
        h: State before the frame `[N, C]`.
        h_out: Receives the new state `[N, C]`, fp32; may be `h`.
        y: Receives a copy of it in the data type.
        candidate: Receives q, `[N, C]`, which the backward needs.
        bias: The convolution's bias `[3C]`, fp32, where `recurrent` lacks it. With `keep` it has to be
            given here: a state that was cut off has no convolution, but still a bias.
        update: `[B]` or `[N, C]`.
        keep: `[B]`.
        activation: Of the candidate.
        slope: Of a leaky activation, below 0.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates, recurrent=recurrent)
    require(n, c, h=h, y=y, candidate=candidate)
    require_state(n, c, h_out=h_out)
    require_vector(3 * c, bias=bias)
    each, shared = split_update(update, n, c)
    rows, factors = per_sample(n, keep, shared)
    pointwise(
        "gru_after.forward",
        {
            "gates": gates, "recurrent": recurrent, "h": h, "h_out": h_out, "y": y, "candidate": candidate,
            "bias": bias, "update": update, "keep": keep, "slope": slope_of(activation, slope),
            "rows_per_sample": rows,
        },
        gates,
        (n, c),
        lambda: Traffic(
            6 * width(gates) + 3 * width(recurrent) + width(h, h_out, y, candidate, each),
            cached=3 * width(bias),
        ),
        factors=factors,
        ACT=activation,
        EACH=each is not None,
    )  # fmt: skip


def after_backward(
    dh: Tensor,
    gates: Tensor,
    candidate: Tensor,
    h: Tensor,
    dprojected: Tensor,
    drecurrent: Tensor,
    dh_prev: Tensor,
    *,
    dy: Tensor | None = None,
    dconv: Tensor | None = None,
    keep_next: Tensor | None = None,
    update: Tensor | None = None,
    keep: Tensor | None = None,
    activation: Activation = "tanh",
    slope: float = 0.2,
) -> None:
    """Go back through `after`.

    Args:
        dh: Gradient of the new state `[N, C]`, fp32: what the next frame's launch left.
        gates: r, z, n of the frame, `[N, 3C]`.
        candidate: q of the frame, `[N, C]`.
        h: State before the frame `[N, C]`, fp32 or a copy in the data type.
        dprojected: Receives the gradient of the projected input `[N, 3C]`; may be `gates`.
        drecurrent: Receives the gradient of the biased convolution `[N, 3C]`: the same but for the n third,
            which is times r. Its sum over rows is the gradient of the bias.
        dh_prev: Receives the gradient of `h` but for the convolution, `[N, C]`, fp32; may be `dh`.
        dy: Gradient of this frame's output `[N, C]`, to be added to `dh`.
        dconv: Next frame's data gradient of the convolution `[N, C]`, to be added to `dh` times `keep_next`.
        keep_next: Next frame's `keep`.
        update: As in `after`.
        keep: As in `after`.
        activation: As in `after`.
        slope: As in `after`.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates, dprojected=dprojected, drecurrent=drecurrent)
    require(n, c, h=h, candidate=candidate, dy=dy, dconv=dconv)
    require_state(n, c, dh=dh, dh_prev=dh_prev)
    each, shared = split_update(update, n, c)
    later = None if dconv is None else keep_next
    rows, factors = per_sample(n, keep, later, shared)
    pointwise(
        "gru_after.backward",
        {
            "dh": dh, "gates": gates, "candidate": candidate, "h": h, "dprojected": dprojected,
            "drecurrent": drecurrent, "dh_prev": dh_prev, "dy": dy, "dconv": dconv, "keep_next": later,
            "update": update, "keep": keep, "slope": slope_of(activation, slope), "rows_per_sample": rows,
        },
        gates,
        (n, c),
        lambda: Traffic(
            3 * width(gates, dprojected, drecurrent) + width(dh, candidate, h, dh_prev, dy, dconv, each)
        ),
        factors=factors,
        ACT=activation,
        EACH=each is not None,
    )  # fmt: skip
