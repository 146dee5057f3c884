r"""Gate arithmetic of a ConvLSTM.

One frame, with k = keep, u = update; gates side by side in the order i, f, g, o; the state is h beside c:

| launch | computes | streams, bytes a state element |
|---|---|---|
| `lstm` | i, f, g, o; c' = f ⊙ k c + i ⊙ g; h' = o ⊙ tanh(c') | 8 D + 12, + 4 D recurrent, + D y, + 4 with update |
| `lstm_backward` | di, df, dg, do, dc, the direct share of dh | 8 D + 20, + D each for dy, dconv |

"A state element" is one of the C channels of h together with its partner in c. D is the size of the data
type; the state is fp32; the h before is read only where `update` mixes it in. One launch a frame and
direction. In bf16 with all of it, a frame streams 42 bytes forward and 40 backward.

Peepholes are one number a channel, so they do not freeze H and W: i and f look at k c, o at c'. Their
gradients are left to the caller, as sums over the rows of all frames at once, with what the backward
leaves in `dgates`: Σ di ⊙ k c, Σ df ⊙ k c, Σ do ⊙ c', where c' = f ⊙ k c + i ⊙ g (the new c, where
`update` is 1).

Layout, `keep` and `update`: [seqimg.kernels.triton_gates.gru_before][]. Here `update` may be `[N, 2C]`,
so that h and c are frozen apart.
"""

from torch import Tensor

from seqimg.kernels.triton_gates.launch import Traffic, pointwise
from seqimg.kernels.triton_gates.operands import (
    per_sample,
    require,
    require_state,
    require_vector,
    split_update,
    width,
)

__all__ = ["lstm", "lstm_backward"]


def lstm(
    gates: Tensor,
    state: Tensor,
    state_out: Tensor,
    y: Tensor | None = None,
    *,
    recurrent: Tensor | None = None,
    peephole: Tensor | None = None,
    update: Tensor | None = None,
    keep: Tensor | None = None,
) -> None:
    """Compute one frame behind its convolution.

    Args:
        gates: Pre-activations `[N, 4C]`, replaced by i, f, g, o.
        state: h | c before the frame, `[N, 2C]`, fp32.
        state_out: Receives the new h | c, `[N, 2C]`, fp32; may be `state`.
        y: Receives a copy of the new h in the data type, `[N, C]`.
        recurrent: Convolution of h, `[N, 4C]`, to be added; None where `gates` has it.
        peephole: Weights of c in i, f and o, `[3C]`, fp32.
        update: `[B]` or `[N, 2C]`.
        keep: `[B]`.
    """
    n, c = state.shape[0], state.shape[1] // 2
    require(n, 4 * c, gates=gates, recurrent=recurrent)
    require(n, c, y=y)
    require_state(n, 2 * c, state=state, state_out=state_out)
    require_vector(3 * c, peephole=peephole)
    each, shared = split_update(update, n, 2 * c)
    rows, factors = per_sample(n, keep, shared)
    mixed = None if update is None else state
    pointwise(
        "lstm.forward",
        {
            "gates": gates, "state": state, "state_out": state_out, "y": y, "recurrent": recurrent,
            "peephole": peephole, "update": update, "keep": keep, "rows_per_sample": rows,
        },
        gates,
        (n, c),
        lambda: Traffic(
            8 * width(gates) + 4 * width(recurrent) + 2 * width(state_out, each) + width(state, mixed, y),
            cached=3 * width(peephole),
        ),
        factors=factors,
        EACH=each is not None,
    )  # fmt: skip


def lstm_backward(
    dstate: Tensor,
    gates: Tensor,
    state: Tensor,
    dgates: Tensor,
    dstate_prev: Tensor,
    *,
    dy: Tensor | None = None,
    dconv: Tensor | None = None,
    keep_next: Tensor | None = None,
    peephole: Tensor | None = None,
    update: Tensor | None = None,
    keep: Tensor | None = None,
) -> None:
    """Go back through `lstm`.

    Args:
        dstate: Gradient of the new h | c, `[N, 2C]`, fp32: what the next frame's launch left.
        gates: i, f, g, o of the frame, `[N, 4C]`.
        state: h | c before the frame, `[N, 2C]`, fp32; only c is read.
        dgates: Receives the gradients of the pre-activations `[N, 4C]`; may be `gates`.
        dstate_prev: Receives the gradient of `state` but for the convolution, `[N, 2C]`, fp32; may be `dstate`.
        dy: Gradient of this frame's output `[N, C]`, to be added to that of h.
        dconv: Next frame's data gradient of the convolution `[N, C]`, to be added to that of h times `keep_next`.
        keep_next: Next frame's `keep`.
        peephole: As in `lstm`.
        update: As in `lstm`.
        keep: As in `lstm`.
    """
    n, c = state.shape[0], state.shape[1] // 2
    require(n, 4 * c, gates=gates, dgates=dgates)
    require(n, c, dy=dy, dconv=dconv)
    require_state(n, 2 * c, dstate=dstate, state=state, dstate_prev=dstate_prev)
    require_vector(3 * c, peephole=peephole)
    each, shared = split_update(update, n, 2 * c)
    later = None if dconv is None else keep_next
    rows, factors = per_sample(n, keep, later, shared)
    pointwise(
        "lstm.backward",
        {
            "dstate": dstate, "gates": gates, "state": state, "dgates": dgates, "dstate_prev": dstate_prev,
            "dy": dy, "dconv": dconv, "keep_next": later, "peephole": peephole, "update": update,
            "keep": keep, "rows_per_sample": rows,
        },
        gates,
        (n, c),
        lambda: Traffic(
            4 * width(gates, dgates) + 2 * width(dstate, dstate_prev, each) + width(state, dy, dconv),
            cached=3 * width(peephole),
        ),
        factors=factors,
        EACH=each is not None,
    )  # fmt: skip
