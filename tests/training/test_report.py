import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seqimg.errors import SeqimgError
from seqimg.panels import Column, Curve, Panel, Picture, Table
from seqimg.training.curves import curve_svg
from seqimg.training.findings import Sheet
from seqimg.training.report import Reel, Report, write_report

VOID = {"meta", "link", "img", "br", "input"}
HOSTILE = "</title><script>alert('x')</script>\"><img src=x onerror=y> & {{ 7*7 }}"


class Page(HTMLParser):
    """Checks that tags nest, and collects text and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def picture_file(kind: str, width: int = 30) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 20), (200, 30, 30)).save(file, format=kind)
    return file.getvalue()


def write(report: Report, folder: Path) -> Page:
    write_report(folder / "report.html", report)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def svg(curve: Curve) -> ElementTree.Element:
    return ElementTree.fromstring(curve_svg(curve))


def curve(ys: list[float], *, log_y: bool = False, name: str = "loss") -> Curve:
    xs = [float(x) for x in range(len(ys))]
    return Curve(name=name, x_label="step", y_label="mse", series={name: (xs, ys)}, log_y=log_y)


def reel(text: str) -> Reel:
    sheet = Sheet(file="a.png", width=8, height=8, gap=2, context=("0",), future=("+1", "+2"), scale=0.1)
    picture = Picture(title=text, caption="", data=picture_file("PNG", 18))
    return Reel(rank=text, name=text, note=text, sheet=sheet, picture=picture)


def full_report(text: str = "seqimg demo") -> Report:
    table = Table(
        title=text,
        columns=(Column(name="MSE", better="lower"), Column(name="PSNR", better="higher"), Column(name=text)),
        rows={
            "model": (0.00412, 27.31, 3),
            text: (0.00987, 21.2, None),
            "broken": (float("nan"), 30.5, text),
        },
        note=text,
    )
    return Report(
        title=text,
        verdict=text,
        note=text,
        figures=(Panel(title="Figures", note=text, tables=(table,)),),
        reels=(reel(text), reel(text)),
        cases_note=text,
        panels=(
            Panel(title="Curves", curves=(curve([3.0, 2.0, 1.0], name=text),)),
            Panel(
                title=text,
                facts={text: text, "seed": "0"},
                pictures=(
                    Picture(title=text, caption=text, data=picture_file("PNG", 940)),
                    Picture(title="moving", caption="", data=picture_file("GIF", 31)),
                    Picture(title="small", caption="", data=picture_file("WEBP", 31)),
                ),
            ),
        ),
        warnings=(text,),
    )


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    page = write(full_report(), tmp_path)
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]*", "", source))
    for name, value in page.attributes:
        if name in ("src", "href"):
            assert value.startswith(("data:", "#"))
    assert {"iframe", "object"}.isdisjoint(page.tags)
    assert ("name", "viewport") in page.attributes


def test_the_policy_lets_only_the_pages_own_script_run(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", full_report())
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', source)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"


def test_the_order_is_verdict_player_figures_cases_and_the_rest(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", full_report())
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", source)
    assert headings == ["Player", "Figures", "Cases", "Curves", "seqimg demo", "Warnings"]
    assert source.index('class="verdict"') < source.index("<h2")


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    page = write(full_report(HOSTILE), tmp_path)
    assert page.tags.count("script") == 2  # what the player shows, and the player
    assert page.tags.count("img") == 5
    assert not any(name.startswith("on") for name, _ in page.attributes)
    shown = "".join(page.text)
    # Title, heading, verdict, note, figures and cases (2), buttons (2), cases (6), table (4), curve, facts (2),
    # panel, picture (2), warning.
    assert shown.count(HOSTILE) >= 23
    reels = re.search(r'id="reels">(.*?)</script>', (tmp_path / "report.html").read_text(), re.DOTALL)
    assert reels is not None
    assert json.loads(reels[1])[0]["name"] == HOSTILE


def test_names_that_are_no_text_are_spelt_out(tmp_path: Path) -> None:
    write(full_report("a\udcff.mp4"), tmp_path)
    assert r"a\udcff.mp4" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_an_empty_report_is_a_page_too(tmp_path: Path) -> None:
    page = write(Report(title="nothing", verdict="Nothing was measured."), tmp_path)
    assert {"section", "script"}.isdisjoint(page.tags)


def test_what_is_folded_can_be_unfolded(tmp_path: Path) -> None:
    table = Table(title="more", columns=(Column(name="value"),), rows={"seed": ("0",)}, folded=True)
    page = write(Report(title="t", verdict="v", panels=(Panel(title="p", tables=(table,)),)), tmp_path)
    assert page.tags.count("details") == 1


def test_the_best_may_be_looked_for_along_the_rows(tmp_path: Path) -> None:
    columns = (Column(name="model", better="lower"), Column(name="copy_last", better="lower"))
    table = Table(title="t", columns=columns, rows={"a": (1.0, 2.0), "b": (0.5, 0.25)}, compare="columns")
    write_report(
        tmp_path / "r.html", Report(title="t", verdict="v", figures=(Panel(title="p", tables=(table,)),))
    )
    source = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert re.findall(r'<td class="best">([^<]*)</td>', source) == ["1.000", "0.250"]


def test_the_best_value_of_each_column_is_marked(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", full_report())
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.findall(r'<td class="best">([^<]*)</td>', source) == ["0.004120", "30.50"]
    assert re.findall(r"<td>([^<]*)</td>", source) == ["27.31", "3", "0.009870", "21.20", "n/a", "nan"]
    assert re.findall(r'<td class="words">([^<]*)</td>', source) == ["seqimg demo"]


def test_pictures_are_taken_for_what_they_are() -> None:
    kinds = [picture.mime for picture in full_report().panels[1].pictures]
    assert kinds == ["image/png", "image/gif", "image/webp"]
    with pytest.raises(ValueError, match="neither PNG nor GIF"):
        Picture(title="page", caption="", data=b"<svg onload=x>")


def test_rows_and_series_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="has 1 values, not 2"):
        Table(title="t", columns=(Column(name="a"), Column(name="b")), rows={"model": (1.0,)})
    with pytest.raises(ValueError, match="2 x and 1 y"):
        Curve(name="c", x_label="x", y_label="y", series={"s": ([0, 1], [0])})


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    write(Report(title="one", verdict="v"), tmp_path)
    with pytest.raises(SeqimgError, match="exists already"):
        write_report(tmp_path / "report.html", Report(title="two", verdict="v"))
    assert "one" in (tmp_path / "report.html").read_text(encoding="utf-8")
    write_report(tmp_path / "report.html", Report(title="two", verdict="v"), overwrite=True)
    assert "two" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("missing", [float("nan"), float("inf"), float("-inf")])
def test_a_missing_value_is_a_gap(missing: float) -> None:
    lines = [part.get("d", "") for part in svg(curve([1, 2, missing, 3, 4, 5])) if part.get("stroke-width")]
    assert [line.count("L") for line in lines if "h" not in line] == [1, 2]


def test_a_lone_value_is_a_point_and_no_value_is_said() -> None:
    assert [part.tag for part in svg(curve([5.0]))].count("circle") == 1
    assert [part.tag for part in svg(curve([1.0, 2.0, float("nan"), 3.0]))].count("circle") == 1
    for ys in ([], [float("nan")]):
        texts = [part.text for part in svg(curve(list(ys)))]
        assert "no data" in texts
        assert "loss (no data)" in texts
    assert "no data" in [part.text for part in svg(Curve(name="none", x_label="x", y_label="y", series={}))]


def test_a_log_axis_has_its_ticks_evenly_spaced_and_leaves_out_zero() -> None:
    drawn = svg(curve([1000.0, 0.0, 1.0, -3.0, 0.001], log_y=True))
    assert [part.tag for part in drawn].count("circle") == 3
    heights = {part.text: float(part.get("y", "")) for part in drawn if part.get("text-anchor") == "end"}
    powers = [heights[label] for label in ("0.001", "0.01", "0.1", "1", "10", "100", "1000")]
    np.testing.assert_allclose(np.diff(powers), np.diff(powers).mean(), atol=0.11)
    assert "mse, log scale" in [part.text for part in drawn]


def test_a_long_series_is_thinned_but_keeps_its_extremes() -> None:
    ys = [1.0] * 50_000
    ys[31_234], ys[40_001] = 9.0, -9.0
    drawn = curve_svg(curve(ys))
    assert len(drawn) < 30_000
    line = max(re.findall(r'd="(M[^"]*)"', drawn), key=len)
    heights = [float(pair.split()[1]) for pair in line[1:].split("L")]
    usual = np.median(heights)
    assert min(heights) < usual - 90
    assert max(heights) > usual + 90


@settings(max_examples=150, deadline=None)
@given(ys=st.lists(st.floats(), max_size=12), log_y=st.booleans())
def test_any_numbers_give_a_drawing_inside_its_frame(ys: list[float], log_y: bool) -> None:
    for part in svg(curve(ys, log_y=log_y)):
        places = part.get("d", "")
        assert re.fullmatch(r"[MLHhv\d .-]*", places)  # no nan, no exponent
        assert all(-1 <= float(number) <= 481 for number in re.findall(r"-?[\d.]+", places))
        for name in ("x", "y", "cx", "cy"):
            assert 0 <= float(part.get(name, "0")) <= 480


def test_bands_and_marks_stand_where_they_belong() -> None:
    drawn = Curve(
        name="c",
        x_label="x",
        y_label="y",
        series={"a": ([0, 1, 2], [1, None, 3])},
        bands={"a": ([0, 1, 2], [0, 1, None], [2, 3, 4])},
        marks={"chosen": 1},
    )
    parts = list(svg(drawn))
    areas = [part for part in parts if part.get("opacity") == ".18"]
    assert [area.get("d", "").count("L") for area in areas] == [3]  # two points below, two above
    assert "chosen" in [part.text for part in parts]
    assert len([part for part in parts if "V" in part.get("d", "")]) == 1
    long = Curve(name="c", x_label="x", y_label="y", series={"a/" * 99 + "end": ([0, 1], [0, 1])})
    assert max(len(part.text or "") for part in svg(long)) < 50
    assert any((part.text or "").endswith("a/end") for part in svg(long))
    with pytest.raises(ValueError, match="no series"):
        Curve(name="c", x_label="x", y_label="y", series={}, bands={"a": ([], [], [])})
