"""ConvGRU, reset before: each launch, and its gradient, against autograd in fp64."""

import pytest
import torch

from seqimg.kernels import triton_gates as tg
from seqimg.kernels.audit.cases import Size
from tests.kernels.triton import statement as st
from tests.kernels.triton.interpreted.problems import DTYPES, PROBLEMS, Problem, leaves, poisoned


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reset(problem: Problem, dtype: torch.dtype) -> None:
    make, o = problem.start(dtype, "rh", "dgates")
    n, c = o.rows, problem.size.channels
    gates, h, keep, recurrent = o.data("gates", 3), o.state("h"), o.keep(), o.optional("recurrent", 2)
    third = gates[:, 2 * c :].clone()
    pre_r, pre_z, h64 = leaves(gates[:, :c], gates[:, c : 2 * c], h)
    k = st.per_row(keep, n)
    share = 0 if recurrent is None else k * recurrent.double()
    rec_r, rec_z = (0, 0) if recurrent is None else share.chunk(2, 1)
    r, z, rh = st.reset(pre_r + rec_r, pre_z + rec_z, k * h64)

    found = o.data("rh")
    tg.reset(gates, h, found, recurrent=recurrent, keep=keep)
    st.close(gates[:, : 2 * c], torch.cat([r, z], 1), dtype)
    st.close(found, rh, dtype)
    assert torch.equal(gates[:, 2 * c :], third)

    drh, dgates, dh_prev = o.data("drh"), o.data("dgates", 3), o.state("dh_prev")
    before = dh_prev.clone()
    rh.backward(drh.double())
    tg.reset_backward(drh, gates, h, dgates, dh_prev, keep=keep)
    st.close(dgates[:, :c], pre_r.grad, dtype)
    st.close(dh_prev, before.double() + h64.grad, dtype)
    assert poisoned(dgates[:, c:])
    make.check()


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_blend(problem: Problem, dtype: torch.dtype) -> None:
    make, o = problem.start(dtype, "h_out", "y", "dh_prev", "dgates")
    n, c = o.rows, problem.size.channels
    options = {"activation": problem.activation, "update": o.update(), "keep": o.keep()}
    gates, h, recurrent = o.data("gates", 3), o.state("h"), o.optional("recurrent")
    pre_z, pre_n, h64 = leaves(gates[:, c : 2 * c], gates[:, 2 * c :], h)
    k, u = st.per_row(options["keep"], n), st.per_row(options["update"], n)
    share = 0 if recurrent is None else recurrent.double()
    wanted = st.blend(pre_z, pre_n + share, k * h64, u, problem.activation)

    gates[:, c : 2 * c] = pre_z.sigmoid()
    h_out, y = o.state("h_out"), o.optional("y")
    tg.blend(gates, h, h_out, y, recurrent=recurrent, **options)
    st.close(gates[:, 2 * c :], st.ACTIVATIONS[problem.activation](pre_n + share), dtype)
    st.close(h_out, wanted, dtype)
    if y is not None:
        st.close(y, wanted, dtype)

    dh, dy, dconv, keep_next = o.state("dh"), o.optional("dy"), o.optional("dconv"), o.keep("keep_next")
    dgates, dh_prev = o.data("dgates", 3), o.state("dh_prev")
    wanted.backward(problem.incoming(dh, dy, dconv, keep_next))
    tg.blend_backward(
        dh, gates, h, dgates, dh_prev, dy=dy, dconv=dconv, keep_next=keep_next, **options
    )  # fmt: skip
    st.close(dgates[:, c:], torch.cat([pre_z.grad, pre_n.grad], 1), dtype)
    st.close(dh_prev, h64.grad, dtype)
    assert poisoned(dgates[:, :c])
    make.check()


def test_outputs_may_be_inputs() -> None:
    """States and gates may be written where they are read."""
    make, o = PROBLEMS[-1].start(torch.float32)
    apart = [t.clone() for t in (o.data("gates", 3), o.state("h"), o.state("dh"))]
    gates, h, dh = o.make.tensors["gates"], o.make.tensors["h"], o.make.tensors["dh"]
    h_out, dgates, dh_prev = torch.empty_like(h), torch.empty_like(gates), torch.empty_like(h)
    tg.blend(apart[0], apart[1], h_out)
    tg.blend(gates, h, h)
    assert torch.equal(h, h_out)
    tg.blend_backward(apart[2], apart[0], apart[1], dgates, dh_prev)
    tg.blend_backward(dh, gates, apart[1], gates, dh)
    tg.reset_backward(o.data("drh"), apart[0], apart[1], dgates, dh_prev)
    tg.reset_backward(o.make.tensors["drh"], gates, apart[1], gates, dh)
    assert torch.equal(gates, dgates)
    assert torch.equal(dh, dh_prev)
    make.check()


# What is cut off is computed, then not taken.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_state_that_is_cut_off_may_be_anything() -> None:
    """A state that blew up does not outlive the reset."""
    _, o = Problem(Size(2, 2, 2, 4), "full").start(torch.float32)
    gates, h, keep, recurrent = o.data("gates", 3), o.state("h"), o.keep(), o.data("recurrent", 2)
    keep.copy_(torch.tensor([0.0, 1.0]))
    h[:4], recurrent[:4] = float("nan"), float("inf")
    tg.reset(gates, h, o.data("rh"), recurrent=recurrent, keep=keep)
    tg.blend(gates, h, o.state("h_out"), keep=keep)
    for name in ("gates", "rh", "h_out"):
        assert bool(o.make.tensors[name].isfinite().all())
