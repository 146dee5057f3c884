"""ConvLSTM: each launch, and its gradient, against autograd in fp64."""

import pytest
import torch

from seqimg.kernels import triton_gates as tg
from tests.kernels.triton import statement as st
from tests.kernels.triton.interpreted.problems import DTYPES, PROBLEMS, Problem, leaves


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_lstm(problem: Problem, dtype: torch.dtype) -> None:
    make, o = problem.start(dtype, "state_out", "y", "dgates", "dstate_prev")
    n, c = o.rows, problem.size.channels
    options = {"peephole": o.vector("peephole", 3), "update": o.update(2), "keep": o.keep()}
    gates, state, recurrent = o.data("gates", 4), o.state("state", 2), o.optional("recurrent", 4)
    pre, state64 = leaves(gates, state)
    peephole = options["peephole"]
    p64 = (
        (torch.zeros(3 * c, device=gates.device) if peephole is None else peephole).double().requires_grad_()
    )
    k, u = st.per_row(options["keep"], n), st.per_row(options["update"], n)
    share = 0 if recurrent is None else k * recurrent.double()
    wanted = st.lstm(pre + share, k * state64, p64, u)

    state_out, y = o.state("state_out", 2), o.optional("y")
    tg.lstm(gates, state, state_out, y, recurrent=recurrent, **options)
    st.close(state_out, wanted, dtype)
    if y is not None:
        st.close(y, wanted[:, :c], dtype)

    dstate, dy, dconv = o.state("dstate", 2), o.optional("dy"), o.optional("dconv")
    keep_next, dgates, dstate_prev = o.keep("keep_next"), o.data("dgates", 4), o.state("dstate_prev", 2)
    incoming = problem.incoming(dstate[:, :c], dy, dconv, keep_next)
    wanted.backward(torch.cat([incoming, dstate[:, c:].double()], 1))
    tg.lstm_backward(
        dstate, gates, state, dgates, dstate_prev, dy=dy, dconv=dconv, keep_next=keep_next, **options
    )
    st.close(dgates, pre.grad, dtype)
    st.close(dstate_prev, state64.grad, dtype)

    # The sums that the wrapper leaves to its caller, as its documentation states them.
    i, f, g, _ = gates.double().chunk(4, 1)
    di, df, _, do = dgates.double().chunk(4, 1)
    cell = (k * state.double())[:, c:]
    sums = [di * cell, df * cell, do * (f * cell + i * g)]
    st.close(torch.cat(sums, 1).sum(0), p64.grad, dtype)
    make.check()


def test_outputs_may_be_inputs() -> None:
    make, o = PROBLEMS[-2].start(torch.float32)
    gates, state, dstate = o.data("gates", 4), o.state("state", 2), o.state("dstate", 2)
    apart = [t.clone() for t in (gates, state, dstate)]
    state_out, dgates, dstate_prev = (torch.empty_like(t) for t in apart[1:2] + apart[:1] + apart[2:])
    tg.lstm(apart[0], apart[1], state_out)
    tg.lstm(gates, state, state)
    assert torch.equal(state, state_out)
    tg.lstm_backward(apart[2], apart[0], apart[1], dgates, dstate_prev)
    tg.lstm_backward(dstate, gates, apart[1], gates, dstate)
    assert torch.equal(gates, dgates)
    assert torch.equal(dstate, dstate_prev)
    make.check()
