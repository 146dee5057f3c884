"""Shapes are found, measured, named, written as rows and drawn."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seqimg.sequences import open_sequence, save_sequence
from seqimg_filter.shapes import COLUMNS, Finder, Wanted
from tests.support.cli import Result

Cli = Callable[..., Result]


def polygon(corners: list[tuple[float, float]], turn: float) -> NDArray:
    """A polygon about the middle of a frame, drawn four times as large so that its edges are fair."""
    large = Image.new("L", (480, 480))
    c, s = math.cos(turn), math.sin(turn)
    places = [(240 + 4 * (x * c - y * s), 240 + 4 * (x * s + y * c)) for x, y in corners]
    ImageDraw.Draw(large).polygon(places, fill=255)
    return np.asarray(large.resize((120, 120), Image.Resampling.BOX), np.float32)[..., None] / np.float32(255)


def ring(width: float, height: float, count: int = 90) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [(width * math.cos(a), height * math.sin(a)) for a in angles]


def box(width: float, height: float) -> list[tuple[float, float]]:
    return [(-width, -height), (width, -height), (width, height), (-width, height)]


STAR = [
    (r * math.cos(a), r * math.sin(a)) for a, r in ((i * math.pi / 5, 40 if i % 2 else 16) for i in range(10))
]


@pytest.mark.parametrize("turn", [0, 0.2, 0.5, math.pi / 4, 1.2])
@pytest.mark.parametrize("scale", [0.3, 1.0])
@pytest.mark.parametrize(
    ("kind", "corners"),
    [
        ("circle", ring(40, 40)),
        ("ellipse", ring(50, 25)),
        ("square", box(30, 30)),
        ("rectangle", box(45, 20)),
        ("triangle", [(-40, 30), (40, 30), (0, -40)]),
        ("triangle", [(-40, 30), (40, 30), (-40, -30)]),
        ("other", STAR),
        ("other", [*box(40, 40)[:3], (20, -20)]),
    ],
)
def test_kinds(kind: str, corners: list[tuple[float, float]], scale: float, turn: float) -> None:
    frame = polygon([(x * scale, y * scale) for x, y in corners], turn)
    (shape,) = Finder(Wanted(), 1)(frame)
    assert shape.kind == kind


def test_figures() -> None:
    (shape,) = Finder(Wanted(), 1)(polygon(ring(40, 20), 0))
    figures = shape.figures
    assert figures["area"] == pytest.approx(math.pi * 800, rel=0.01)
    assert (figures["x"], figures["y"]) == (pytest.approx(59.5, abs=0.1), pytest.approx(59.5, abs=0.1))
    assert (figures["major"], figures["minor"]) == (pytest.approx(80, rel=0.02), pytest.approx(40, rel=0.02))
    assert figures["eccentricity"] == pytest.approx(math.sqrt(0.75), abs=0.01)
    assert min(figures["angle"], 180 - figures["angle"]) < 1
    assert shape.corners == (20, 40, 100, 80)
    (upright,) = Finder(Wanted(), 1)(polygon(ring(40, 20), math.radians(-30)))
    assert upright.figures["angle"] == pytest.approx(30, abs=1), "counterclockwise from the horizontal"
    (round_one,) = Finder(Wanted(), 1)(polygon(ring(40, 40), 0))
    assert round_one.figures["circularity"] > 0.97


def test_what_is_wanted() -> None:
    frame = np.zeros((60, 60, 1), np.float32)
    frame[0:10, 0:10] = frame[20:40, 20:40] = 1
    frame[50, 50] = 1
    sizes = [int(shape.figures["area"]) for shape in Finder(Wanted(), 1)(frame)]
    assert sizes == [400, 100]
    assert len(Finder(Wanted(inside=True), 1)(frame)) == 1
    assert len(Finder(Wanted(min_area=1), 1)(frame)) == 3
    assert len(Finder(Wanted(max_area=100), 1)(frame)) == 1
    assert len(Finder(Wanted(dark=True), 1)(1 - frame)) == 2
    assert Finder(Wanted(threshold="0.5"), 1)(frame * np.float32(0.4)) == []
    assert Finder(Wanted(kinds=("circle",)), 1)(frame) == []
    assert Finder(Wanted(), 1)(np.zeros_like(frame)) == []


@pytest.fixture
def clip() -> Path:
    frames = []
    for time in range(4):
        picture = Image.new("RGB", (160, 120), (20, 20, 30))
        draw = ImageDraw.Draw(picture)
        if time < 3:
            draw.ellipse((10 + 5 * time, 20, 60 + 5 * time, 70), fill=(230, 220, 40))
            draw.rectangle((90, 30, 140, 80), fill=(60, 230, 200))
        frames.append(np.asarray(picture))
    save_sequence(frames, "clip.mp4", fps=10)
    return Path("clip.mp4")


def test_rows_and_drawings(cli: Cli, clip: Path) -> None:
    done = cli("filter", "shapes", clip, "--threshold", "0.4")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Saved clip.shapes.json and clip.shapes.mp4\n"
    assert "6 shapes in 4 frames: 3 circle, 3 square." in done.stderr
    told = json.loads(Path("clip.shapes.json").read_text())
    assert [row["count"] for row in told["answers"]] == [2, 2, 2, 2, 2, 2, 0]
    assert told["kinds"] == {"circle": 3, "square": 3}
    circles = [row for row in told["answers"] if row.get("kind") == "circle"]
    assert [row["frame"] for row in circles] == [0, 1, 2]
    assert np.diff([row["x"] for row in circles]) == pytest.approx([5, 5], abs=0.3)
    with open_sequence("clip.shapes.mp4") as drawn, open_sequence(clip) as source:
        pairs = list(zip(drawn, source, strict=True))
    # In video colours are coarser than brightness; a drawn line changes far more.
    assert [bool((np.abs(a.astype(int) - b) > 60).any()) for a, b in pairs] == [True, True, True, False]


def test_a_table(cli: Cli, clip: Path) -> None:
    assert cli("filter", "shapes", clip, "-o", "found.csv", "--kind", "square").returncode == 0
    with Path("found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert {row["kind"] for row in rows} == {"square", ""}
    assert sorted(path.name for path in Path().iterdir()) == ["clip.mp4", "found.csv"]


def test_rows_on_standard_output(cli: Cli, clip: Path) -> None:
    done = cli("filter", "shapes", clip, "-o", "-")
    assert [json.loads(line)["frame"] for line in done.stdout.splitlines()] == [0, 0, 1, 1, 2, 2, 3]
    assert [path.name for path in Path().iterdir()] == ["clip.mp4"]


def test_grey_is_drawn_in_colour_and_deep_stays_deep(cli: Cli) -> None:
    frames = np.zeros((2, 60, 80, 1), np.uint16)
    frames[:, 20:40, 20:40] = 60000
    np.save("deep.npy", frames)
    assert cli("filter", "shapes", "deep.npy", "-o", "drawn.npy").returncode == 0
    drawn = np.load("drawn.npy")
    assert (drawn.dtype, drawn.shape) == (np.uint16, (2, 60, 80, 3))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--threshold", "otso"], "did you mean otsu"),
        (["--threshold", "2"], "a number from 0 to 1"),
        (["--kind", "circel"], "did you mean circle"),
        (["--min-area", "9", "--max-area", "3"], "is less than"),
        (["-o", "found.xls"], "rows go to .csv"),
        (["--op", "sobol"], "did you mean sobel"),
    ],
)
def test_what_is_wrong_is_named(cli: Cli, clip: Path, words: list[str], said: str) -> None:
    done = cli("filter", "shapes", clip, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 3
