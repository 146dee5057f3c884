"""`train --dry-run`: figures that can be checked by hand, and nothing left behind."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from seqimg.config import TaskConfig
from seqimg.data import Batch, Clip, ClipSource, Datasets
from seqimg.task import Losses, Task
from seqimg.training.dryrun import summarise_model
from tests.support.cli import Result, assert_refused, contents

Cli = Callable[..., Result]


def test_it_says_all_and_writes_nothing(cli: Cli, media: Path, tiny: list[str]) -> None:
    Path("mine.toml").write_text("seed = 7\n")
    before = contents(Path.cwd())
    done = cli("predict", "train", media / "good.mp4", *tiny, "--config", "mine.toml", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert contents(Path.cwd()) == before
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["seed", "7", "mine.toml"] in lines
    assert ["widths", "4", "flag"] in lines
    assert ["average", "0.99", "default"] in lines
    assert any(line[0] == "multiply-adds" and "16×16" in line for line in lines)
    assert any(line[0] == "train" and line[2:4] == ["clips", "of"] for line in lines)
    assert "Kernel for conv_gru: fused (" in done.stdout
    assert done.stderr.splitlines()[0].startswith(f"Read {media / 'good.mp4'} as 30 frames")
    assert done.stderr.splitlines()[-1] == "Nothing was trained or written."


def test_its_figures_are_those_of_training(cli: Cli, media: Path, tiny: list[str]) -> None:
    done = cli("predict", "train", media / "good.mp4", *tiny, "--dry-run", "--json")
    found = json.loads(done.stdout)
    trained = cli("predict", "train", media / "good.mp4", *tiny, "-o", "run")
    assert f"Training on {found['data']['clips']['train']} clips" in trained.stderr
    assert found["kernel"] in trained.stderr
    weights = Path("run/model/model.safetensors")
    header = int.from_bytes(weights.read_bytes()[:8], "little")
    assert weights.stat().st_size - header - 8 == found["model"]["weights_bytes"]
    assert found["config"]["steps"] == {"value": 2, "source": "flag"}


def test_what_would_stop_training_stops_it_too(cli: Cli, media: Path, tiny: list[str]) -> None:
    flags = [*tiny, "--dry-run", "--quiet"]
    assert_refused(cli("predict", "train", media / "empty.mp4", *flags), 1, "empty.mp4")
    assert_refused(cli("predict", "train", media / "short.mp4", *flags), 1, "short.mp4")
    assert_refused(cli("predict", "train", media / "good.mp4", *flags, "--channels", "2"), 2, "--channels 2")
    assert_refused(cli("predict", "train", media / "good.mp4", *flags, "--cell", "gro"), 3, "gro")
    assert not list(Path.cwd().iterdir())


class _Plain(nn.Module):
    """A convolution whose cost is known: H·W·in·out·9 multiply-adds, its input kept for the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.frozen = nn.Parameter(torch.ones(4), requires_grad=False)

    def forward(self, frames: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out = self.conv((frames * self.scale).flatten(0, 1)).unflatten(0, frames.shape[:2])
        return out, out[:, -1]


@pytest.mark.parametrize("frames", [1, 4])
def test_costs_are_those_computed_by_hand(frames: int) -> None:
    clip = Clip(torch.rand(frames, 3, 8, 12), ClipSource("a", 0))
    data = cast(Datasets, SimpleNamespace(train=[clip]))

    def loss(outputs: Tensor, batch: Batch) -> Losses:
        return Losses(outputs.sum(), {})

    task = cast(
        "Task[Any, Any, Any]",
        SimpleNamespace(
            config=TaskConfig(batch_size=3),
            forward=lambda model, batch: model(batch.frames)[0],
            loss=loss,
        ),
    )
    found = summarise_model(task, _Plain(), data, torch.device("cpu"))
    assert (found.parameters, found.trained) == (1 + 3 * 5 * 9 + 5 + 4, 1 + 3 * 5 * 9 + 5)
    assert found.weights_bytes == 4 * found.parameters
    assert found.multiply_adds == 8 * 12 * 3 * 5 * 9
    assert found.backward_bytes == 8 * 12 * 3 * 4
    assert found.step_bytes == 3 * frames * found.backward_bytes
    assert found.state_bytes == 5 * 8 * 12 * 4
