"""Whatever is wrong with what a user gives: three lines, the right exit code, nothing written."""

import json
import os
import resource
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch

from tests.support.cli import Result, assert_refused, contents, seqimg

Cli = Callable[..., Result]

SOURCES = {
    "gone.mp4": ("does not exist",),
    "empty.mp4": ("empty.mp4", "empty"),
    "text.mp4": ("text.mp4",),
    "notes": ("notes", "no pictures"),
    "one.mp4": ("1 frame",),
    "short.mp4": ("3 frames, a clip needs 4",),
}


@pytest.fixture
def refused(cli: Cli, media: Path) -> Callable[..., None]:
    """Run a command and check that it is refused and leaves everything as it was."""

    def check(code: int, words: tuple[str, ...], *arguments: str | Path) -> None:
        before = contents(Path.cwd()), contents(media)
        assert_refused(cli(*arguments, "--quiet"), code, *words)
        assert (contents(Path.cwd()), contents(media)) == before

    return check


@pytest.fixture
def commands(media: Path, model: Path, tiny: list[str]) -> dict[str, list[str]]:
    """The three commands of a task, without their source."""
    return {
        "train": ["predict", "train", *tiny],
        "eval": ["predict", "eval", "--model", str(model)],
        "run": ["predict", "run", "--model", str(model)],
    }


@pytest.mark.parametrize(
    ("verb", "source"),
    # Three frames are context enough to run a model, if not to measure it.
    [pair for pair in product(["train", "eval", "run"], SOURCES) if pair != ("run", "short.mp4")],
)
def test_sources(
    refused: Callable[..., None], media: Path, commands: dict[str, list[str]], verb: str, source: str
) -> None:
    refused(1, SOURCES[source], *commands[verb], media / source)


@pytest.mark.parametrize("verb", ["train", "eval", "run"])
@pytest.mark.parametrize("place", ["file/below", "/proc/here"])
def test_outputs_that_cannot_be_written(
    refused: Callable[..., None], media: Path, commands: dict[str, list[str]], verb: str, place: str
) -> None:
    suffix = {"train": "", "eval": ".json", "run": ".mp4"}[verb]
    out = media / f"{place}{suffix}"
    refused(1, (str(out), "Try: "), *commands[verb], media / "good.mp4", "-o", out)


@pytest.mark.parametrize("verb", ["train", "eval", "run"])
def test_outputs_that_exist(
    refused: Callable[..., None], cli: Cli, media: Path, commands: dict[str, list[str]], verb: str
) -> None:
    out = Path({"train": "made", "eval": "made.json", "run": "made.mp4"}[verb])
    if verb == "train":
        out.mkdir()
        (out / "precious").write_text("mine")
    else:
        out.write_text("mine")
    refused(1, (f"{out} exists already", "Try: "), *commands[verb], media / "good.mp4", "-o", out)
    if verb != "train":
        assert cli(*commands[verb], media / "good.mp4", "-o", out, "--overwrite").returncode == 0
        assert out.read_bytes() != b"mine"


def test_the_default_output_of_run_is_not_overwritten_either(
    refused: Callable[..., None], media: Path, commands: dict[str, list[str]]
) -> None:
    Path("good.predict.json").write_text("{}")
    refused(1, ("good.predict.json exists already",), *commands["run"], media / "good.mp4")


def test_a_device_is_never_replaced(
    refused: Callable[..., None], media: Path, commands: dict[str, list[str]]
) -> None:
    arguments = [*commands["run"], media / "good.mp4", "-o", "/dev/full", "--overwrite"]
    refused(1, ("/dev/full is neither a file nor a folder",), *arguments)


@pytest.mark.parametrize("verb", ["eval", "run"])
@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        ("another task", 1, ("for 'classify', not for 'predict'",)),
        ("half", 1, ("model.safetensors is damaged",)),
        ("nothing", 1, ("model.safetensors is damaged",)),
        ("no weights", 1, ("model.safetensors",)),
        ("no model", 1, ("is not a model folder",)),
        ("other channels", 1, ("trained on frames of 3 channels, these have 1",)),
    ],
)
def test_models(
    refused: Callable[..., None],
    media: Path,
    model: Path,
    verb: str,
    damage: str,
    code: int,
    words: tuple[str, ...],
) -> None:
    copy = Path("copy")
    shutil.copytree(model, copy)
    weights, record = copy / "model.safetensors", copy / "config.json"
    if damage == "another task":
        record.write_text(json.dumps({**json.loads(record.read_text()), "task": "classify"}))
    elif damage == "half":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "nothing":
        weights.write_bytes(b"")
    elif damage == "no weights":
        weights.unlink()
    elif damage == "no model":
        record.unlink()
    source = media / ("grey.npy" if damage == "other channels" else "good.mp4")
    refused(code, words, "predict", verb, "--model", copy, source)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--cell", "conv_gur"], 3, ("'conv_gur'", "conv_gru")),
        (["--channels", "1"], 2, ("--channels 1", "they have 3")),
        (["--holdout", "0.99"], 1, ("nothing is left to train on",)),
        (["--gaps", "skip"], 2, ("gaps means nothing for",)),
        (["--data", "demo:pans"], 2, ("both generated and real",)),
    ],
)
def test_training_that_makes_no_sense(
    refused: Callable[..., None],
    media: Path,
    commands: dict[str, list[str]],
    arguments: list[str],
    code: int,
    words: tuple[str, ...],
) -> None:
    refused(code, words, *commands["train"], media / "good.mp4", *arguments)


def test_no_data_at_all(refused: Callable[..., None], commands: dict[str, list[str]]) -> None:
    refused(2, ("no data was named", "--data"), *commands["train"])
    refused(2, ("no sequence to evaluate on was named",), *commands["eval"])
    refused(3, ("no dataset 'panx'", "pan"), *commands["train"], "demo:panx")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("verb", ["train", "eval", "run"])
def test_cuda_without_cuda(
    refused: Callable[..., None], media: Path, commands: dict[str, list[str]], verb: str
) -> None:
    refused(
        3, ("--device cuda", "Try: --device cpu"), *commands[verb], media / "good.mp4", "--device", "cuda"
    )


@pytest.mark.parametrize(
    ("verb", "limit", "out", "what"),
    [
        ("train", 30_000, "made", "cannot write made/checkpoints"),
        ("train", 500, "made", "cannot start a run in made"),
        ("eval", 500, "made.json", "cannot write to "),
        ("run", 5_000, "made.npy", "cannot write made.npy"),
        ("run", 500, "made.mp4", "cannot write made.mp4"),
    ],
)
def test_a_full_disk(
    media: Path, commands: dict[str, list[str]], verb: str, limit: int, out: str, what: str
) -> None:
    """No file may grow beyond the limit: to a program that is what a full disk looks like."""
    # Small frames fit in: it is the result that does not.
    more = ["--size", "16", "--widths", "16"] if verb == "train" else []
    # Frames that are decoded elsewhere would need room on the way.
    done = seqimg(
        *commands[verb],
        media / "good.rgb",
        "--raw",
        "32x24@25",
        *more,
        "-o",
        out,
        "--quiet",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert_refused(done, 1, what, "File too large")
    # A run that has made steps keeps what it has.
    assert Path(out).exists() == (limit == 30_000)
    assert [name for name in os.listdir() if name.startswith(".seqimg")] == []
