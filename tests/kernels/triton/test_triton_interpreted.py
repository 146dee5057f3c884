"""The Triton kernels against fp64: by the interpreter everywhere, on a GPU where there is one.

Triton decides at import whether it interprets, so each run is a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CHECKS = sorted(path.stem for path in (Path(__file__).parent / "interpreted").glob("check_*.py"))


def run(check: str, **environment: str) -> str:
    """Run one file of checks in a process and return what pytest said.

    Args:
        check: Its name.
        **environment: Beside what this process has.
    """
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
            f"tests/kernels/triton/interpreted/{check}.py",
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    return done.stdout


def test_the_checks_are_found() -> None:
    assert {"check_conv", "check_gru_before", "check_order"} < set(CHECKS)


@pytest.mark.parametrize("check", CHECKS)
def test_interpreted(check: str) -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    said = run(check, TRITON_INTERPRET="1")
    if "Triton 3.6 cannot loop" in said and " passed" not in said:
        pytest.skip("the interpreter of Triton 3.6 cannot loop")
    assert " passed" in said


@pytest.mark.parametrize("check", [name for name in CHECKS if name != "check_order"])
def test_on_a_gpu(check: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    assert " passed" in run(check, TRITON_INTERPRET="0")
