"""`eval -o page.html`: what a run's report shows, of any model on any data; and the data card with numbers."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from seqimg import open_sequence, save_sequence
from seqimg.training.findings_file import read_findings
from tests.support.cli import Result, assert_refused, contents

Cli = Callable[..., Result]


@pytest.fixture
def lossy(media: Path) -> Path:
    """Thirty pictures, of which one is damaged and two are missing."""
    with open_sequence(media / "good.mp4") as frames:
        save_sequence(frames, "clip")
    pictures = sorted(Path("clip").iterdir())
    pictures[7].write_bytes(pictures[7].read_bytes()[:-200])
    for gone in pictures[20:22]:
        gone.unlink()
    return Path("clip")


SKIP = ("--on-error", "skip", "--gaps", "skip")


def test_an_evaluation_is_a_page(cli: Cli, media: Path, model: Path) -> None:
    done = cli("predict", "eval", "--model", model, media / "good.mp4", "-o", "new/page.html")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-2] == "Saved new/page.html"
    assert list(contents(Path("new"))) == ["page.html"]
    page = Path("new/page.html").read_text(encoding="utf-8")
    own, copied = (
        next(line.split()[2] for line in done.stdout.splitlines() if f" {who} " in line)
        for who in ("model", "copy_last")
    )
    said = re.search(r"mse ([\d.e-]+) on 14 clips: .* copy_last \(([\d.e-]+)\)", page)
    assert said is not None
    assert [float(said[1]), float(said[2])] == pytest.approx([float(own), float(copied)], rel=1e-3)
    for heading in ("Figures", "Data", "How to reproduce"):
        assert f"<h2>{heading}</h2>" in page
    for absent in ("Curves", "Time and memory", "Training learns from"):
        assert absent not in page
    assert "worst 1" in page
    assert page.count("data:image/png;base64,") + page.count("data:image/webp;base64,") >= 8
    assert "this command" in page
    assert not re.search(r"""(src|href)=.(?!data:|#)""", page), "it needs nothing but itself"
    before = contents(Path.cwd())
    assert_refused(
        cli("predict", "eval", "--model", model, media / "good.mp4", "-o", "new/page.html", "--quiet"),
        1,
        "exists already",
    )
    assert contents(Path.cwd()) == before


def test_a_page_that_cannot_be_written_is_refused_before_the_work(cli: Cli, media: Path, model: Path) -> None:
    file = media / "file"
    done = cli("predict", "eval", "--model", model, media / "good.mp4", "-o", file / "page.html", "--quiet")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_what_was_left_out_is_counted(cli: Cli, lossy: Path, tiny: list[str]) -> None:
    trained = cli("predict", "train", lossy, *tiny, *SKIP, "-o", "made", "--json")
    assert trained.returncode == 0, trained.stderr
    found = read_findings(Path("made"))
    assert found is not None
    assert (found.sequence_count, found.frame_count, found.skipped_count) == (1, 27, 0)
    assert (found.incomplete_count, found.damaged_count, found.missing_count) == (1, 1, 2)
    (one,) = found.incomplete
    assert (one.path, one.frames, one.damaged, one.missing, one.broken_off) == (str(lossy), 27, 1, 2, False)
    page = Path("made/report.html").read_text(encoding="utf-8")
    assert "1 damaged and 2 missing frames of 1 sequence" in page
    assert json.loads(Path("made/report.json").read_text())["incomplete"][0]["missing"] == 2


def test_of_whole_data_nothing_is_left_out(cli: Cli, media: Path, model: Path) -> None:
    done = cli("predict", "eval", "--model", model, media / "good.mp4", "-o", "page.html")
    assert done.returncode == 0, done.stderr
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<dt>left out</dt><dd>nothing</dd>" in page
    assert "Sequences with frames left out" not in page
