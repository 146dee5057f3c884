"""ConvGRU, reset after: each launch, and its gradient, against autograd in fp64."""

import pytest
import torch

from seqimg.kernels import triton_gates as tg
from tests.kernels.triton import statement as st
from tests.kernels.triton.interpreted.problems import DTYPES, PROBLEMS, Problem, leaves


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_after(problem: Problem, dtype: torch.dtype) -> None:
    outputs = ("h_out", "y", "candidate", "dprojected", "drecurrent", "dh_prev")
    make, o = problem.start(dtype, *outputs)
    n, c = o.rows, problem.size.channels
    options = {"activation": problem.activation, "update": o.update(), "keep": o.keep()}
    gates, recurrent, h, bias = o.data("gates", 3), o.data("recurrent", 3), o.state("h"), o.vector("bias", 3)
    projected, h64 = leaves(gates, h)
    k, u = st.per_row(options["keep"], n), st.per_row(options["update"], n)
    convolved = k * recurrent.double() + (0 if bias is None else bias.double())
    convolved.requires_grad_()
    wanted = st.after(projected, convolved, k * h64, u, problem.activation)

    h_out, y, candidate = o.state("h_out"), o.optional("y"), o.data("candidate")
    tg.after(gates, recurrent, h, h_out, y, candidate, bias=bias, **options)
    r, z = (projected + convolved)[:, : 2 * c].sigmoid().chunk(2, 1)
    new = st.ACTIVATIONS[problem.activation](projected[:, 2 * c :] + r * convolved[:, 2 * c :])
    st.close(gates, torch.cat([r, z, new], 1), dtype)
    st.close(candidate, convolved[:, 2 * c :], dtype)
    st.close(h_out, wanted, dtype)
    if y is not None:
        st.close(y, wanted, dtype)

    dh, dy, dconv, keep_next = o.state("dh"), o.optional("dy"), o.optional("dconv"), o.keep("keep_next")
    dprojected, drecurrent, dh_prev = o.data("dprojected", 3), o.data("drecurrent", 3), o.state("dh_prev")
    wanted.backward(problem.incoming(dh, dy, dconv, keep_next))
    tg.after_backward(
        dh, gates, candidate, h, dprojected, drecurrent, dh_prev,
        dy=dy, dconv=dconv, keep_next=keep_next, **options,
    )  # fmt: skip
    st.close(dprojected, projected.grad, dtype)
    st.close(drecurrent, convolved.grad, dtype)
    st.close(dh_prev, h64.grad, dtype)
    make.check()
