"""The command line in this process, and frames to filter."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqimg.cli.main import main
from tests.support.cli import Result


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """The command line without a process of its own."""

    def run(*arguments: str | Path) -> Result:
        capfd.readouterr()
        words = [str(argument) for argument in arguments]
        code = main(words)
        said = capfd.readouterr()
        return Result(words, code, said.out, said.err)

    return run


@pytest.fixture
def stack() -> Path:
    """Six RGB frames of noise with a bright square that moves."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 60, (6, 32, 40, 3), dtype=np.uint8)
    for time in range(6):
        frames[time, 8:20, 4 + 3 * time : 16 + 3 * time] += 150
    np.save("stack.npy", frames)
    return Path("stack.npy")
