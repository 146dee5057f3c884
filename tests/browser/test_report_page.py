"""The report in a real browser: nothing in the console, all pictures there, readable on a desk and in a hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seqimg.training.comparison import compare_runs
from seqimg.training.pages import read_run_report
from seqimg.training.records import read_run
from seqimg.training.report import write_report
from tests.browser.chromium import BROWSER, Page, browser
from tests.support.runs import HOSTILE_NAME, make_run

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: apt-get install chromium")

PLAYED = "[...document.querySelectorAll('#player canvas')].map(c => c.toDataURL())"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run whose data have a hostile name."""
    folder = tmp_path_factory.mktemp("run")
    run = make_run(folder, name=HOSTILE_NAME)
    write_report(folder / "report.html", read_run_report(read_run(run)))
    return folder / "report.html"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_readable_and_quiet(page: Page, report: Path, width: int, dark: bool) -> None:
    page.open(report, width=width, dark=dark)
    assert page.complaints == []
    assert page.requests == [report.as_uri()]
    assert page.eval("document.images.length") == 9
    assert page.eval("[...document.images].every(i => i.naturalWidth > 0)")
    # Nothing sticks out of the window: what is wide scrolls in a box of its own.
    assert page.eval("document.documentElement.scrollWidth") == width
    seen = "[...document.querySelectorAll('h1, h2, p, td, th, dd, button, svg text')].filter(e => e.checkVisibility())"
    assert page.eval(f"Math.min(...{seen}.map(e => e.getBoundingClientRect().height))") > 5
    assert page.eval("parseFloat(getComputedStyle(document.querySelector('td')).fontSize)") >= 14
    luminance = (
        "(c => { const [r, g, b] = c.match(/\\d+/g); return (r * .2126 + g * .7152 + b * .0722) / 255 })"
        "(getComputedStyle(document.body).%s)"
    )
    text, paper = (page.eval(luminance % name) for name in ("color", "backgroundColor"))
    assert (text > 0.8, paper < 0.2) if dark else (text < 0.2, paper > 0.8)
    assert (text > 0.8) is dark
    assert (paper < 0.2) is dark


def test_the_keys_move_all_four_pictures_together(page: Page, report: Path) -> None:
    page.open(report, width=1280)
    moment = "document.querySelector('#player output').textContent"
    assert page.eval(moment) == "frame +1"
    first = page.eval(PLAYED)
    assert len(set(first)) >= 3  # an untrained model says what it saw last
    page.press("ArrowRight")
    assert page.eval(moment) == "frame +2"
    second = page.eval(PLAYED)
    # The input stays at its last frame; truth and difference go on, the answer of an untrained model does not.
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, False, True, False]
    page.press("ArrowLeft")
    assert page.eval(PLAYED) == first
    page.press("ArrowLeft")
    assert page.eval(moment) == "frame 0"
    assert len(set(page.eval(PLAYED)[1:])) == 1  # nothing has been said yet
    for _ in range(9):
        page.press("ArrowLeft")
    assert page.eval(moment) == "frame -1"


def test_it_plays_and_stops(page: Page, report: Path) -> None:
    page.open(report, width=1280)
    changed = (
        "new Promise(done => { const o = document.querySelector('#player output');"
        "new MutationObserver(() => done(o.textContent)).observe(o, {childList: true, subtree: true}) })"
    )
    page.press(" ")
    assert page.eval(changed) == "frame +2"
    assert page.eval("document.querySelector('[data-do=play]').getAttribute('aria-label')") == "Pause"
    page.press(" ")
    assert page.eval("document.querySelector('[data-do=play]').getAttribute('aria-label')") == "Play"


def test_any_case_can_be_put_into_the_player(page: Page, report: Path) -> None:
    page.open(report, width=1280)
    median = page.eval(PLAYED)
    name = "document.querySelector('[data-is=name]').textContent"
    page.eval("document.querySelector('[data-open=\"0\"]').click()")
    page.eval("new Promise(done => setTimeout(done, 50))")
    assert page.eval("document.querySelector('#player [aria-pressed=true]').textContent") == "worst 1"
    assert page.eval(PLAYED) != median
    assert HOSTILE_NAME in page.eval(name)
    assert page.complaints == []


def test_a_script_that_gets_in_does_not_run(page: Page, report: Path, tmp_path: Path) -> None:
    """The policy holds even if escaping ever failed."""
    bad = tmp_path / "bad.html"
    script = "<script>document.title = 'taken'</script><img src='https://example.invalid/a.png'></main>"
    bad.write_text(report.read_text(encoding="utf-8").replace("</main>", script), encoding="utf-8")
    page.open(bad, width=1280)
    assert page.eval("document.title") != "taken"
    assert len(page.complaints) >= 2
    assert all("Content Security Policy" in complaint for complaint in page.complaints)


def test_it_prints_all_of_it(page: Page, report: Path, tmp_path: Path) -> None:
    page.open(report, width=1280)
    page.paper(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert page.eval("document.querySelector('details').open") is False


def test_two_runs_on_one_page(page: Page, report: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", seed=1)
    write_report(tmp_path / "both.html", compare_runs(read_run(report.parent / "run"), read_run(other)))
    for width in (1280, 390):
        page.open(tmp_path / "both.html", width=width)
        assert page.complaints == []
        assert page.eval("document.documentElement.scrollWidth") == width
        assert page.eval("document.querySelectorAll('svg.curve').length") >= 4
