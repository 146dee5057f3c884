"""`seqimg data check`: damage is found, counted and listed, and stops nothing else."""

import json
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sequences.isolated import bad, installed
from tests.sequences.numbered import encode, numbered
from tests.support.cli import Result, assert_refused, contents, seqimg

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of good and bad sequences, and things that are none."""
    from seqimg import save_sequence

    shelf = tmp_path_factory.mktemp("a shelf ü")
    (shelf / "videos" / ".hidden").mkdir(parents=True)
    encode(shelf / "videos" / "whole 2.mp4", "libx264", 60)
    encode(shelf / "videos" / "whole 10.avi", "mpeg4", 30)
    encode(shelf / "videos" / "hit.mkv", "libx264", 90, options={"g": "10", "bf": "0"})
    data = bytearray((shelf / "videos" / "hit.mkv").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    (shelf / "videos" / "hit.mkv").write_bytes(bytes(data))
    whole = (shelf / "videos" / "whole 2.mp4").read_bytes()
    (shelf / "videos" / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (shelf / "videos" / "empty.mp4").touch()
    (shelf / "videos" / ".hidden" / "a.mp4").touch()
    (shelf / "notes.txt").write_text("no sequence\n")
    frames = save_sequence(numbered(12), shelf / "frames" / "good").path
    holey = save_sequence(numbered(12), shelf / "frames" / "holey").path
    (holey / "frame_000004.png").unlink()
    (holey / "frame_000009.png").write_bytes(b"no picture at all")
    np.save(shelf / "stack.npy", np.zeros((7, 20, 20), np.uint8))
    (shelf / "cover.jpg").write_bytes((frames / "frame_000001.png").read_bytes())
    (shelf / "loop").symlink_to(shelf)
    return shelf


def _checked(cli: Cli, code: int, *words: str | Path) -> dict[str, Any]:
    result = cli("data", "check", *words, "--json")
    assert result.returncode == code, result.stderr
    report: dict[str, Any] = json.loads(result.stdout.splitlines()[0])
    return report


def test_everything_whole(cli: Cli, shelf: Path) -> None:
    report = _checked(
        cli, 0, shelf / "videos" / "whole 2.mp4", shelf / "frames" / "good", shelf / "stack.npy"
    )
    assert [found["state"] for found in report["sequences"]] == ["whole"] * 3
    assert [found["frames"] for found in report["sequences"]] == [60, 12, 7]
    said = cli("data", "check", shelf / "stack.npy")
    assert said.returncode == 0
    assert "Checked 1 sequence: 1 whole. 7 frames = 7 read + 0 lost." in said.stderr


def test_a_whole_shelf(cli: Cli, shelf: Path, tmp_path: Path) -> None:
    before = contents(shelf)
    report = _checked(cli, 4, shelf, "--recursive", "-o", tmp_path / "report.json")
    assert contents(shelf) == before
    names = [str(Path(found["path"]).relative_to(shelf)) for found in report["sequences"]]
    assert names == [
        "stack.npy",
        "frames/good",
        "frames/holey",
        "videos/cut.mp4",
        "videos/empty.mp4",
        "videos/hit.mkv",
        "videos/whole 2.mp4",
        "videos/whole 10.avi",
    ]
    states = {name: found["state"] for name, found in zip(names, report["sequences"], strict=True)}
    assert states["videos/empty.mp4"] == "unreadable"
    for name in ("frames/holey", "videos/hit.mkv"):
        assert states[name] == "damaged"
    assert states["videos/cut.mp4"] != "whole"
    for name in ("stack.npy", "frames/good", "videos/whole 2.mp4", "videos/whole 10.avi"):
        assert states[name] == "whole"
    summary = report["summary"]
    assert summary["frames_in"] == summary["frames_out"] + summary["frames_lost"]
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_stacks_beside_pictures_are_found(cli: Cli, tmp_path: Path) -> None:
    from seqimg import save_sequence

    for number, folder in enumerate((tmp_path / "a", tmp_path / "b")):
        save_sequence(numbered(3), folder / "stack 1.tif")
        save_sequence(numbered(3), folder / "stack 2.tif")
        (folder / "plot.png").write_bytes(b"")
        if number:
            save_sequence(numbered(3), folder / "shots" / "%d.tif")
    found = _checked(cli, 0, tmp_path, "-r")["sequences"]
    names = [str(Path(checkup["path"]).relative_to(tmp_path)) for checkup in found]
    assert names == ["a/stack 1.tif", "a/stack 2.tif", "b/stack 1.tif", "b/stack 2.tif", "b/shots"]


def test_every_frame_is_accounted_for(cli: Cli, shelf: Path) -> None:
    (hit,) = _checked(cli, 4, shelf / "videos" / "hit.mkv")["sequences"]
    assert hit["frames"] + hit["lost"] == 90
    assert hit["lost"] == sum(lost["count"] for lost in hit["damage"]) > 0
    assert all(lost["reason"] for lost in hit["damage"])
    (holey,) = _checked(cli, 4, shelf / "frames" / "holey")["sequences"]
    assert [(lost["index"], lost["count"]) for lost in holey["damage"]] == [(3, 1), (8, 1)]
    assert (holey["frames"], holey["lost"]) == (10, 2)
    # Gaps that are asked to be left out are no damage; what cannot be decoded is.
    (holey,) = _checked(cli, 4, shelf / "frames" / "holey", "--gaps", "skip")["sequences"]
    assert [lost["index"] for lost in holey["damage"]] == [8]


def test_frames_that_only_the_clock_misses(cli: Cli, tmp_path: Path) -> None:
    encode(tmp_path / "a.mkv", "libx264", 90, options={"g": "10", "bf": "0"})
    data = bytearray((tmp_path / "a.mkv").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    (tmp_path / "a.mkv").write_bytes(bytes(data))
    (found,) = _checked(cli, 4, tmp_path / "a.mkv")["sequences"]
    missing = 90 - found["frames"] - found["lost"]
    assert missing == 0 or f"by their times {missing} more are missing" in found["reason"]


def test_what_people_read(cli: Cli, shelf: Path) -> None:
    result = cli("data", "check", shelf / "frames" / "holey", shelf / "stack.npy")
    assert result.returncode == 4
    table = result.stdout.splitlines()
    assert table[1].split()[-5:][:4] == ["12", "10", "2", "damaged:"] or "damaged" in table[1]
    assert any("frame 3: missing" in line for line in table)
    assert "2 sequences: 1 whole, 1 damaged. 19 frames = 17 read + 2 lost." in result.stderr
    assert "1 of 2 sequences is not whole" in result.stderr
    hint = result.stderr.splitlines()[-1].removeprefix("Try: seqimg ")
    assert cli(*shlex.split(hint)).returncode == 0, "what is to be tried works"


@pytest.fixture
def bad_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A format whose files bring their reader down."""
    monkeypatch.setenv("SEQIMG_DECODE_SECONDS", "6")
    yield from installed(tmp_path, monkeypatch)


@pytest.mark.usefixtures("bad_format")
def test_a_decoder_that_dies_or_hangs_costs_only_its_file(cli: Cli, shelf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mean"
    folder.mkdir()
    for name, text in (
        ("1", "segv 5"),
        ("2", "fine 99"),
        ("3", "hang 3"),
        ("4", "segv -1"),
        ("5", "fine 99"),
    ):
        bad(folder, text, f"{name}.bad")
    report = _checked(cli, 4, folder, "-r")
    states = [(found["state"], found["frames"], found["lost"]) for found in report["sequences"]]
    assert states == [
        ("damaged", 5, 7),
        ("whole", 12, 0),
        ("damaged", 3, 9),
        ("unreadable", 0, 0),
        ("whole", 12, 0),
    ]
    crash, _, hang, unopened, _ = report["sequences"]
    assert "SIGSEGV" in crash["damage"][0]["reason"]
    assert crash["damage"][0]["index"] == 5
    assert "6 s" in hang["damage"][0]["reason"]
    assert "SIGSEGV" in unopened["reason"]


def test_options_that_mean_nothing_for_some(cli: Cli, shelf: Path) -> None:
    film, stack = shelf / "videos" / "whole 2.mp4", shelf / "stack.npy"
    report = _checked(cli, 0, film, stack, "--axes", "THW")
    assert [found["state"] for found in report["sequences"]] == ["whole"] * 2
    assert_refused(cli("data", "check", film, "--axes", "THW", "--quiet"), 2, "axes means nothing")


def test_nothing_to_check(cli: Cli, tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert_refused(cli("data", "check", tmp_path / "bare", "-r"), 1, "holds no sequences")
    assert_refused(cli("data", "check"), 2)
    folder = cli("data", "check", shelf / "videos")
    assert folder.returncode == 4
    assert "data check --recursive" in folder.stderr
    (tmp_path / "there.json").touch()
    assert_refused(
        cli("data", "check", shelf / "stack.npy", "-o", tmp_path / "there.json"), 1, "exists already"
    )


def test_names_that_are_no_text(shelf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [b"\xff\xfe.npy", b"a\nb.npy", b"-x.npy", b"%d [b].npy"]
    for name in names:
        (folder / os.fsdecode(name)).write_bytes((shelf / "stack.npy").read_bytes())
    env = {"PYTHONIOENCODING": "utf-8:strict"}
    report = tmp_path / "report.json"
    result = seqimg("data", "check", "-r", folder, "-o", report, "--json", env=env)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told == json.loads(report.read_text())
    assert {Path(found["path"]).name for found in told["sequences"]} == {os.fsdecode(name) for name in names}
    for words in (("data", "check"), ("data", "info")):
        said = seqimg(*words, folder / os.fsdecode(names[0]), env=env)
        assert said.returncode == 0, said.stderr
        assert "udcff" in said.stdout
    (tmp_path / "\x1b[2Jx\ny.npy").write_bytes((shelf / "stack.npy").read_bytes())
    for words in (("data", "check"), ("data", "info"), ("data", "index")):
        said = seqimg(*words, tmp_path / "\x1b[2Jx\ny.npy", env=env)
        assert "\x1b" not in said.stdout + said.stderr
        assert "x y.npy" in said.stdout
    assert seqimg("data", "info", folder / os.fsdecode(b"\xfd.npy"), env=env).returncode == 1


def _boxes(folder: Path, **changes: object) -> Path:
    """Write a COCO-VID data set of one sequence of three frames."""
    from seqimg import save_sequence

    images = save_sequence(numbered(3), folder / "frames").path
    pictures = sorted(picture.name for picture in images.glob("*.png"))
    frame = {"video_id": 1, "width": 96, "height": 64}
    box = {"category_id": 1, "bbox": [1, 2, 5, 6]}
    tables = {
        "videos": [{"id": 1, "name": "frames"}],
        "images": [
            {**frame, "id": number, "frame_id": number, "file_name": f"frames/{name}"}
            for number, name in enumerate(pictures, 1)
        ],
        "annotations": [{**box, "id": 1, "image_id": 1, "visibility": 0.1}, {**box, "id": 2, "image_id": 3}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        **changes,
    }
    path = folder / "boxes.json"
    path.write_text(json.dumps(tables))
    return path


def test_data_sets_of_boxes(cli: Cli, tmp_path: Path) -> None:
    with_boxes = _boxes(tmp_path)
    report = _checked(cli, 0, with_boxes)
    (found,) = report["boxes"]
    assert (found["layout"], found["boxes"], found["unseen"]) == ("coco-vid", {"cat": 2, "dog": 0}, 1)
    assert [one["state"] for one in report["sequences"]] == ["whole"]
    shown = cli("data", "check", with_boxes)
    assert "coco-vid: sequences 1, boxes 2 (cat 2)" in shown.stdout
    assert "classes without a box: dog" in shown.stdout


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ({"bbox": [200, 2, 5, 6], "category_id": 1}, "boxes outside their frame: 1; it has no boxes"),
        ({"bbox": [1, 2, 5, 6], "category_id": 9}, "category 9 is none of 1, 2"),
        (None, "it has no boxes"),
    ],
)
def test_boxes_that_do_not_fit_are_found(
    cli: Cli, tmp_path: Path, annotation: dict[str, object] | None, words: str
) -> None:
    several = [] if annotation is None else [{**annotation, "id": 1, "image_id": 1}]
    result = cli("data", "check", _boxes(tmp_path, annotations=several))
    assert result.returncode == (1 if "category" in words else 4)
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_json_that_is_no_data_set_stops_nothing_else(cli: Cli, tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    report = _checked(cli, 4, tmp_path / "a.json", shelf / "frames" / "good")
    assert [one["state"] for one in report["sequences"]] == ["whole"]
    assert "no COCO-VID file" in report["boxes"][0]["unusable"][0]
