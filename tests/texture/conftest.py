"""A texture that was trained for a moment."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqimg.testing.command_line import run_command

SMALL = ("--extractor", "random-multiscale", "--widths", "6,4", "--pool", "4", "--crop", "32", "--steps", "2")


def grain(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Return a picture of noise, `[H, W, C]` uint8."""
    return np.random.default_rng(0).integers(0, 255, (height, width, channels), dtype=np.uint8)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, trained on a picture in colour for two steps by the command line."""
    folder = tmp_path_factory.mktemp("texture")
    Image.fromarray(grain(64, 96)).save(folder / "grain.png")
    said = run_command("texture", "train", "grain.png", *SMALL, "-o", "run", folder=folder)
    assert said.code == 0, said.err
    return folder / "run" / "model"
