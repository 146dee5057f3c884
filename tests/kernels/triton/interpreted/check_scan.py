"""The minimal GRU's scan over all frames, and its gradient, against autograd in fp64."""

import pytest
import torch

from seqimg.kernels import triton_gates as tg
from tests.kernels.triton import statement as st
from tests.kernels.triton.interpreted.problems import DTYPES, LOOPS, PROBLEMS, Problem, leaves

pytestmark = LOOPS


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_linear_scan(problem: Problem, dtype: torch.dtype) -> None:
    make, o = problem.start(dtype, "y", "h_last", "dgates", "dh0")
    frames = (problem.size.frames,)
    options = {
        "activation": problem.activation, "update": o.update(frames=frames), "keep": o.keep(frames=frames),
    }  # fmt: skip
    gates, h0, y, h_last = o.film("gates", 2), o.state("h0"), o.film("y"), o.state("h_last")
    pre, h64 = leaves(gates, h0)
    states, last = st.scan(pre, h64, options["keep"], options["update"], problem.activation)

    tg.linear_scan(gates, h0, y, h_last, **options)
    st.close(y, states, dtype)
    st.close(h_last, last, dtype)
    assert torch.equal(gates.double(), pre.detach())

    dy, dgates, dh0 = o.film("dy"), o.film("dgates", 2), o.state("dh0")
    dh_last = None if problem.variant == "plain" else o.state("dh_last")
    incoming = 0 if dh_last is None else dh_last.double()
    ((states * dy.double()).sum() + (last * incoming).sum()).backward()
    tg.linear_scan_backward(dy, gates, y, h0, dgates, dh0, dh_last=dh_last, **options)
    st.close(dgates, pre.grad, dtype)
    st.close(dh0, h64.grad, dtype)
    make.check()


def test_pieces_are_the_whole() -> None:
    make, o = Problem(PROBLEMS[3].size._replace(frames=5), "full").start(torch.float32)
    gates, h0, keep = o.film("gates", 2), o.state("h0"), o.keep(frames=(5,))
    y, h = torch.empty(2, 5, o.rows, 13, device=h0.device), h0.clone()
    tg.linear_scan(gates, h0, y[0], torch.empty_like(h), keep=keep)
    for part in (slice(0, 2), slice(2, 5)):
        tg.linear_scan(gates[part], h, y[1, part], h, keep=keep[part])
    assert torch.equal(y[0], y[1])
    make.check()
