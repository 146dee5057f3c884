"""An exported step is the model: over a hundred frames, in any size, for every task."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqimg.errors import SeqimgError, UsageError
from seqimg.export import export_model, read_sidecar
from seqimg.export.exporting import Exported, write_graph
from seqimg.export.measuring import compared
from seqimg.export.sessions import OnnxStep
from seqimg.export.sizes import Side
from seqimg.modelfolder import LoadedModel
from tests.export.models import DETECT, made

PREDICT: dict[str, Any] = {"channels": 1, "widths": (4,), "horizon": 2}
CLASSIFY: dict[str, Any] = {"channels": 3, "classes": ("a", "b"), "widths": (4, 6), "rivals": False}


def moving(count: int, shape: tuple[int, ...], seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """Yield frames in which something moves, with a cut in the middle."""
    generator = np.random.default_rng(seed)
    batch, _, channels, height, width = shape
    scene = generator.random((2, batch, 1, channels, height, 2 * width), dtype=np.float32)
    for number in range(count):
        at = number % width
        yield np.ascontiguousarray(scene[number * 2 // count][..., at : at + width])


def assert_same(found: Exported, batch: int, size: tuple[int, int], count: int = 100) -> None:
    frames = moving(count, (batch, 1, found.step.channels, *size))
    apart = compared(found.step, found.session(), frames).apart
    assert len(apart) == count
    assert max(apart) <= 1e-4


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return made(tmp_path_factory.mktemp("models"), "detect", **DETECT)


@pytest.fixture(scope="module")
def exported(detector: LoadedModel) -> Exported:
    return export_model(detector)


@pytest.mark.parametrize(("batch", "size"), [(1, (40, 56)), (2, (37, 61))])
def test_a_detector_of_any_size_is_torch_over_100_frames(
    exported: Exported, batch: int, size: tuple[int, int]
) -> None:
    assert_same(exported, batch, size)
    (state,) = exported.about.state
    assert state.shape == (Side("batch"), 6, Side("height", 8), Side("width", 8))
    assert (state.name, state.next) == ("state_0", "next_state_0")


@pytest.mark.parametrize("model", ["encoder_forecaster", "next_frame"])
def test_a_forecaster_of_one_size_is_torch_over_100_frames(tmp_path: Path, model: str) -> None:
    found = export_model(made(tmp_path, "predict", **PREDICT, model=model), size=(21, 26), batch=1)
    assert_same(found, 1, (21, 26))
    assert found.about.state[-1].shape == (1,)


def test_mean_and_spread_of_drawn_futures_are_torchs(tmp_path: Path) -> None:
    drawing = {"model": "encoder_forecaster", "noise": 2, "members": 3, "loss": "crps"}
    found = export_model(made(tmp_path, "predict", **PREDICT, **drawing), size=(21, 26), batch=1)
    assert_same(found, 1, (21, 26), count=12)
    session, frames = found.session(), [*moving(4, (1, 1, 1, 21, 26))]
    state = session.start(frames[0])
    for frame in frames:
        outputs, state = session(frame, state)
    assert outputs.shape == (1, 4, 1, 21, 26)
    assert outputs[:, 2:].min() >= 0
    assert outputs[:, 2:].max() > 1e-3


def test_pictures_read_by_row_have_no_state(tmp_path: Path) -> None:
    loaded = made(tmp_path, "classify", **CLASSIFY, model="rows", picture=(12, 10))
    found = export_model(loaded, batch=1)
    assert found.about.state == ()
    assert_same(found, 1, (12, 10))
    with pytest.raises(UsageError, match="10×12 pixels only"):
        export_model(loaded, size=(20, 20))


def test_the_files_say_all_that_it_takes(exported: Exported, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    write_graph(exported, path)
    about = read_sidecar(path)
    assert about.state == exported.about.state
    assert (about.frames, about.outputs) == (exported.about.frames, exported.about.outputs)
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["labels"] == ["a", "b"]
    assert record["preprocessing"]["longer_side"] == 256
    assert "sigmoid" in record["outputs"]["meaning"]
    graph = OnnxStep(path, about)
    frames = np.zeros((1, 1, 3, 16, 16), np.float32)
    with pytest.raises(SeqimgError, match="refuses frames"):
        graph(np.zeros((1, 1, 4, 16, 16), np.float32), graph.start(frames))
    with pytest.raises(SeqimgError, match="exists already"):
        write_graph(exported, path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda graph, text: graph.write_bytes(graph.read_bytes()[:-1] + b"x"),
            "damaged or of another export",
        ),
        (lambda graph, text: text.write_text("{"), "no description"),
        (lambda graph, text: text.write_text('{"format": 9}'), "format 9"),
        (
            lambda graph, text: text.write_text('{"format": 1, "state": [{"shape": ["depth"]}]}'),
            "no description",
        ),
        (lambda graph, text: text.unlink(), "is missing"),
        (lambda graph, text: graph.unlink(), "there is no"),
    ],
)
def test_damaged_files_are_refused(exported: Exported, tmp_path: Path, damage: Any, words: str) -> None:
    path = tmp_path / "a.onnx"
    write_graph(exported, path)
    damage(path, tmp_path / "a.json")
    with pytest.raises(SeqimgError, match=words):
        read_sidecar(path)


def test_torchs_own_format_holds_nothing_pickled(detector: LoadedModel, tmp_path: Path) -> None:
    found = export_model(detector, "torch", size=(16, 24), batch=1)
    assert found.error <= 1e-4
    path = tmp_path / "a.pt2"
    write_graph(found, path)
    hits: list[str] = []
    watching = True

    def hear(event: str, _: object) -> None:
        if watching and event.startswith("pickle"):
            hits.append(event)

    sys.addaudithook(hear)
    program = torch.export.load(path).module()  # what a user does, who trusts the file
    watching = False
    assert hits == []
    frames = torch.rand(1, 1, 3, 16, 24)
    outputs, *_ = program(frames, *found.step.start(frames))
    torch.testing.assert_close(outputs, found.step.module(frames, None)[0], rtol=0, atol=1e-4)


def test_a_predictor_of_any_size_is_torch(tmp_path: Path) -> None:
    """The default model, which reads what it has predicted in the batch that it is given."""
    model = made(tmp_path, "predict", **PREDICT)
    found = export_model(model)
    assert_same(found, 1, (32, 44), count=5)
    assert_same(found, 2, (21, 26), count=5)
    program, step = export_model(model, "torch").graph.module(), found.step
    for batch, size in ((1, (32, 48)), (3, (21, 26))):  # with and without what padding adds
        frames = torch.rand(batch, 1, 1, *size)
        outputs, *_ = program(frames, *step.start(frames))
        torch.testing.assert_close(outputs, step.module(frames, None)[0], rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("predict", {**PREDICT, "widths": (4, 6), "coordinates": True, "model": "encoder_forecaster"}),
        ("classify", CLASSIFY),
        ("detect", {**DETECT, "cell": "conv_lstm", "rivals": True}),
    ],
)
def test_every_model_of_any_size_is_torch_over_100_frames(
    tmp_path: Path, name: str, values: dict[str, Any]
) -> None:
    found = export_model(made(tmp_path, name, **values))
    assert not found.notes
    assert_same(found, 1, (48, 64))
    assert_same(found, 2, (33, 59), count=10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell", ["conv_lstm", "min_conv_gru", "depthwise_conv_gru", "sep_conv_gru", "traj_gru", "conv_gru_lite"]
)
def test_every_cell_can_be_exported(tmp_path: Path, cell: str) -> None:
    found = export_model(made(tmp_path, "detect", **DETECT, cell=cell), size=(24, 32), batch=1)
    assert_same(found, 1, (24, 32))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("classify", {**CLASSIFY, "model": "backbone", "widths": (8,)}, marks=pytest.mark.slow),
        ("style", {"channels": 3, "width": 8}),
    ],
)
def test_large_models_of_one_size_are_torch_over_100_frames(
    tmp_path: Path, name: str, values: dict[str, Any]
) -> None:
    found = export_model(made(tmp_path, name, **values), size=(32, 40), batch=1)
    assert not found.notes
    assert_same(found, 1, (32, 40))


def test_a_texture_takes_its_noise_as_frames(tmp_path: Path) -> None:
    found = export_model(made(tmp_path, "texture", channels=3, widths=(6, 5)))
    assert found.about.frames.shape[2] == 4
    assert not found.notes
    assert_same(found, 1, (48, 64))
    assert_same(found, 2, (33, 59), count=10)


def test_a_task_of_a_third_party_is_exported_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(__file__).parents[2] / "docs" / "tutorials" / "example-plugin" / "src"
    monkeypatch.syspath_prepend(str(source))
    from seqimg_example.config import CleanConfig
    from seqimg_example.task import CleanTask

    task = CleanTask(CleanConfig(channels=1, width=4, cell="conv_gru"))
    model = task.build_model().eval()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    found = export_model(LoadedModel(task, model, {}), size=(14, 18), batch=1)
    assert (found.about.record["task"], found.notes) == ("clean", ())
    assert_same(found, 1, (14, 18))
