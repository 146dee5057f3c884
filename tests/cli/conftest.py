"""Small sequences and a small model, made once; and the command line in this process, where torch is loaded."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from seqimg.cli.main import main
from tests.support.cli import Result

TINY = {"size": 0, "crop": 16, "widths": (4,), "context": 2, "horizon": 2, "batch_size": 2, "steps": 2}


def _frames(count: int, channels: int = 3) -> Iterator[np.ndarray]:
    """A bright square that moves to the right over noise."""
    rng = np.random.default_rng(0)
    for time in range(count):
        frame = rng.integers(0, 40, (24, 32, channels), dtype=np.uint8)
        frame[8:16, time % 24 : time % 24 + 8] = 220
        yield frame


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sequences, good and bad."""
    from seqimg import save_sequence

    folder = tmp_path_factory.mktemp("media")
    save_sequence(_frames(30), folder / "good.mp4", fps=25)
    save_sequence(_frames(3), folder / "short.mp4", fps=25)
    save_sequence(_frames(1), folder / "one.mp4", fps=25)
    save_sequence(_frames(30), folder / "good.rgb")
    save_sequence(_frames(30, channels=1), folder / "grey.npy")
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("This is no video.\n" * 100)
    (folder / "notes").mkdir()
    (folder / "notes" / "read me.txt").write_text("No pictures here.\n")
    (folder / "file").write_text("A file, no folder.\n")
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder for RGB, as untrained as it may be."""
    from seqimg import modelfolder
    from seqimg_predict.config import PredictConfig
    from seqimg_predict.task import PredictTask

    task = PredictTask(PredictConfig(channels=3, **TINY))
    folder = tmp_path_factory.mktemp("trained") / "model"
    modelfolder.save(folder, task, task.build_model().state_dict(), {})
    return folder


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Flags of a training that takes a moment."""
    flags = {**TINY, "widths": "4"}
    return [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """The command line without a process of its own, for all that is not about processes."""

    def run(*arguments: str | Path) -> Result:
        capfd.readouterr()
        words = [str(argument) for argument in arguments]
        code = main(words)
        said = capfd.readouterr()
        return Result(words, code, said.out, said.err)

    return run
