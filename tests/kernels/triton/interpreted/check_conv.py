"""Convolutions with the gates as their epilogue, and their gradients, against autograd in fp64."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.kernels import triton_conv as tc
from seqimg.kernels import triton_gates as tg
from seqimg.kernels.audit.cases import Operands, Size
from tests.kernels.triton import statement as st
from tests.kernels.triton.interpreted.problems import DTYPES, Problem, leaves, poisoned

CASES = (
    (Problem(Size(1, 1, 1, 1)), (3, 3), (1, 1)),
    (Problem(Size(2, 4, 5, 3), "full"), (3, 3), (1, 1)),
    (Problem(Size(1, 3, 9, 20), "each", "relu"), (1, 5), (1, 1)),
    (Problem(Size(2, 9, 8, 24), "full", "leaky"), (5, 3), (1, 2)),  # more pixels than a program takes
    (Problem(Size(1, 3, 2, 40)), (1, 5), (1, 2)),  # wider than the picture; two tiles of channels in fp32
)


def rows(pictures: Tensor) -> Tensor:
    return pictures.permute(0, 2, 3, 1).reshape(-1, pictures.shape[1])


def convolve(x: Tensor, weight: Tensor, o: Operands, picture: tc.Picture) -> Tensor:
    """Convolve rows `[N, I]` in fp64."""
    pictures = x.unflatten(0, (o.size.samples, picture.height, picture.width)).permute(0, 3, 1, 2)
    padding = [d * (k // 2) for d, k in zip(picture.dilation, picture.kernel, strict=True)]
    return rows(conv2d(pictures, weight, padding=padding, dilation=picture.dilation))


@pytest.mark.parametrize(("problem", "kernel", "dilation"), CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_frame(
    problem: Problem, kernel: tuple[int, int], dilation: tuple[int, int], dtype: torch.dtype
) -> None:
    make, o = problem.start(dtype, "rh", "h_out", "y", "dh_prev", "dgates")
    n, c = o.rows, problem.size.channels
    picture = replace(o.picture, kernel=kernel, dilation=dilation)
    gates, x, keep, update = o.data("gates", 3), o.data("x"), o.keep(), o.update()
    noise = make("weight", (3 * c, c, *kernel), dtype) / (kernel[0] * kernel[1] * c) ** 0.5
    options = {"update": update, "activation": problem.activation}
    pre, h64, w64 = leaves(gates, x, noise)
    w_rz, w_n = w64[: 2 * c], w64[2 * c :]
    k, u = st.per_row(keep, n), st.per_row(update, n)
    pre_r, pre_z, pre_n = pre.chunk(3, 1)
    rec_r, rec_z = convolve(k * h64, w_rz, o, picture).chunk(2, 1)
    r, z, rh = st.reset(pre_r + rec_r, pre_z + rec_z, k * h64)
    new = pre_n + convolve(rh, w_n, o, picture)
    wanted = st.blend(pre_z + rec_z, new, k * h64, u, problem.activation)

    forward = {
        name: make.place(name, tc.pack(w)) for name, w in (("w_rz", noise[: 2 * c]), ("w_n", noise[2 * c :]))
    }
    found, h_out, y = o.data("rh"), o.state("h_out"), o.optional("y")
    tc.conv_reset(x, forward["w_rz"], gates, x, found, picture, keep=keep)
    tc.conv_blend(found, forward["w_n"], gates, x, h_out, y, picture, keep=keep, **options)
    st.close(gates, torch.cat([r, z, st.ACTIVATIONS[problem.activation](new)], 1), dtype)
    st.close(found, rh, dtype)
    st.close(h_out, wanted, dtype)
    if y is not None:
        st.close(y, wanted, dtype)

    back = {
        name: make.place(name, tc.pack_transposed(w))
        for name, w in (("w_rz_t", noise[: 2 * c]), ("w_n_t", noise[2 * c :]))
    }
    dh, dgates, dh_prev = o.state("dh"), o.data("dgates", 3), o.state("dh_prev")
    wanted.backward(dh.double())
    tg.blend_backward(dh, gates, x, dgates, dh_prev, keep=keep, **options)
    assert poisoned(dgates[:, :c])
    tc.conv_reset_backward(dgates, back["w_n_t"], gates, x, dh_prev, picture, keep=keep)
    tc.conv_gates_backward(dgates, back["w_rz_t"], dh_prev, picture, keep=keep)
    st.close(dgates, pre.grad, dtype)
    st.close(dh_prev, h64.grad, dtype)
    make.check()
