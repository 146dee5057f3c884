"""`--pre`: operations before all else, kept with the model, applied again by `run` and `eval`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqimg.config import ReadingConfig, TaskConfig
from seqimg.data.items import Item
from seqimg.data.lazy import LazyFrames
from seqimg.data.store import FrameStore
from seqimg.errors import UnavailableError, UsageError
from seqimg.sequences import open_sequence
from seqimg.sequences.prepared import prepared, unprepared
from seqimg_filter.chain import Chain
from seqimg_filter.pipeline import Pipeline
from tests.support.cli import Result, assert_refused

Cli = Callable[..., Result]

TINY = [
    "--size",
    "0",
    "--crop",
    "16",
    "--widths",
    "4",
    "--context",
    "2",
    "--horizon",
    "2",
    "--batch-size",
    "2",
]


def _filtered(path: Path, *words: str) -> np.ndarray:
    with open_sequence(path) as sequence:
        pipeline = Pipeline(Chain.parse(words), sequence.info)
        return np.stack([frame.pixels for frame in pipeline.frames(sequence.timed())])


def test_frames_are_prepared_in_every_order_they_are_read(stack: Path) -> None:
    words = ["gaussian:sigma=1", "mode=reflect", "invert"]
    expected = _filtered(stack, "gaussian:sigma=1,mode=reflect", "invert")
    source = open_sequence(stack)
    with prepared(source, words) as sequence:
        assert unprepared(sequence) is source
        assert "after gaussian:sigma=1,mode=reflect, invert" in sequence.info.sentence()
        assert (np.stack(list(sequence)) == expected).all()
        assert (np.stack([f.pixels for f in sequence.frames([4, 1, 1])]) == expected[[4, 1, 1]]).all()
        assert (np.stack([f.pixels for f in sequence.timed(3)]) == expected[3:]).all()
    assert prepared(source, ()) is source


@pytest.mark.parametrize("cache", ["disk", "none"])
def test_data_are_prepared(stack: Path, cache: str) -> None:
    item = Item(str(stack))
    config = TaskConfig(pre=("invert", "grey"), size=0)
    kind = {"disk": FrameStore.read, "none": LazyFrames}[cache]
    expected = _filtered(stack, "invert", "grey")
    with kind(item, 0, config) as frames:
        assert frames.channels == 1
        found = frames.frames(range(6), (slice(None), slice(None)))
    np.testing.assert_allclose(found.numpy()[:, 0] * 255, expected[..., 0], atol=1e-4)
    with kind(item, 0, ReadingConfig()) as plain:
        assert plain.channels == 3


def test_generated_data_are_prepared() -> None:
    from seqimg.data.datasets import window_datasets

    words = {"data": ("demo:moving-digits",), "crop": 32, "seed": 3}
    plain = window_datasets(TaskConfig(**words), length=4, step=4)
    made = window_datasets(TaskConfig(**words, pre=("invert", "rgb")), length=4, step=4)
    assert (plain.channels, made.channels) == (1, 3)
    frames = made.train[5].frames
    np.testing.assert_allclose(frames.numpy(), 1 - plain.train[5].frames.expand_as(frames).numpy(), atol=1e-6)


def test_a_model_remembers(cli: Cli, stack: Path) -> None:
    words = ["--data", stack, *TINY, "--steps", "2", "-o", "run", "--holdout", "0"]
    done = cli("predict", "train", *words, "--pre", "median:radius=1,shape=square,grey")
    assert done.returncode == 0, done.stderr
    record = json.loads(Path("run/model/config.json").read_text())
    assert record["config"]["pre"] == ["median:radius=1,shape=square", "grey"]
    assert record["preprocessing"]["operations"] == ["median:radius=1,shape=square", "grey"]
    assert "first goes through median:radius=1,shape=square, grey" in Path("run/model/README.md").read_text()
    assert record["config"]["channels"] == 1
    done = cli("predict", "run", "--model", "run/model", stack, "-o", "out.npy")
    assert done.returncode == 0, done.stderr
    assert "first goes through median:radius=1,shape=square, grey" in done.stderr
    assert np.load("out.npy").shape[-1] == 1
    done = cli("predict", "eval", "--model", "run/model", stack, "--part", "all")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("word", "error", "said"),
    [
        ("gausian", UnavailableError, "did you mean gaussian"),
        ("temporal_mean", UnavailableError, "one at a time"),
        ("resize:width=9", UnavailableError, "keep the size"),
        ("gaussian:sgima=1", UsageError, "did you mean sigma"),
        ("gaussian:sigma=-1", UsageError, "from 0 to 500"),
        ("gaussian:", UsageError, "is written NAME"),
    ],
)
def test_what_is_wrong_is_named(stack: Path, word: str, error: type[Exception], said: str) -> None:
    with open_sequence(stack) as sequence, pytest.raises(error) as caught:
        prepared(sequence, [word])
    assert said in str(caught.value)


def test_training_does_not_begin_with_a_wrong_one(cli: Cli, stack: Path) -> None:
    done = cli(
        "predict", "train", "--data", stack, *TINY, "--steps", "2", "-o", "run", "--pre", "gausian", "--quiet"
    )
    assert_refused(done, 3, "did you mean gaussian")
    assert not Path("run").exists()
    dry = cli("predict", "train", "--data", stack, *TINY, "--dry-run", "--pre", "grey", "--holdout", "0")
    assert dry.returncode == 0, dry.stderr
