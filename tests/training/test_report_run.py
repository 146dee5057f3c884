"""What a run leaves for its report, and the report made of it, whatever of it is there."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from seqimg.data import Batch
from seqimg.errors import SeqimgError
from seqimg.panels import Panel
from seqimg.task import Answers, Example
from seqimg.training.cases import look, save_sheet
from seqimg.training.comparison import compare_runs
from seqimg.training.evaluation import evaluate
from seqimg.training.findings import FINDINGS, SAMPLES
from seqimg.training.findings_file import read_findings, read_sample
from seqimg.training.pages import read_run_report
from seqimg.training.records import read_run
from seqimg.training.report import write_report
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.support.runs import HOSTILE_NAME, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def damaged(run: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copy the run with `report.json` changed."""

    def copy(**changes: Any) -> Path:
        folder = tmp_path / "copy"
        (folder / SAMPLES).mkdir(parents=True)
        for path in run.rglob("*"):
            if path.is_file():
                (folder / path.relative_to(run)).write_bytes(path.read_bytes())
        content = json.loads((folder / FINDINGS).read_text())
        (folder / FINDINGS).write_text(json.dumps({**content, **changes}))
        return folder

    return copy


def page_of(folder: Path, out: Path) -> str:
    write_report(out / "page.html", read_run_report(read_run(folder)))
    return (out / "page.html").read_text(encoding="utf-8")


def test_a_finished_run_shows_all_there_is_in_order(run: Path, tmp_path: Path) -> None:
    page = page_of(run, tmp_path)
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert headings[:4] == ["Player", "Figures", "Lead time", "Cases"]
    assert headings[4:] == ["Curves", "Time and memory", "Data", "How to reproduce", "Warnings"]
    assert "flow is better than the model" in page  # eight steps do not beat what moves on by itself
    assert re.search(
        r'class="verdict">mse 0\.\d+ on \d+ validation clips: \d+ % (below|ABOVE) copy_last', page
    )
    assert "chosen: step 8" in page
    assert "seqimg predict train clip.npy" in page
    assert re.search(r'<th scope="row">crop</th><td class="words">16</td><td class="words">flag</td>', page)
    assert "1 min 30 s for 12 steps" in page
    assert "0123abcd" in page
    assert re.search(r"split auto, holdout 0\.\d+, validation 0\.3, on_error error, gaps error", page)


def test_the_cases_are_the_worst_then_median_and_best(run: Path) -> None:
    findings = read_findings(run)
    assert findings is not None
    ranks = [case.rank for case in findings.cases]
    assert findings.clips > 8
    assert ranks == [*(f"worst {place}" for place in range(1, 7)), "median", "best"]
    scores = [case.score for case in findings.cases]
    assert scores == sorted(scores, reverse=True)
    assert len({case.name for case in findings.cases}) == len(scores)
    assert findings.examined == findings.clips


def test_a_score_is_the_metric_of_its_clip_alone() -> None:
    """One clip: its score is the overall figure."""
    np.save("one.npy", np.random.default_rng(0).integers(0, 255, (7, 16, 16, 1), np.uint8))
    config = PredictConfig(data=("one.npy",), widths=(4,), context=3, horizon=4, holdout=0, validation=0)
    task = PredictTask(config)
    Path("samples").mkdir()
    with task.datasets("all") as data:
        task = task.settled(data)
        model = task.build_model()
        (case,) = look(task, model, data.test, Path("samples")).cases
        assert case.rank == "the only one"
        assert case.score == pytest.approx(evaluate(task, model, data.test).overall["model"]["mse"])


def test_a_sheet_holds_the_frames_where_it_says(run: Path) -> None:
    findings = read_findings(run)
    assert findings is not None
    sheet = findings.cases[0].sheet
    assert sheet is not None
    assert (sheet.context, sheet.future) == (("-1", "0"), ("+1", "+2", "+3"))
    with Image.open(run / SAMPLES / sheet.file) as file:
        pixels = np.asarray(file)
    across, down = sheet.width + sheet.gap, sheet.height + sheet.gap
    assert pixels.shape == (4 * down - sheet.gap, 3 * across - sheet.gap, 4)
    opaque = [[pixels[row * down, column * across, 3] == 255 for column in range(3)] for row in range(4)]
    assert opaque == [[True, True, False], [True] * 3, [True] * 3, [True] * 3]
    assert (pixels[sheet.height : down, :, 3] == 0).all()


@settings(max_examples=25, deadline=None)
@given(
    past=st.integers(1, 40),
    future=st.integers(1, 60),
    height=st.integers(1, 400),
    width=st.integers(1, 700),
    channels=st.sampled_from((1, 2, 3, 40)),
    seed=st.integers(0, 99),
)
def test_cases_of_any_size_and_length_make_a_small_sheet(
    tmp_path_factory: pytest.TempPathFactory,
    past: int,
    future: int,
    height: int,
    width: int,
    channels: int,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("sheet")
    small = min(channels * height * width, 40_000) // channels  # what is large is drawn narrow, to stay quick
    shape = (max(1, min(height, small // width)), width, channels)
    rng = np.random.default_rng(seed)
    context, truth, answer = (rng.random((n, *shape), np.float32) for n in (past, future, future))
    answer[0, 0, 0, 0] = np.nan
    sheet = save_sheet(Example("case", context, truth, answer), folder, "case")
    assert (len(sheet.context), len(sheet.future)) == (min(past, 16), min(future, 32))
    assert (sheet.context[-1], sheet.future[0], sheet.future[-1]) == ("0", "+1", f"+{future}")
    assert max(sheet.width, sheet.height) <= 128
    with Image.open(folder / sheet.file) as file:
        columns = max(len(sheet.context), len(sheet.future))
        assert file.width == columns * (sheet.width + sheet.gap) - sheet.gap
        assert file.height == 4 * (sheet.height + sheet.gap) - sheet.gap
    assert sheet.file.endswith(".webp") == sheet.compressed
    if not sheet.compressed:
        assert (folder / sheet.file).stat().st_size <= 200_000


def test_a_run_that_did_not_end_has_a_report_too(tmp_path: Path) -> None:
    run = make_run(tmp_path, finished=False)
    page = page_of(run, tmp_path)
    assert "This run is not finished, step 9 of 9: validation mse 0.01 at step 8" in page
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert headings == ["Curves", "Time and memory", "How to reproduce"]


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    page = page_of(tmp_path, tmp_path)
    assert "there is nothing to report" in page
    assert "metrics.jsonl is missing" in page


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "r", name=HOSTILE_NAME), tmp_path)
    assert "onerror=alert(1)&gt;" in page
    assert "<img src=x" not in page
    assert "{{ 7*7 }}" in page


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"clips": "many"}, "clips"),
        ({"format": 99, "clips": "many"}, "format 99"),
        ({"cases": [{"rank": "worst 1"}]}, "cases.0"),
        (
            {"panels": [{"title": "x", "pictures": [{"title": "x", "caption": "", "data": "PHN2Zz4="}]}]},
            "neither PNG",
        ),
        ({"overall": {}}, "figures of the model"),
    ],
)
def test_damaged_findings_are_named(
    damaged: Callable[..., Path], changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(SeqimgError, match=named) as caught:
        read_run_report(read_run(damaged(**changes)))
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "null", "\x00"])
def test_findings_that_are_no_findings_are_refused(damaged: Callable[..., Path], content: str) -> None:
    folder = damaged()
    (folder / FINDINGS).write_text(content)
    with pytest.raises(SeqimgError, match=r"report.json cannot be used"):
        read_findings(folder)


def test_no_name_leads_out_of_the_run(run: Path) -> None:
    for name in ("../report.json", "/etc/hostname", "..", ""):
        with pytest.raises(SeqimgError):
            read_sample(run, name)


def test_pictures_that_are_gone_or_no_pictures_are_a_warning(
    damaged: Callable[..., Path], tmp_path: Path
) -> None:
    folder = damaged()
    (folder / SAMPLES / "median.png").unlink()
    (folder / SAMPLES / "best.png").write_text("<svg onload=alert(1)>")
    (folder / SAMPLES / "data.png").write_text("no picture")
    report = read_run_report(read_run(folder))
    assert {"median", "best"}.isdisjoint(reel.rank for reel in report.reels)
    assert len([warning for warning in report.warnings if "is missing" in warning]) == 3


class Broken(PredictTask):
    """A task whose panel fails after the first batch."""

    def panels(self, answers: Iterable[Answers]) -> tuple[Panel, ...]:
        for _ in answers:
            raise RuntimeError("no such class")
        return ()


def test_a_panel_that_fails_costs_nothing_but_itself() -> None:
    task = Broken(PredictConfig(data=("demo:moving-digits",), crop=16, widths=(4,), context=2, horizon=2))
    with task.datasets() as data:
        task = task.settled(data)
        model = task.build_model()
        found = evaluate(task, model, data.val)
        whole = evaluate(PredictTask(task.config), model, data.val)
    assert found.panels == ()
    assert found.warnings == ("the panels of the task predict are missing: RuntimeError: no such class",)
    assert (found.clips, found.overall) == (len(data.val), whole.overall)


class Blind(PredictTask):
    """A task that cannot answer beyond some clips."""

    def expected(self, batch: Batch) -> Tensor:
        if batch.sources[0].first > 100:
            raise RuntimeError("out of memory")
        return super().expected(batch)


def test_an_answer_that_fails_is_no_fault_of_a_panel() -> None:
    np.save("frames.npy", np.zeros((200, 16, 16, 1), np.uint8))
    config = PredictConfig(data=("frames.npy",), channels=1, widths=(4,), context=2, horizon=2)
    task = Blind(config)
    with task.datasets("all") as data, pytest.raises(RuntimeError, match="out of memory"):
        evaluate(task, task.build_model(), data.test)


def test_panels_are_of_all_clips_and_cases_of_some() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (2 + 300, 8, 8, 1), np.uint8)
    frames[150:] //= 9  # the clips are not alike
    np.save("frames.npy", frames)
    config = PredictConfig(
        data=("frames.npy",), channels=1, widths=(4,), context=2, horizon=1, baselines=("copy_last",)
    )
    task = PredictTask(config)
    Path("samples").mkdir()
    with task.datasets("all") as data:
        model = task.build_model()
        found = evaluate(task, model, data.test, batch_size=64)
        looked = look(task, model, data.test, Path("samples"), batch_size=64)
    assert (found.clips, looked.examined) == (300, 256)
    for who, (value,) in found.panels[0].tables[0].rows.items():
        assert value == pytest.approx(found.overall[who]["mse"], rel=1e-6)


def test_two_runs_on_one_page(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", seed=1)
    report = compare_runs(read_run(run), read_run(other))
    write_report(tmp_path / "both.html", report)
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    config = report.figures[0].tables[0]
    assert set(config.rows) == {"data", "seed"}
    assert config.rows["seed"] == ("0", "1")
    assert re.match(r"mse of .* is \d+ % (below|ABOVE) that of ", report.verdict)
    assert [w.split(":")[0] for w in report.warnings if "comparable" in w] == [
        "the runs learnt from different data",
        "the runs were measured on different clips",
    ]
    names = [str(run), str(other)]
    assert all(list(curve.series) == names for panel in report.panels for curve in panel.curves)
    assert [panel.title for panel in report.panels][:2] == ["Curves", "Lead time"]
    assert page.count("How to reproduce") == 2
    with pytest.raises(SeqimgError, match="with itself"):
        compare_runs(read_run(run), read_run(run))


def test_an_unfinished_run_is_compared_by_its_validations(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", finished=False)
    report = compare_runs(read_run(run), read_run(other))
    assert report.verdict == "mse of both is the same: 0.01 and 0.01, on validation."
    assert any("has not ended" in warning for warning in report.warnings)


def test_reports_are_made_again_without_torch(run: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from seqimg.training.pages import read_run_report;"
        "from seqimg.training.comparison import compare_runs; from seqimg.training.records import read_run;"
        f"read_run_report(read_run(Path({str(run)!r})));"
        "assert not {'torch', 'numpy', 'matplotlib', 'PIL', 'av'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
