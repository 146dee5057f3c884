r"""Gate arithmetic of a ConvGRU with the reset before the convolution.

One frame, with k = keep, u = update, `*` the caller's convolution:

| launch | computes | streams, bytes a state element |
|---|---|---|
| `reset` | r, z = σ(gates + k · recurrent); rh = r ⊙ k h | 5 D + S, + 2 D for recurrent |
| `blend` | n = act(gates + recurrent); h' = k h + u z ⊙ (n − k h) | 3 D + S + 4, + D each for recurrent and y |
| `blend_backward` | dn, dz, the direct share of dh | 4 D + S + 8, + D each for dy and dconv |
| `reset_backward` | dr, the share of dh through r ⊙ h | 3 D + S + 8 |

D is the size of the data type and S that of the state that is read: 4, or D where it is a copy in the
data type. Two launches a frame and direction. In bf16 with all of it fused, forward from the fp32 state
and backward from its copy, a frame streams 18 + 18 bytes forward and 22 + 16 backward.
`seqimg cells audit` reads what is really moved from the machine code: the same.

All arrays are dense `[N, k·C]`, N = B·H·W rows of pixels: channels-last pictures as they lie in memory
([seqimg.kernels.triton_gates.as_rows][]). Gates lie side by side in the order r, z, n.
A program reads an element before it writes it, so outputs may be the inputs of the same shape.

A factor `keep [B]` says how much of the state before this frame a sample still has: 0 cuts it off.
Convolution is linear, so the factor is applied to the convolution of the whole state.
`update [B]` or `[N, C]` says how much of the new state is taken: 0 freezes it.
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

__all__ = ["blend", "blend_backward", "reset", "reset_backward"]


def reset(
    gates: Tensor,
    h: Tensor,
    rh: Tensor,
    *,
    recurrent: Tensor | None = None,
    keep: Tensor | None = None,
) -> None:
    """Compute the r and z gates in place, and what the candidate's convolution reads.

    Args:
        gates: `[N, 3C]`; pre-activations of r and z, replaced by the gates. The n third is not touched.
        h: State before the frame `[N, C]`, fp32 or a copy in the data type.
        rh: Receives r ⊙ keep · h, `[N, C]`, data type.
        recurrent: Convolution of `h` for r and z, `[N, 2C]`, to be added; None where `gates` has it.
        keep: `[B]`.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates)
    require(n, 2 * c, recurrent=recurrent)
    require(n, c, h=h, rh=rh)
    rows, factors = per_sample(n, keep)
    pointwise(
        "gru_before.reset",
        {"gates": gates, "h": h, "rh": rh, "recurrent": recurrent, "keep": keep, "rows_per_sample": rows},
        gates,
        (n, c),
        lambda: Traffic(4 * width(gates) + width(h, rh) + 2 * width(recurrent)),
        factors=factors,
    )


def blend(
    gates: Tensor,
    h: Tensor,
    h_out: Tensor,
    y: Tensor | None = None,
    *,
    recurrent: Tensor | None = None,
    update: Tensor | None = None,
    keep: Tensor | None = None,
    activation: Activation = "tanh",
    slope: float = 0.2,
) -> None:
    """Compute the candidate in place and the new state.

    Args:
        gates: `[N, 3C]` with z as `reset` left it; the pre-activation of n is replaced by n.
        h: State before the frame `[N, C]`.
        h_out: Receives the new state `[N, C]`, fp32; may be `h`.
        y: Receives a copy of it in the data type: the output, and what the next convolution reads.
        recurrent: Convolution of `rh`, `[N, C]`, to be added; None where `gates` has it.
        update: `[B]` or `[N, C]`.
        keep: `[B]`.
        activation: Of the candidate.
        slope: Of a leaky activation, below 0.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates)
    require(n, c, h=h, y=y, recurrent=recurrent)
    require_state(n, c, h_out=h_out)
    each, shared = split_update(update, n, c)
    rows, factors = per_sample(n, keep, shared)
    pointwise(
        "gru_before.blend",
        {
            "gates": gates, "h": h, "h_out": h_out, "y": y, "recurrent": recurrent, "update": update,
            "keep": keep, "slope": slope_of(activation, slope), "rows_per_sample": rows,
        },
        gates,
        (n, c),
        lambda: Traffic(3 * width(gates) + width(h, h_out, y, recurrent, each)),
        factors=factors,
        ACT=activation,
        EACH=each is not None,
    )  # fmt: skip


def blend_backward(
    dh: Tensor,
    gates: Tensor,
    h: Tensor,
    dgates: Tensor,
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
    """Go back through `blend`.

    Args:
        dh: Gradient of the new state `[N, C]`, fp32: what the next frame's two backward launches left.
        gates: r, z, n of the frame, `[N, 3C]`.
        h: State before the frame `[N, C]`, fp32 or a copy in the data type.
        dgates: Receives the gradients of the pre-activations of z and n, `[N, 3C]`; may be `gates`.
        dh_prev: Receives the gradient of `h` but for both convolutions, `[N, C]`, fp32; may be `dh`.
        dy: Gradient of this frame's output `[N, C]`, to be added to `dh`.
        dconv: Next frame's data gradient of the convolution of r and z, `[N, C]`, to be added to `dh`
            times `keep_next`.
        keep_next: Next frame's `keep`.
        update: As in `blend`.
        keep: As in `blend`.
        activation: As in `blend`.
        slope: As in `blend`.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates, dgates=dgates)
    require(n, c, h=h, dy=dy, dconv=dconv)
    require_state(n, c, dh=dh, dh_prev=dh_prev)
    each, shared = split_update(update, n, c)
    later = None if dconv is None else keep_next
    rows, factors = per_sample(n, keep, later, shared)
    pointwise(
        "gru_before.blend_backward",
        {
            "dh": dh, "gates": gates, "h": h, "dgates": dgates, "dh_prev": dh_prev, "dy": dy, "dconv": dconv,
            "keep_next": later, "update": update, "keep": keep,
            "slope": slope_of(activation, slope), "rows_per_sample": rows,
        },
        gates,
        (n, c),
        lambda: Traffic(2 * width(gates, dgates) + width(dh, h, dh_prev, dy, dconv, each)),
        factors=factors,
        ACT=activation,
        EACH=each is not None,
    )  # fmt: skip


def reset_backward(
    drh: Tensor,
    gates: Tensor,
    h: Tensor,
    dgates: Tensor,
    dh_prev: Tensor,
    *,
    keep: Tensor | None = None,
) -> None:
    """Go back through `reset`, after the data gradient of the candidate's convolution.

    Args:
        drh: Gradient of `rh`, `[N, C]`, data type.
        gates: r, z, n of the frame, `[N, 3C]`; only r is read. May be `dgates`: r is still there.
        h: State before the frame `[N, C]`.
        dgates: Receives the gradient of the pre-activation of r, `[N, 3C]`.
        dh_prev: The gradient of `h` that `blend_backward` left, `[N, C]`, fp32; the share through
            r ⊙ h is added. What then still lacks is the convolution of r and z: `dconv` of the frame before.
        keep: As in `reset`.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates, dgates=dgates)
    require(n, c, drh=drh, h=h)
    require_state(n, c, dh_prev=dh_prev)
    rows, factors = per_sample(n, keep)
    pointwise(
        "gru_before.reset_backward",
        {
            "drh": drh, "gates": gates, "h": h, "dgates": dgates, "dh_prev": dh_prev, "keep": keep,
            "rows_per_sample": rows,
        },
        gates,
        (n, c),
        lambda: Traffic(width(drh, gates, h, dgates) + 2 * width(dh_prev)),
        factors=factors,
    )  # fmt: skip
