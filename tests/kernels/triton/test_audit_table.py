"""What the audit and the estimate print, and how they end."""

import json
import math

import pytest

from seqimg.cli import cells_audit
from seqimg.cli.cells_audit import audit_kernels, estimate_kernels
from seqimg.cli.output import configure
from seqimg.errors import CheckFailedError, UsageError
from seqimg.kernels.audit import Row
from seqimg.kernels.audit.roofline import DEVICES, SHAPES, estimate

GOOD = Row(
    kernel="reset",
    configuration="bf16 full 1x16x16x64",
    target="sm_90",
    registers=57,
    spilled=0,
    shared=4096,
    shared_limit=232448,
    matrix=None,
    moved=18.5,
    ideal=18.5,
    narrow=0.5,
    mix={"float": 90, "global": 9},
    failures=(),
)
BAD = Row(**{**vars(GOOD), "registers": 255, "spilled": 24, "failures": ("spills 24 bytes",)})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    rows: list[Row] = []
    monkeypatch.setattr(cells_audit, "audit", lambda *_, **__: rows)
    configure()
    return rows


def test_programs_that_pass(found: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    found += [GOOD, GOOD]
    audit_kernels()
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["reset", "sm_90", "2", "57", "0", "4", "of", "227", "-", "0", "ok"]
    assert "All 2 programs pass" in err


def test_a_program_that_fails_is_shown_and_ends_the_command(
    found: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    found += [GOOD, BAD]
    with pytest.raises(CheckFailedError, match="1 of 2 programs fail") as caught:
        audit_kernels(each=True)
    assert caught.value.exit_code == 4
    assert "spills 24 bytes" in (caught.value.why or "")
    lines = capsys.readouterr().out.splitlines()
    assert "float:90 global:9" in lines[1]
    assert lines[1].endswith("ok")
    assert lines[2].endswith("spills 24 bytes")


def test_json_holds_every_row(found: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    found += [GOOD, BAD]
    configure(json=True)
    with pytest.raises(CheckFailedError):
        audit_kernels()
    good, bad = json.loads(capsys.readouterr().out)["programs"]
    assert good["moved"] == 18.5
    assert bad["failures"] == ["spills 24 bytes"]


def test_targets_may_be_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(cells_audit, "audit", lambda targets, *_, **__: asked.append(targets) or [])
    audit_kernels(["sm_8*", "gfx942"])
    assert asked == [["sm_80", "sm_86", "gfx942"]]
    with pytest.raises(UsageError, match="no target is called sm_91"):
        audit_kernels(["sm_91"])


def test_the_estimate_calls_itself_one(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    estimate_kernels(["2,3,16,8,8"])
    out, err = capsys.readouterr()
    assert "estimated µs" in out
    assert "nothing was measured" in err
    configure(json=True)
    estimate_kernels(["2,3,16,8,8"])
    data = json.loads(capsys.readouterr().out)
    assert data["measured"] is False
    configure()
    for shape in ("2,3,16,8", "2,3,16,8,0", "2,3,16,8,x"):
        with pytest.raises(UsageError, match="no shape"):
            estimate_kernels([shape])


def test_the_estimate_adds_up() -> None:
    rows = {(r.cell, r.kernel, r.direction, r.device): r for r in estimate([(8, 10, 64, 32, 32)])}
    assert len(estimate()) == len(SHAPES) * len(rows)
    forward = rows["conv_gru", "triton", "forward", "H100 SXM"]
    n, c, t = 8 * 32 * 32, 64, 10
    flops = 2 * n * 9 * c * c * t * (3 + 3)  # the projection and the convolutions of the state
    weights = 9 * c * c * 2 * (3 + t * 3)
    state = t * n * c * (18 + 18)  # the gates, as documented
    pictures = t * n * c * 2 * ((1 + 3) + (1 + 2) + (1 + 1))  # in and out of the convolutions
    assert forward.launches == 1 + 4 * t
    assert math.isclose(forward.gigaflops, flops / 1e9, rel_tol=1e-3)
    assert math.isclose(forward.megabytes, (state + pictures + weights) / 1e6, rel_tol=1e-3)
    for key, row in rows.items():
        device = next(device for device in DEVICES if device.name == key[3])
        ideal = max(row.megabytes * 1e6 / device.bandwidth, row.gigaflops * 1e9 / device.operations)
        assert ideal * 1e6 < row.microseconds
        assert row.kernel == "triton_conv" or row.limit < row.microseconds
    fused = rows["conv_gru", "triton_conv", "forward", "H100 SXM"]
    assert (fused.launches, fused.gigaflops) == (1 + 2 * t, forward.gigaflops)
    assert fused.megabytes < forward.megabytes
