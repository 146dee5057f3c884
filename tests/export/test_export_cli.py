"""`seqimg TASK export` and `seqimg export check` as people use them, and the lines of the how-to."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from seqimg.export.sidecar import digest
from seqimg.export.steps import step_of
from seqimg.modelfolder import load
from seqimg.sequences import save_sequence
from seqimg.testing import moving_square, run_command
from tests.docs.blocks import blocks_of
from tests.export.models import DETECT, saved

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a video and the model's graph."""
    folder = tmp_path_factory.mktemp("export")
    saved(folder / "model", "detect", **DETECT)
    save_sequence(moving_square(12, (38, 50), 3), folder / "street.mp4", fps=25)
    done = run_command(
        "detect",
        "export",
        "--model",
        str(folder / "model"),
        "-o",
        str(folder / "detect.onnx"),
        "--size",
        "50x38",
    )
    assert done.code == 0, done.err
    return folder


def test_a_graph_is_checked_on_a_video(folder: Path) -> None:
    said = run_command("--json", "export", "check", str(folder / "detect.onnx"), str(folder / "street.mp4"))
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["frames"] == 12
    assert found["max_error"] == max(found["errors"]) <= 1e-4
    assert set(found["milliseconds"]) == {"onnx", "torch"}


def test_a_graph_that_computes_something_else_fails_the_check(folder: Path, tmp_path: Path) -> None:
    model = onnx.load(folder / "detect.onnx")
    weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.raw_data = (np.frombuffer(weights.raw_data, np.float32) * 1.1).astype(np.float32).tobytes()
    onnx.save(model, tmp_path / "a.onnx")
    record = json.loads((folder / "detect.json").read_text())
    record["file"]["sha256"] = digest(tmp_path / "a.onnx")
    (tmp_path / "a.json").write_text(json.dumps(record))
    said = run_command("export", "check", str(tmp_path / "a.onnx"), str(folder / "street.mp4"))
    assert said.code == 4, said.err
    assert "apart at frame" in said.err


def test_a_graph_belongs_to_its_model(folder: Path, tmp_path: Path) -> None:
    other = saved(tmp_path / "other", "detect", **{**DETECT, "memory": 5})
    said = run_command(
        "export", "check", str(folder / "detect.onnx"), str(folder / "street.mp4"), "--model", str(other)
    )
    assert said.code == 1
    assert "another model" in said.err
    grey = tmp_path / "grey.npy"
    np.save(grey, np.zeros((3, 38, 50), np.uint8))
    said = run_command("export", "check", str(folder / "detect.onnx"), str(grey))
    assert said.code == 1
    assert "3 channels" in said.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--format", "torch", "--precision", "int8"), 2, "does not go with"),
        (("-o", "a.pb"), 2, "writes .onnx files"),
        (("--size", "50"), 2, "is no size"),
        (("--size", "0x8"), 2, "is no size"),
        (("--precision", "int8"), 2, "int8 needs data"),
        (("--data", "nothing.mp4", "--size", "50x38"), 1, "nothing.mp4"),
    ],
)
def test_what_makes_no_sense_is_refused(folder: Path, words: tuple[str, ...], code: int, says: str) -> None:
    said = run_command("detect", "export", "--model", str(folder / "model"), *words)
    assert (said.code, says in said.err) == (code, True), said.err
    assert [path.name for path in Path().iterdir()] == []


def test_the_lines_of_the_how_to_run_it_and_answer_as_torch_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = [b for b in blocks_of(ROOT / "docs/how-to/export.md") if b.kind == "python"]
    assert len(block.text.splitlines()) <= 42
    imported = {line.split()[1] for line in block.text.splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"json", "pathlib", "av", "numpy", "onnxruntime"}
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    exec(compile(block.text, "export.md", "exec"), names)
    assert len(capsys.readouterr().out.splitlines()) == 12
    loaded = load(folder / "model")
    step, state = step_of(loaded.task, loaded.model), None
    with torch.no_grad():
        for frames in names["pictures"]("street.mp4"):  # type: ignore[operator]
            outputs, state = step.module(torch.from_numpy(frames), state)
    np.testing.assert_allclose(names["outputs"], outputs, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_fewer_bits_are_measured_beside_fp32(tmp_path: Path, precision: str) -> None:
    model = saved(tmp_path / "model", "predict", channels=3, widths=(4,), context=3, horizon=2, size=48)
    save_sequence(moving_square(60, (38, 48), 3), tmp_path / "a.mp4", fps=25)
    out = tmp_path / "p.onnx"
    said = run_command(
        *(
            "--json",
            "predict",
            "export",
            "--model",
            str(model),
            "-o",
            str(out),
            "--data",
            str(tmp_path / "a.mp4"),
        ),
        *("--size", "48x38", "--batch", "1", "--precision", precision, "--accept-worse", "--horizon", "1"),
    )
    assert said.code == 0, said.err
    rows = json.loads(said.out)["measured"]
    assert [row["way"] for row in rows] == ["torch fp32", "ONNX fp32", f"ONNX {precision}"]
    assert rows[0]["metrics"]["mse"] == pytest.approx(rows[1]["metrics"]["mse"], rel=1e-3)
    assert rows[2]["metrics"]["mse"] == pytest.approx(rows[1]["metrics"]["mse"], rel=0.5)
    assert json.loads(out.with_suffix(".json").read_text())["outputs"]["shape"] == [1, 1, 3, 38, 48]
    kinds = {node.op_type for node in onnx.load(out).graph.node}
    assert ("QuantizeLinear" in kinds) == (precision == "int8")
    halves = {tensor.data_type for tensor in onnx.load(out).graph.initializer}
    assert (onnx.TensorProto.FLOAT16 in halves) == (precision == "fp16")
