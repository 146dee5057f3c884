"""The fixtures that plugins' tests may use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from seqimg.testing import Said
from seqimg.testing.fixtures import seqimg_command, tiny_run, tiny_sequence

__all__ = ["seqimg_command", "tiny_run", "tiny_sequence"]


def test_a_command_runs_in_the_folder_of_the_test(
    seqimg_command: Callable[..., Said], tiny_sequence: Path
) -> None:
    said = seqimg_command("data", "info", tiny_sequence.name)
    assert (said.code, np.load(tiny_sequence).shape) == (0, (24, 24, 32, 3))
    assert "tiny.npy" in said.out


def test_a_run_is_trained_in_a_moment(tiny_run: Callable[..., Path]) -> None:
    run = tiny_run("predict", widths=(4,), context=2, horizon=2, baselines=("copy_last",), motion=False)
    assert (run / "model" / "config.json").is_file()
