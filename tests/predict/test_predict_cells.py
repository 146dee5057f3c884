"""Both models are built of any cell for pictures, and of no other."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from seqimg.cells import Cell, Weights
from seqimg.cli.main import main
from seqimg.plugins import CellSpec
from seqimg.plugins.manager import plugin_host, reset_plugin_host
from seqimg.plugins.registry import Owner
from seqimg_predict.model import EncoderForecaster
from seqimg_predict.next_frame import NextFrame
from tests.predict.clips import drifting
from tests.tolerances import STREAMING, relative_error

CELLS = [name for name in plugin_host().cells.names() if plugin_host().cells.load(name).rank == 2]
OTHERS = [name for name in plugin_host().cells.names() if name not in CELLS]
MODELS = pytest.mark.parametrize("build", [EncoderForecaster, NextFrame])


@dataclass(frozen=True)
class Average(Cell):
    """A cell of somebody else, without any option."""

    name: ClassVar[str] = "average"
    family: ClassVar[str] = "average"

    @property
    def projected_channels(self) -> int:
        """As many as it has."""
        return self.hidden_channels

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """One matrix."""
        return {"weight_x": (self.hidden_channels, self.input_channels)}

    def project(self, x: Tensor, weights: Weights) -> Tensor:
        """Mix the channels."""
        return torch.einsum("nxhw,cx->nchw", x, weights["weight_x"])

    def step(self, projected: Tensor, state: Tensor, weights: Weights) -> Tensor:
        """Go half of the way."""
        return (state + projected) / 2


@pytest.fixture
def extended() -> Iterator[None]:
    """A plugin with that cell."""
    reset_plugin_host()
    owner = Owner(plugin="other", distribution="seqimg-other", version="2")
    spec = CellSpec(name="average", summary="A cell.", cell=f"{__name__}:Average")
    plugin_host().cells.add(spec, owner)
    yield
    reset_plugin_host()


def _split(build: type[EncoderForecaster] | type[NextFrame], cell: str) -> None:
    torch.manual_seed(0)
    model = build(2, (4, 6), cell=cell).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    clip = drifting(2, 5, 2, (9, 11))
    with torch.no_grad():
        whole, _ = model(clip, horizon=3)
        _, state = model(clip[:, :2])
        split, _ = model(clip[:, 2:], state, horizon=3)
        forgetful, _ = model(clip[:, 2:], horizon=3)
    tolerance = STREAMING[torch.float32]
    assert whole.shape == (2, 3, 2, 9, 11)
    assert relative_error(split, whole) < tolerance
    assert relative_error(forgetful, whole) > 10 * tolerance


@MODELS
@pytest.mark.parametrize("cell", CELLS)
def test_of_every_cell_any_split_gives_the_same_prediction(
    build: type[EncoderForecaster] | type[NextFrame], cell: str
) -> None:
    _split(build, cell)


@MODELS
@pytest.mark.usefixtures("extended")
def test_a_cell_without_a_kernel_size_is_built_of_as_well(
    build: type[EncoderForecaster] | type[NextFrame],
) -> None:
    _split(build, "average")


@pytest.mark.parametrize("task", ["predict", "classify", "detect"])
@pytest.mark.parametrize("cell", OTHERS)
def test_a_cell_for_feature_vectors_is_refused_before_anything_is_read(
    task: str, cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.npy").write_text("no array")  # reading it would fail
    assert main([task, "train", "clip.npy", "--cell", cell, "-o", "mine"]) == 2
    said = capfd.readouterr().err
    assert f"the cell {cell} reads no pictures" in said
    assert "Try: --cell conv_gru" in said
    assert "kernel" not in said
