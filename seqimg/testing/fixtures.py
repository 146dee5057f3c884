"""Fixtures for pytest: `pytest_plugins = ["seqimg.testing.fixtures"]` in a plugin's `conftest.py` brings them.

| fixture | what |
|---|---|
| `seqimg_command` | runs `seqimg WORDS` in this process, in the test's own folder, and returns what it said |
| `tiny_sequence` | a `.npy` stack of 24 frames of 24×32 RGB, a bright square that moves |
| `tiny_run` | trains a task on it for two steps and returns the run folder: `tiny_run("predict", widths=(4,))` |
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqimg.plugins.manager import plugin_host
from seqimg.testing.command_line import Said, run_command
from seqimg.testing.sequences import moving_square
from seqimg.testing.training import SMALL, written_config

__all__ = ["seqimg_command", "tiny_run", "tiny_sequence"]


@pytest.fixture
def seqimg_command(tmp_path: Path) -> Callable[..., Said]:
    """Return what runs a command in the test's folder."""

    def run(*words: str | Path) -> Said:
        return run_command(*words, folder=tmp_path)

    return run


@pytest.fixture
def tiny_sequence(tmp_path: Path) -> Path:
    """Write a small sequence and return its path."""
    path = tmp_path / "tiny.npy"
    np.save(path, moving_square())
    return path


@pytest.fixture
def tiny_run(tmp_path: Path, tiny_sequence: Path) -> Callable[..., Path]:
    """Return what trains a task for two steps."""

    def train(task: str, **values: object) -> Path:
        kind = plugin_host().tasks.load(task, "config")
        config = kind(**{**SMALL, "data": (str(tiny_sequence),), **values})
        folder = tmp_path / f"{task}-run"
        path = written_config(tmp_path, task, config)
        said = run_command(task, "train", "--config", path, "-o", folder, folder=tmp_path)
        assert said.code == 0, said.err
        return folder

    return train
