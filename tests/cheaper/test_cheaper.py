"""What a model costs is counted right, and a cheaper one learns from it."""

import json
import os
import shlex
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqimg.cheaper import profile
from seqimg.cheaper.holding import peak_bytes
from seqimg.cheaper.shrinking import cheaper_task, distilling
from seqimg.cli import model_shrink
from seqimg.data import Batch, ClipSource
from seqimg.errors import UsageError
from seqimg.modelfolder import load
from seqimg.nn import ConvGRU
from seqimg.plugins.manager import plugin_host
from seqimg.sequences import save_sequence
from seqimg.testing import moving_square, run_command
from seqimg.training.steps import StepReport
from tests.export.models import DETECT, saved


class Known(nn.Module):
    """A convolution, a recurrent layer, and something that no frame needs."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Conv2d(1, 2, 3, padding=1)
        self.memory = nn.ModuleList([ConvGRU(2, 4)])
        self.spare = nn.Linear(7, 1)

    def forward(self, frames: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        seen = self.eye(frames.flatten(0, 1))[:, None]
        return self.memory[0](seen, state)


def detect_task(**values: Any) -> Any:
    tasks = plugin_host().tasks
    return tasks.load("detect")(tasks.load("detect", "config")(**{**DETECT, "channels": 1, **values}))


def test_every_part_is_counted_by_hand() -> None:
    found = profile(detect_task(), Known(), (5, 8))
    parts = {part.name: part for part in found.parts}
    assert list(parts) == ["eye", "memory", "between"]
    assert parts["eye"].multiply_adds == 5 * 8 * 9 * 1 * 2
    assert parts["memory"].multiply_adds == 5 * 8 * 9 * (2 + 4) * 3 * 4
    assert [part.recurrent for part in found.parts] == [False, True, False]
    assert found.multiply_adds == sum(part.multiply_adds for part in found.parts)
    assert found.unused == 8
    assert found.parameters == parts["eye"].parameters + parts["memory"].parameters + 8
    assert found.state_bytes == 4 * 4 * 5 * 8
    assert found.cell_multiply_adds == pytest.approx(1 - 720 / found.multiply_adds)
    assert 0 < found.cell_time <= 1


def test_what_is_held_at_once_is_counted() -> None:
    x = torch.zeros(1000)
    assert peak_bytes(lambda: x + 1) == 4000
    assert peak_bytes(lambda: (x + 1).view(10, 100)) == 4000  # a view is nothing new
    assert peak_bytes(lambda: x.add_(1)) == 0
    assert peak_bytes(lambda: ((x + 1) + 1) + 1) == 8000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cell": "conv_gur", "widths": None}, "no cell 'conv_gur'"),
        ({"cell": "conv_gru", "widths": None}, "nothing would change"),
    ],
)
def test_changes_that_are_none_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        cheaper_task(detect_task(), **change)


def test_a_task_without_a_cell_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    task = detect_task()
    monkeypatch.setattr(task, "config", type("Bare", (), {"model_fields": {}})())
    with pytest.raises(UsageError, match="cannot be had with another cell"):
        cheaper_task(task, cell="min_conv_gru", widths=None)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "predict",
            {"channels": 1, "widths": (4,), "context": 3, "horizon": 2, "model": "encoder_forecaster"},
        ),
        ("predict", {"channels": 1, "widths": (4,), "context": 3, "horizon": 2, "model": "next_frame"}),
        ("classify", {"channels": 1, "classes": ("a", "b"), "widths": (4,), "dropout": 0.5}),
    ],
)
def test_the_original_is_its_own_perfect_pupil(tmp_path: Path, name: str, values: dict[str, Any]) -> None:
    original = load(saved(tmp_path / "model", name, **values))
    task = distilling(original.task, original, 1.0)
    pupil = task.build_model().train()
    assert all(
        torch.equal(a, b) for a, b in zip(pupil.parameters(), original.model.parameters(), strict=True)
    )
    for part in pupil.modules():  # dropout would make two of one network
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    sources = (ClipSource("a", 0), ClipSource("b", 0))
    batch = Batch(torch.rand(2, 5, 1, 16, 16), sources, labels=torch.tensor([0, 1]))
    if name == "classify":
        pupil.eval()
        pupil.training = True
    before = [p.clone() for p in original.model.parameters()]
    losses = task.loss(task.forward(pupil, batch), batch)
    assert float(losses.parts["distance"].detach()) == pytest.approx(0, abs=1e-9)
    losses.total.backward()
    assert all(p.grad is None for p in original.model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, original.model.parameters(), strict=True))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forecaster that knows what it learnt from."""
    folder = tmp_path_factory.mktemp("original")
    values = {
        "channels": 3,
        "widths": (4, 6),
        "context": 3,
        "horizon": 2,
        "size": 32,
        "crop": 16,
        "batch_size": 2,
    }
    save_sequence(moving_square(80, (24, 32), 3), folder / "a.mp4", fps=25)
    return saved(folder / "model", "predict", **values, data=(str(folder / "a.mp4"),), metrics=("mse",))


def test_a_cheaper_model_is_written_and_compared(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    said = run_command(
        "--json", "model", "shrink", str(model), "--cell", "min_conv_gru", "--steps", "3", "-o", str(out)
    )
    assert said.code == 0, said.err
    rows = json.loads(said.out)["rows"]
    assert [row["name"] for row in rows] == ["original", "cheaper"]
    assert rows[1]["multiply_adds"] < rows[0]["multiply_adds"]
    assert rows[1]["parameters"] < rows[0]["parameters"]
    assert all(np.isfinite(row["metrics"]["mse"]) for row in rows)
    small = load(out)
    assert (small.config.cell, small.task.name) == ("min_conv_gru", "predict")  # type: ignore[attr-defined]
    assert small.training["distilled"]["from"] == load(model).record["weights"]["sha256"]
    said = run_command("model", "profile", str(out), "--size", "32x24")
    assert said.code == 0, said.err
    assert "Recurrent cells take" in said.err
    assert said.out.splitlines()[0].split()[:3] == ["part", "recurrent", "parameters"]
    said = run_command("model", "shrink", str(model), "-o", str(tmp_path / "none"))
    assert said.code == 2, said.err
    assert [path.name for path in tmp_path.glob("small*")] == ["small"]


def test_what_was_broken_off_goes_on_as_if_nothing_had_happened(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["model", "shrink", str(model), "--cell", "min_conv_gru", "--steps", "4", "--weight", "2", "-o"]
    said = run_command(*words, str(tmp_path / "straight"))
    assert said.code == 0, said.err
    shown = model_shrink.show_progress

    def pressed(bar: Any) -> Any:
        show = shown(bar)

        def after(report: StepReport) -> None:
            show(report)
            if report.step == 2:
                os.kill(os.getpid(), signal.SIGINT)

        return after

    out = tmp_path / "again"
    with monkeypatch.context() as patched:
        patched.setattr(model_shrink, "show_progress", pressed)
        said = run_command(*words, str(out))
    assert said.code == 130, said.err
    assert not out.exists()
    assert "Stopped at step 3" in said.err  # which had begun
    assert load(tmp_path / "again.run" / "checkpoints" / "last").task.name == "predict"
    (again,) = (
        line.removeprefix("Try: seqimg ") for line in said.err.splitlines() if line.startswith("Try: ")
    )
    assert again.endswith("--resume")

    said = run_command(*words, str(out))
    assert (said.code, "--resume" in said.err) == (2, True), said.err
    said = run_command(*shlex.split(again.replace("--weight 2", "--weight 3")))
    assert said.code == 2, said.err
    assert "another original, or another --weight" in said.err
    said = run_command(*shlex.split(again))
    assert said.code == 0, said.err
    assert [path.name for path in tmp_path.glob("again*")] == ["again"]
    one, other = (load(tmp_path / name).record["weights"]["sha256"] for name in ("straight", "again"))
    assert one == other
    said = run_command(*words, str(tmp_path / "third"), "--resume")
    assert (said.code, "nothing to go on with" in said.err) == (2, True), said.err
