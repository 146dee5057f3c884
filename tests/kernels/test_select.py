"""Choosing a kernel: precedence, refusals with every reason, third-party kernels."""

from collections.abc import Iterator

import pytest

from seqimg.errors import UnavailableError
from seqimg.kernels import CallSignature, explain, select, use_kernel
from seqimg.kernels import reference as reference_module
from seqimg.kernels import select as select_function
from seqimg.plugins import KernelSpec
from seqimg.plugins.manager import plugin_host, reset_plugin_host
from seqimg.plugins.registry import Owner

CALL = CallSignature("made_up.sequence", "cpu", "float32", (("reset", "after"),))


def refuse_reset_after(signature: CallSignature) -> list[str]:
    return ["it resets before only"] if ("reset", "after") in signature.options else []


def fast(*_: object) -> None:
    """A kernel that is only ever chosen, not run."""


def _spec(name: str, **values: object) -> KernelSpec:
    return KernelSpec(name=name, summary=name, op="made_up.sequence", kernel=f"{__name__}:fast", **values)  # type: ignore[arg-type]


@pytest.fixture
def kernels() -> Iterator[None]:
    reset_plugin_host()
    owner = Owner(plugin="test", distribution="seqimg-test", version="1")
    for spec in (
        _spec("picky", priority=9, refuse=f"{__name__}:refuse_reset_after"),
        _spec("gpu", priority=8, devices=("cuda",)),
        _spec("half", priority=7, dtypes=("bfloat16",)),
        _spec("new", priority=6, status="experimental"),
        _spec("bad", priority=5, status="broken"),
        _spec("good", priority=4),
    ):
        plugin_host().kernels.add(spec, owner)
    select_function.__globals__["_select"].cache_clear()
    yield
    reset_plugin_host()
    select_function.__globals__["_select"].cache_clear()


@pytest.mark.usefixtures("kernels")
def test_the_best_usable_stable_kernel_is_taken() -> None:
    assert select(CALL) is fast
    assert select(CallSignature("another.sequence", "cpu", "float32")) is reference_module.sequence


@pytest.mark.usefixtures("kernels")
def test_every_refusal_is_listed() -> None:
    reasons = {candidate.spec.name: candidate.reasons for candidate in explain(CALL)}
    assert list(reasons) == ["picky", "gpu", "half", "new", "bad", "good", "reference"]
    assert reasons["picky"] == ("it resets before only",)
    assert reasons["gpu"] == ("it runs on cuda, not on cpu",)
    assert reasons["half"] == ("it computes in bfloat16, not in float32",)
    assert reasons["bad"] == ("it is marked broken",)
    assert reasons["good"] == reasons["new"] == reasons["reference"] == ()


@pytest.mark.usefixtures("kernels")
def test_argument_beats_context_beats_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQIMG_KERNEL", "reference")
    assert select(CALL) is reference_module.sequence
    with use_kernel("new"):
        assert select(CALL) is fast
        assert select(CALL, "reference") is reference_module.sequence
    assert select(CALL, "auto") is fast


@pytest.mark.usefixtures("kernels")
def test_an_explicit_choice_that_cannot_work_says_why() -> None:
    with pytest.raises(UnavailableError, match="it runs on cuda, not on cpu"):
        select(CALL, "gpu")
    with pytest.raises(UnavailableError, match="SEQIMG_KERNEL=reference") as caught:
        select(CALL, "refrence")
    assert caught.value.exit_code == 3


def test_an_op_that_nothing_computes_says_so() -> None:
    with pytest.raises(UnavailableError, match="no kernel is registered"):
        select(CallSignature("made_up.other", "cpu", "float32"))
