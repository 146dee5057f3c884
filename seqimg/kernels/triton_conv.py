r"""A ConvGRU frame as two convolutions that do the gate arithmetic themselves: no cuDNN, nothing in between.

| launch | computes | in place of |
|---|---|---|
| `conv_reset` | r, z = σ(gates + k · W_rz ∗ h); rh = r ⊙ k h | convolution, `reset` |
| `conv_blend` | n = act(gates + W_n ∗ rh); h' | convolution, `blend` |
| `conv_reset_backward` | dr and the share of dh through r ⊙ h, from dn | data gradient, `reset_backward` |
| `conv_gates_backward` | the share of dh through W_rz, from dr and dz | data gradient |

Two launches a frame forward; three backward, with [seqimg.kernels.triton_gates.blend_backward][] first.
The data gradients are the same convolution with [seqimg.kernels.triton_conv.pack_transposed][] weights.
Against cuDNN and `triton_gates`, the convolution's result never travels through memory: 2 · 3 D bytes a
state element and frame less forward, 2 · 2 D less backward.

"Same" convolution over channels-last rows `[N, C]`, stride 1, any odd kernel, dilation, no groups. fp16
and bf16 on tensor cores with fp32 sums; fp32 exactly ("ieee") unless `tf32=True`. Experimental: public
evidence puts Triton convolutions mostly below cuDNN, so this one has to win a measurement first.

Layout, gates, `keep` and `update`: [seqimg.kernels.triton_gates.gru_before][].
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from seqimg.kernels.triton_gates.launch import Activation, Launch, Traffic, interpreting, launch, wave
from seqimg.kernels.triton_gates.operands import (
    per_sample,
    require,
    require_state,
    slope_of,
    split_update,
    width,
)

__all__ = [
    "Picture",
    "conv_blend",
    "conv_gates_backward",
    "conv_reset",
    "conv_reset_backward",
    "pack",
    "pack_transposed",
]


@dataclass(frozen=True, slots=True)
class Picture:
    """The geometry of a convolution.

    Attributes:
        height: Rows of pixels of a sample.
        width: Pixels of a row.
        kernel: Height and width of the kernel, both odd.
        dilation: Distance between taps, down and across.
        tf32: Whether fp32 operands may be rounded to tf32.
    """

    height: int
    width: int
    kernel: tuple[int, int] = (3, 3)
    dilation: tuple[int, int] = (1, 1)
    tf32: bool = False


def pack(weight: Tensor) -> Tensor:
    """Return `[O, I, kh, kw]` as the matrix `[kh·kw·I, O]` that the convolutions read."""
    return weight.permute(2, 3, 1, 0).reshape(-1, weight.shape[0]).contiguous()


def pack_transposed(weight: Tensor) -> Tensor:
    """Return the weight `[O, I, kh, kw]` as the matrix `[kh·kw·O, I]` of its data gradient: flipped, transposed."""
    return weight.flip(2, 3).permute(2, 3, 0, 1).reshape(-1, weight.shape[1]).contiguous()


def conv_reset(
    x: Tensor,
    weight: Tensor,
    gates: Tensor,
    h: Tensor,
    rh: Tensor,
    picture: Picture,
    *,
    keep: Tensor | None = None,
) -> None:
    """Compute r and z in place, and what the candidate's convolution reads.

    Args:
        x: State before the frame in the data type `[N, C]`.
        weight: Packed W_rz, `[kh·kw·C, 2C]`.
        gates: The projected input `[N, 3C]`; its r and z thirds are replaced by the gates.
        h: State before the frame `[N, C]`, fp32, or `x`.
        rh: Receives r ⊙ keep · h, `[N, C]`; must not be `x`, which neighbours still read.
        picture: The geometry.
        keep: `[B]`.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates)
    require(n, c, x=x, h=h, rh=rh)
    rows, _ = per_sample(n, keep)
    _convolve(
        "reset", x, weight, picture, n, c,
        {"gates": gates, "h": h, "rh": rh, "keep": keep, "rows_per_sample": rows},
        moved=4 * width(gates) + width(h, rh),
        outputs=2,
    )  # fmt: skip


def conv_blend(
    rh: Tensor,
    weight: Tensor,
    gates: Tensor,
    h: Tensor,
    h_out: Tensor,
    y: Tensor | None,
    picture: Picture,
    *,
    update: Tensor | None = None,
    keep: Tensor | None = None,
    activation: Activation = "tanh",
    slope: float = 0.2,
) -> None:
    """Compute the candidate in place and the new state.

    Args:
        rh: What `conv_reset` left, `[N, C]`, data type.
        weight: Packed W_n, `[kh·kw·C, C]`.
        gates: `[N, 3C]` as `conv_reset` left it; the n third is replaced by n.
        h: State before the frame `[N, C]`.
        h_out: Receives the new state `[N, C]`, fp32; may be `h`.
        y: Receives a copy in the data type, or None; must not be `rh`.
        picture: The geometry.
        update: `[B]` or `[N, C]`.
        keep: `[B]`.
        activation: Of the candidate.
        slope: Of a leaky activation, below 0.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates)
    require(n, c, rh=rh, h=h, y=y)
    require_state(n, c, h_out=h_out)
    each, shared = split_update(update, n, c)
    rows, _ = per_sample(n, keep, shared)
    _convolve(
        "blend", rh, weight, picture, n, c,
        {
            "gates": gates, "h": h, "h_out": h_out, "y": y, "update": update, "keep": keep,
            "slope": slope_of(activation, slope), "rows_per_sample": rows,
        },
        moved=3 * width(gates) + width(h, h_out, y, each),
        ACT=activation,
        EACH=each is not None,
    )  # fmt: skip


def conv_reset_backward(
    dgates: Tensor,
    weight: Tensor,
    gates: Tensor,
    h: Tensor,
    dh_prev: Tensor,
    picture: Picture,
    *,
    keep: Tensor | None = None,
) -> None:
    """Go back through `conv_blend`'s convolution and `conv_reset`'s product.

    Args:
        dgates: `[N, 3C]`; the n third is the gradient of n's pre-activation, the r third receives that of r's.
        weight: W_n by `pack_transposed`, `[kh·kw·C, C]`.
        gates: r, z, n of the frame; only r is read. May be `dgates`: r is still there.
        h: State before the frame `[N, C]`.
        dh_prev: Gradient of `h`, `[N, C]`, fp32; the share through r ⊙ h is added.
        picture: The geometry.
        keep: As in `conv_reset`.
    """
    n, c = h.shape
    require(n, 3 * c, gates=gates, dgates=dgates)
    require(n, c, h=h)
    require_state(n, c, dh_prev=dh_prev)
    rows, _ = per_sample(n, keep)
    _convolve(
        "reset_backward", dgates[:, 2 * c :], weight, picture, n, c,
        {
            "gates": gates, "h": h, "dgates": dgates, "dh_prev": dh_prev, "keep": keep,
            "rows_per_sample": rows,
        },
        moved=width(gates, dgates, h) + 2 * width(dh_prev),
    )  # fmt: skip


def conv_gates_backward(
    dgates: Tensor, weight: Tensor, dh_prev: Tensor, picture: Picture, *, keep: Tensor | None = None
) -> None:
    """Go back through `conv_reset`'s convolution.

    Args:
        dgates: `[N, 3C]`; the r and z thirds are read.
        weight: W_rz by `pack_transposed`, `[kh·kw·2C, C]`.
        dh_prev: Gradient of the state before the frame `[N, C]`, fp32; completed.
        picture: The geometry.
        keep: As in `conv_reset`.
    """
    n, c = dh_prev.shape
    require(n, 3 * c, dgates=dgates)
    require_state(n, c, dh_prev=dh_prev)
    rows, _ = per_sample(n, keep)
    _convolve(
        "gates_backward", dgates[:, : 2 * c], weight, picture, n, c,
        {"dh_prev": dh_prev, "keep": keep, "rows_per_sample": rows},
        moved=2 * width(dh_prev),
    )  # fmt: skip


def _convolve(
    name: str,
    x: Tensor,
    weight: Tensor,
    picture: Picture,
    n: int,
    c: int,
    arguments: "dict[str, Tensor | int | float | None]",
    *,
    moved: int,
    outputs: int = 1,
    **constants: "int | str | bool",
) -> None:
    """Launch one of the programs: x `[N, CIN]` (rows may be strided) against weight `[kh·kw·CIN, outputs·C]`."""
    (kh, kw), cin = picture.kernel, x.shape[1]
    if kh % 2 == 0 or kw % 2 == 0:
        raise ValueError(f"kernel {picture.kernel} is even; 'same' needs odd kernels")
    if n % (picture.height * picture.width):
        raise ValueError(f"{n} rows are no pictures of {picture.height}×{picture.width}")
    require(kh * kw * cin, outputs * c, (x.dtype,), weight=weight)
    if n == 0:
        return
    half = x.dtype != torch.float32
    bm, bn = (128, _block(c, 64)) if half else (64, _block(c, 32))
    bk = _block(cin, 32 if half else 16)
    warps = 8 if half else 4
    launch(
        Launch(
            f"conv.{name}",
            {**arguments, "x": x, "weight": weight, "n": n, "height": picture.height, "width": picture.width},
            {
                "CIN": cin, "STRIDE": x.stride(0), "C": c, "COUT": weight.shape[1], "KH": kh, "KW": kw,
                "DH": picture.dilation[0], "DW": picture.dilation[1], "BM": bm, "BN": bn, "BK": bk,
                "PRECISION": "tf32" if picture.tf32 else "ieee",
                "WIDEN": interpreting(), **constants,
            },
            programs=-(-n // bm) * -(-c // bn),
            # AMD's 64 KiB of shared memory hold two stages.
            options={"num_warps": warps, "num_stages": 2 if wave() == 64 else 4},
            elements=n * c,
            traffic=Traffic(moved + width(x) * cin / c, flops=2 * kh * kw * cin * outputs),
            elements_a_program=bm * bn,
            aligned=c % 8 == 0,
            matrix=half or picture.tf32,
        ),
        x,
    )  # fmt: skip


def _block(size: int, most: int) -> int:
    """Return the power of two that covers `size`, from 16, the least a matrix instruction takes, to `most`."""
    return max(16, min(most, 1 << (size - 1).bit_length()))
