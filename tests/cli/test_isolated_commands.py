"""Commands outlive the files that kill their decoders."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.sequences import isolated
from tests.support.cli import Result, assert_refused, seqimg


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Environment in which the bad format is installed and patience is short."""
    isolated.install(tmp_path / "site")
    return {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(isolated.ROOT)]),
        "SEQIMG_DECODE_SECONDS": "1.5",
        "XDG_CACHE_HOME": str(tmp_path),
    }


def _files() -> None:
    for action in ("segv", "hang", "value", "fine"):
        isolated.bad(Path.cwd(), f"{action} 4", f"{action}.bad")
    np.save("good.npy", np.zeros((3, 8, 8), np.uint8))


@pytest.mark.parametrize(
    ("action", "said"), [("segv", "SIGSEGV"), ("hang", "for 1.5 s"), ("value", "ValueError: no number")]
)
def test_an_error_of_three_lines(surroundings: dict[str, str], action: str, said: str) -> None:
    _files()
    done: Result = seqimg("data", "convert", f"{action}.bad", "out.npy", "--quiet", env=surroundings)
    assert_refused(done, 1, f"cannot read {action}.bad from frame 4 on", said)
    assert not Path("out.npy").exists()
    kept = seqimg(
        "data", "convert", f"{action}.bad", "out.npy", "--on-error", "truncate", "--json", env=surroundings
    )
    assert kept.returncode == 0, kept.stderr
    assert np.load("out.npy").shape == (4, 4, 6, 3)


def test_the_others_are_none_the_worse(surroundings: dict[str, str]) -> None:
    _files()
    names = ["segv.bad", "hang.bad", "value.bad", "fine.bad", "good.npy"]
    done = seqimg("data", "check", *names, "--json", "-o", "report.json", env=surroundings)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    report = Path("report.json").read_text()
    assert "SIGSEGV" in report
    assert all(name in report for name in names)
    assert json.loads(report)


@pytest.mark.parametrize("policy", ["skip", "truncate"])
def test_where_nothing_is_left_the_reason_is_named(surroundings: dict[str, str], policy: str) -> None:
    isolated.bad(Path.cwd(), "segv 0", "segv.bad")
    done = seqimg("data", "convert", "segv.bad", "out.npy", "--quiet", "--on-error", policy, env=surroundings)
    assert_refused(done, 1, "cannot read segv.bad", "no frame is left: from frame 0", "SIGSEGV")
    assert not Path("out.npy").exists()
