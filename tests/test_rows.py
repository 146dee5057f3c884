"""Tasks that answer in rows: what `run` makes of them, by the ending of its target."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from seqimg import modelfolder
from seqimg.cli import run as command
from seqimg.cli.output import configure
from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError
from seqimg.plugins import TaskSpec
from seqimg.rows import CsvRows, RowsWriter, rows_file
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg_predict.config import PredictConfig, PredictRun
from seqimg_predict.task import PredictTask

SPEC = TaskSpec(
    name="predict",
    summary="Says how bright frames are.",
    task="tests.test_rows:Brightness",
    config="seqimg_predict.config:PredictConfig",
    run_options="seqimg_predict.config:PredictRun",
)


class Semicolons(CsvRows):
    def begin(self) -> str:
        return f"# {self.about['width']}x{self.about['height']}\n"


class Brightness(PredictTask):
    columns: ClassVar[tuple[str, ...]] = ("frame", "time", "mean")

    def show(self, stream: Stream, frames: Iterable[Seen], options: PredictRun) -> Iterator[Shown]:
        for seen in frames:
            stream.step(seen.frame)
            row = {"frame": seen.index, "time": seen.time, "mean": round(float(seen.frame.mean()), 4)}
            yield Shown(seen.frame, (row,), f"frame {seen.index}")

    @classmethod
    def columns_for(cls, options: PredictRun) -> tuple[str, ...]:
        return cls.columns

    @classmethod
    def row_formats(cls) -> Mapping[str, type[RowsWriter]]:
        return {".sized.csv": Semicolons}


class Mute(Brightness):
    def show(self, stream: Stream, frames: Iterable[Seen], options: PredictRun) -> Iterator[Shown]:
        for shown in super().show(stream, frames, options):
            yield Shown(rows=shown.rows)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    configure()
    frames = np.repeat(np.arange(6, dtype=np.uint8) * 40, 16 * 16).reshape(6, 16, 16, 1)
    np.save("ramp.npy", frames)
    torch.manual_seed(0)
    task = Brightness(PredictConfig(channels=1, widths=(4,)))
    modelfolder.save(Path("model"), task, task.build_model().state_dict(), {})
    return tmp_path / "ramp.npy"


def _run(
    monkeypatch: pytest.MonkeyPatch, task: type[PredictTask], out: str | None, *, overwrite: bool = False
) -> None:
    real = modelfolder.load

    def load(path: Path, **options: object) -> modelfolder.LoadedModel:
        loaded = real(path, **options)  # type: ignore[arg-type]
        return modelfolder.LoadedModel(task(loaded.task.config), loaded.model, loaded.training)

    monkeypatch.setattr(modelfolder, "load", load)
    target = None if out is None else Path(out)
    command.run(
        SPEC,
        "ramp.npy",
        Path("model"),
        PredictRun(),
        reading=ReadingConfig(),
        out=target,
        overwrite=overwrite,
        device="cpu",
    )


MEANS = [0.0, 0.1569, 0.3137, 0.4706, 0.6275, 0.7843]


def test_without_a_target_there_are_a_video_and_a_record_with_the_rows(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch, Brightness, None)
    record = json.loads(Path("ramp.predict.json").read_text())
    assert [row["mean"] for row in record["answers"]] == MEANS
    assert record["answers"][2] == {"frame": 2, "time": 2 / 25, "mean": 0.3137}
    assert (record["frames_read"], record["frames_written"], record["output"]) == (6, 6, "ramp.predict.mp4")
    assert Path("ramp.predict.mp4").stat().st_size > 0
    assert capsys.readouterr().out.splitlines()[:6] == [f"frame {index}" for index in range(6)]


def test_each_ending_has_its_form(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "a.json", "a.jsonl", "a.sized.csv"):
        _run(monkeypatch, Brightness, name)
    with open("a.csv", newline="") as file:
        assert [float(row["mean"]) for row in csv.DictReader(file)] == MEANS
    assert [row["mean"] for row in json.loads(Path("a.json").read_text())] == MEANS
    assert [json.loads(line)["mean"] for line in Path("a.jsonl").read_text().splitlines()] == MEANS
    assert Path("a.sized.csv").read_text().startswith("# 16x16\n0,0.0,0.0\n")
    assert not list(Path().glob("*.mp4"))


def test_rows_go_to_standard_output_as_json_too(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(json=True)
    _run(monkeypatch, Brightness, "a.csv")
    configure()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["mean"] for line in lines[:-1]] == MEANS
    assert lines[-1]["rows_written"] == 6


def test_what_cannot_be_written_is_said(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SeqimgError, match="answers with pictures, not with rows"):
        _run(monkeypatch, PredictTask, "a.csv")
    with pytest.raises(SeqimgError, match="gave no pictures"):
        _run(monkeypatch, Mute, "a.mp4")
    Path("b.csv").write_text("mine")
    with pytest.raises(SeqimgError, match="exists already"):
        _run(monkeypatch, Brightness, "b.csv")
    assert Path("b.csv").read_text() == "mine"
    _run(monkeypatch, Mute, "b.csv", overwrite=True)
    assert Path("b.csv").read_text().startswith("frame,time,mean\n0,0.0,0.0\n")
    assert not [path for path in Path().iterdir() if path.name.startswith(".seqimg")]


def test_a_file_of_rows_that_breaks_off_is_not_there(tmp_path: Path) -> None:
    with suppress(KeyError), rows_file(tmp_path / "new" / "a.csv", CsvRows(["label"], {})) as rows:
        rows.add([{"label": "a"}])
        raise KeyError
    assert not list((tmp_path / "new").iterdir())


def test_a_reader_of_standard_output_that_goes_away_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with suppress(BrokenPipeError), rows_file(tmp_path / "new" / "a.csv", CsvRows(["label"], {})) as rows:
        rows.add([{"label": "a"}])
        raise BrokenPipeError  # any other error goes through
    assert not list((tmp_path / "new").iterdir())


class Talkative(Brightness):
    def show(self, stream: Stream, frames: Iterable[Seen], options: PredictRun) -> Iterator[Shown]:
        for shown in super().show(stream, frames, options):
            yield Shown(shown.picture, shown.rows, "a name\x1b[2J\nof two lines")


def test_a_line_stays_a_line_whatever_a_class_is_called(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch, Talkative, "a.csv")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert all("\x1b" not in line and line.endswith("of two lines") for line in lines[:6])
