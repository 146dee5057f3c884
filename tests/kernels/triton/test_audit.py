"""The audit of machine code: the kernels pass it, and each of its rules can fail."""

import sys
from dataclasses import replace

import pytest
import torch

from seqimg.errors import UnavailableError, UsageError
from seqimg.kernels.audit import TARGETS, audit
from seqimg.kernels.audit.build import build
from seqimg.kernels.audit.cases import CALLS, Size
from seqimg.kernels.audit.configurations import Case, cases
from seqimg.kernels.audit.machine_code import read_nvidia
from seqimg.kernels.audit.rules import Row, judge
from seqimg.kernels.triton_gates.launch import Launch, Traffic
from tests.kernels.triton import bad

pytest.importorskip("triton", reason="triton is not installed")

SIZE = Size(1, 16, 16, 64)
QUICK = ("sm_90", "gfx942")


def case(call: str, dtype: str = "bf16", size: Size = SIZE) -> Case:
    return Case(call, dtype, "full", size)


def row_of(launch: Launch, target: str, function: object = None) -> Row:
    gpu = TARGETS[target]
    return judge("bad", "", launch, gpu, *build(launch, gpu, function))


def bad_launch(program: str, *, loads: int = 1, **values: object) -> Launch:
    """A program of `bad` that says it reads each of its elements `loads` times and writes it once."""
    array = torch.empty(4096, device="meta")
    launch = Launch(
        kernel=program,
        arguments={"x": array, "y": array, "n": 4096},
        constants={"BLOCK": 1024},
        programs=4,
        options={"num_warps": 4},
        elements=4096,
        traffic=Traffic(4 * (loads + 1)),
        elements_a_program=1024,
    )
    return replace(launch, **values)  # type: ignore[arg-type]


def failures(program: str, target: str, **values: object) -> str:
    return "; ".join(row_of(bad_launch(program, **values), target, getattr(bad, program)).failures)


# Seconds of work, but half a gigabyte of compiler to read first, where the disk is slow and nothing is cached.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", QUICK)
def test_every_kernel_passes(target: str) -> None:
    rows = audit([target], quick=True, processes=1)
    assert [row.kernel for row in rows] == list(CALLS)
    assert {row.kernel: row.failures for row in rows if row.failures} == {}
    pointwise = [row for row in rows if row.moved is not None]
    assert [row.moved for row in pointwise] == pytest.approx([row.ideal for row in pointwise])
    matrix = [row for row in rows if row.kernel.startswith("conv_")]
    assert all(row.matrix for row in matrix)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_kernel_passes_in_every_configuration_on_every_gpu() -> None:
    rows = audit()
    assert len(rows) == len(cases()) * len(TARGETS)
    assert [(row.kernel, row.configuration, row.target, row.failures) for row in rows if row.failures] == []


@pytest.mark.parametrize("target", QUICK)
def test_an_honest_program_passes(target: str) -> None:
    assert failures("honest", target) == ""


@pytest.mark.parametrize("target", QUICK)
def test_a_spill_is_found(target: str) -> None:
    sound = case("lstm").launch(TARGETS[target].wave)
    starved = {"sm_90": {"maxnreg": 32}, "gfx942": {"waves_per_eu": 8}}[target]
    row = row_of(replace(sound, options={**sound.options, **starved}), target)
    assert row.spilled > 0
    assert f"spills {row.spilled} bytes" in row.failures


@pytest.mark.parametrize("target", QUICK)
def test_narrow_loads_are_found(target: str) -> None:
    assert "are not 16 bytes wide" in failures("scattered", target)
    odd = case("blend", size=Size(1, 16, 16, 13)).launch(TARGETS[target].wave)
    assert row_of(odd, target).failures == ()
    assert "are not 16 bytes wide" in "".join(row_of(replace(odd, aligned=True), target).failures)


@pytest.mark.parametrize("target", QUICK)
def test_bytes_beyond_the_ideal_are_found(target: str) -> None:
    assert "moves 12 bytes an element and step, ideal is 8" in failures("wasteful", target)
    assert failures("wasteful", target, loads=2) == ""


@pytest.mark.parametrize("target", QUICK)
def test_a_scan_is_judged_by_its_loop(target: str) -> None:
    scan = case("linear_scan").launch(TARGETS[target].wave)
    assert row_of(scan, target).moved == 7  # 6 of data, two factors that 8 elements share
    less = replace(scan, traffic=replace(scan.traffic, streamed=5))
    assert "moves 7 bytes an element and step, ideal is 6" in row_of(less, target).failures
    less = replace(scan, traffic=replace(scan.traffic, once=0))
    assert "beside its steps" in "".join(row_of(less, target).failures)
    assert "has no loop over its steps" in failures("honest", target, steps=3)


def test_too_much_shared_memory_is_found() -> None:
    sound = case("conv_blend", size=Size(8, 64, 64, 64)).launch(32)
    deep = replace(sound, options={**sound.options, "num_stages": 10})
    row = row_of(deep, "sm_86")
    assert row.shared > row.shared_limit == 99 * 1024
    assert any("shared memory" in failure for failure in row.failures)
    assert row_of(deep, "sm_90").failures == ()


def test_missing_matrix_instructions_are_found() -> None:
    plain = case("conv_gates_backward", "fp32").launch(32)
    assert row_of(plain, "sm_90").failures == ()
    row = row_of(replace(plain, matrix=True), "sm_90")
    assert row.failures == ("multiplies matrices without matrix instructions",)
    rounded = replace(plain, matrix=True, constants={**plain.constants, "PRECISION": "tf32"})
    assert row_of(rounded, "sm_90").matrix


def test_what_is_not_known_is_an_error() -> None:
    with pytest.raises(UsageError, match="sm_90") as caught:
        audit(["sm90"])
    assert caught.value.hint == "sm_90"
    with pytest.raises(UsageError, match="linear_scan"):
        audit(["sm_90"], ["linear_scn"])


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(UnavailableError, match="cuobjdump"):
        read_nvidia(b"no program", TARGETS["sm_90"])


def test_recording_needs_no_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    assert case("lstm").launch(32).elements == 16 * 16 * 64
