"""`seqimg TASK eval`: it says where parts of the data may be what the model has learnt from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqimg import modelfolder
from seqimg.sequences import save_sequence
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.support.cli import Result


@pytest.fixture
def trained() -> Callable[..., Path]:
    """A model that says it was trained on the named data: four stacks in `set/`, or two of them."""
    for name in "abcd":
        frames = np.random.default_rng(ord(name)).integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
        save_sequence(frames, f"set/{name}.npy")

    def save(*data: str) -> Path:
        config = PredictConfig(channels=3, widths=(4,), context=2, horizon=1, crop=0, size=0, data=data)
        task = PredictTask(config)
        modelfolder.save(Path("model"), task, task.build_model().state_dict(), {})
        return Path("model")

    return save


@pytest.mark.parametrize(
    ("known", "data", "part", "warned"),
    [
        (["set"], ["set"], "test", None),
        (["set"], ["set"], "train", "--part test is what it has not seen"),
        (["set"], ["set/b.npy"], "test", "trained on set, split otherwise"),
        (["set/a.npy", "set/b.npy"], ["set/a.npy"], "test", None),
        (["set/a.npy", "set/b.npy"], ["set"], "test", "measured of set may be"),
        (["set/a.npy"], ["set/b.npy"], "all", None),
    ],
)
def test_eval_warns_of_what_the_model_may_have_learnt_from(
    cli: Callable[..., Result],
    trained: Callable[..., Path],
    known: list[str],
    data: list[str],
    part: str,
    warned: str | None,
) -> None:
    done = cli("predict", "eval", "--model", trained(*known), *data, "--part", part)
    assert done.returncode == 0, done.stderr
    assert ("Warning" in done.stderr) == (warned is not None)
    assert (warned or "") in done.stderr
