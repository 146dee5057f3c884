"""Generated data sets on disk."""

import configparser
import hashlib
import json
import subprocess
import sys
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from seqimg.data import layouts
from seqimg.data.generators import motion, moving_digits, pan, tracks
from seqimg.data.generators.making import MakeRequest, make_dataset
from seqimg.data.generators.requests import generator_of, make_sample
from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import open_sequence

SMALL = {"count": 3, "length": 5, "size": (40, 48)}
USAGE = namedtuple("USAGE", "total used free")


def _frames(path: Path) -> NDArray[np.generic]:
    with open_sequence(path) as sequence:
        return np.stack(list(sequence))


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_digits_are_one_array(tmp_path: Path) -> None:
    request = MakeRequest("moving-digits", count=7, length=6, size=(32, 40), seed=2, options={"digits": "3"})
    made = make_dataset(request, tmp_path / "digits")
    assert made.open == tmp_path / "digits" / "sequences.npy"
    array = np.load(made.open)
    assert array.shape == (7, 6, 32, 40)
    assert array.dtype == np.uint8
    for index in range(7):
        alone = moving_digits(index, length=6, size=(32, 40), seed=2, split="train", digits=3)
        np.testing.assert_array_equal(array[index], alone[..., 0])


def test_colour_sequences_can_be_one_array(tmp_path: Path) -> None:
    made = make_dataset(MakeRequest("pans", format="npy", **SMALL), tmp_path / "pans")
    assert np.load(made.open).shape == (3, 5, 40, 48, 3)


def test_classes_are_folders(tmp_path: Path) -> None:
    request = MakeRequest("motion", count=16, length=4, size=(32, 32), split="val", format="frames")
    made = make_dataset(request, tmp_path / "motion")
    assert set(made.classes.values()) == {2}
    seen = 0
    for index in range(16):
        sample = motion(index, length=4, size=(32, 32), seed=0, split="val")
        assert sample.label is not None
        np.testing.assert_array_equal(
            _frames(tmp_path / "motion" / sample.label / f"{index + 1:06d}"), sample.frames
        )
        seen += 1
    assert seen == 16
    assert Counter(path.parent.name for path in (tmp_path / "motion").glob("*/0*")) == made.classes


def test_flow_lies_beside_its_frames(tmp_path: Path) -> None:
    make_dataset(MakeRequest("pan", **SMALL), tmp_path / "pan")
    for index in range(3):
        folder, stem = tmp_path / "pan", f"{index + 1:06d}"
        sample = pan(index, length=5, size=(40, 48), seed=0, split="train")
        assert sample.flow is not None
        np.testing.assert_array_equal(_frames(folder / "frames" / stem), sample.frames)
        for name, wanted in (
            ("flow", sample.flow.forward),
            ("flow_backward", sample.flow.backward),
            ("occluded", sample.flow.occluded),
            ("disoccluded", sample.flow.disoccluded),
        ):
            stored = np.load(folder / name / f"{stem}.npy")
            assert stored.dtype == wanted.dtype
            np.testing.assert_array_equal(stored, wanted)


@pytest.mark.parametrize("form", ["frames", "mp4"])
def test_boxes_are_a_coco_file(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "tracks"
    made = make_dataset(MakeRequest("tracks", format=form, **SMALL), folder)
    data = json.loads((folder / "annotations.json").read_text())
    assert [kind["name"] for kind in data["categories"]] == ["disc", "square", "triangle", "cross"]
    assert [video["length"] for video in data["videos"]] == [5, 5, 5]
    assert len(data["images"]) == 15
    assert len(data["annotations"]) == made.boxes > 0
    images = {image["id"]: image for image in data["images"]}
    assert sorted(images) == list(range(1, 16))
    identities: dict[int, set[tuple[int, int]]] = {}
    for index in range(3):
        found = tracks(index, length=5, size=(40, 48), seed=0, split="train").tracks
        assert found is not None
        stored = [entry for entry in data["annotations"] if entry["video_id"] == index + 1]
        assert [images[entry["image_id"]]["frame_id"] for entry in stored] == found.frame.tolist()
        assert [entry["track_id"] for entry in stored] == found.track.tolist()
        assert [entry["category_id"] - 1 for entry in stored] == found.category.tolist()
        boxes = np.array([entry["bbox"] for entry in stored])
        boxes[:, 2:] += boxes[:, :2]
        np.testing.assert_array_equal(boxes, found.box)
        for entry in stored:
            identities.setdefault(entry["instance_id"], set()).add((index, entry["track_id"]))
    assert all(len(who) == 1 for who in identities.values())
    for image in data["images"]:
        assert (folder / image["file_name"]).exists()
        assert (image["width"], image["height"]) == (48, 40)
    place = folder / data["videos"][0]["file_name"]
    assert _frames(place).shape == (5, 40, 48, 3)


def test_boxes_are_mot_challenge_folders(tmp_path: Path) -> None:
    folder = tmp_path / "mot"
    make_dataset(MakeRequest("tracks", boxes="mot", fps=12, **SMALL), folder)
    sample = tracks(1, length=5, size=(40, 48), seed=0, split="train")
    assert sample.tracks is not None
    rows = np.loadtxt(folder / "000002" / "gt" / "gt.txt", delimiter=",", ndmin=2)
    np.testing.assert_array_equal(rows[:, 0], sample.tracks.frame + 1)
    np.testing.assert_array_equal(rows[:, 1], sample.tracks.track)
    np.testing.assert_array_equal(rows[:, 2:4], sample.tracks.box[:, :2] + 1)
    np.testing.assert_array_equal(rows[:, 2:4] + rows[:, 4:6], sample.tracks.box[:, 2:] + 1)
    np.testing.assert_allclose(rows[:, 8], sample.tracks.visibility, atol=1e-4)
    info = configparser.ConfigParser()
    info.read(folder / "000002" / "seqinfo.ini")
    sequence = info["Sequence"]
    assert (sequence["seqLength"], sequence["imWidth"], sequence["frameRate"]) == ("5", "48", "12")
    names = sorted(path.name for path in (folder / "000002" / sequence["imDir"]).iterdir())
    assert names == [f"{number:06d}{sequence['imExt']}" for number in range(1, 6)]


@pytest.mark.parametrize("form", ["mp4", "webm", "gif", "npy", "frames"])
def test_any_format_that_is_written_can_be_read(tmp_path: Path, form: str) -> None:
    made = make_dataset(MakeRequest("motion", format=form, **SMALL), tmp_path / "out")
    assert _frames(made.open).shape == (5, 40, 48, 3)
    record = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert record["request"]["format"] == form


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    make = (
        "for name, form, boxes in (\n"
        "    ('moving-digits', None, 'coco-vid'), ('motion', 'frames', 'coco-vid'),\n"
        "    ('tracks', 'npy', 'coco-vid'), ('tracks', None, 'mot'), ('pan', None, 'coco-vid')\n"
        "):\n"
        "    request = MakeRequest(name, 2, 3, (24, 32), 7, 'test', format=form, boxes=boxes)\n"
        "    make_dataset(request, folder / f'{name}-{boxes}')\n"
    )
    imports = "import sys; from pathlib import Path; from seqimg.data.generators.making import *\n"
    program = f"{imports}folder = Path(sys.argv[1])\n{make}"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "there")], check=True)
    exec(make, {"MakeRequest": MakeRequest, "make_dataset": make_dataset, "folder": tmp_path / "us"})
    us = _digest(tmp_path / "us")
    assert us == _digest(tmp_path / "there")
    assert len(us) > 30


def test_the_record_is_enough_to_make_it_again(tmp_path: Path) -> None:
    request = MakeRequest("tracks", seed=5, split="test", options={"objects": "2"}, format="frames", **SMALL)
    make_dataset(request, tmp_path / "first")
    record = json.loads((tmp_path / "first" / "dataset.json").read_text())
    again = {**record["request"], "size": tuple(record["request"]["size"])}
    make_dataset(MakeRequest(**again), tmp_path / "second")
    assert _digest(tmp_path / "first") == _digest(tmp_path / "second")
    assert {"seqimg", "numpy", "pillow", "scikit-image"} <= set(record["versions"])


def test_nothing_is_replaced_but_data_sets_made_before(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    make_dataset(MakeRequest("pans", format="frames", **SMALL), folder)
    with pytest.raises(SeqimgError, match="exists already"):
        make_dataset(MakeRequest("pans", format="npy", **SMALL), folder)
    make_dataset(MakeRequest("pans", format="npy", **SMALL), folder, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["dataset.json", "sequences.npy"]
    other = tmp_path / "holiday"
    other.mkdir()
    (other / "dataset.json").write_text('{"made_by": "me"}')
    with pytest.raises(SeqimgError, match="no data set made by seqimg"):
        make_dataset(MakeRequest("pans", format="npy", **SMALL), other, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "holiday", "made"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count is 0"),
        ({"length": 0}, "length is 0"),
        ({"size": (4, 4)}, "frames of 4x4"),
        ({"split": "all"}, "no split 'all'"),
        ({"format": "docx"}, "cannot write sequences as docx"),
        ({"options": {"kind": "sideways"}}, "no motion 'sideways'"),
        ({"name": "tracks", "boxes": "mot", "format": "mp4"}, "cannot hold mp4"),
    ],
)
def test_a_wrong_request_leaves_nothing(tmp_path: Path, change: dict[str, object], message: str) -> None:
    request = {"name": "motion", "count": 1, "length": 2, "size": (16, 16)} | change
    with pytest.raises(UsageError, match=message) as caught:
        make_dataset(MakeRequest(**request), tmp_path / "out")  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) <= 3
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), SeqimgError("broken")])
def test_an_end_halfway_leaves_nothing(tmp_path: Path, reason: BaseException) -> None:
    def advance(_: int) -> None:
        raise reason

    with pytest.raises(type(reason)):
        make_dataset(MakeRequest("tracks", **SMALL), tmp_path / "out", advance=advance)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.mark.parametrize(("name", "free"), [("moving-digits", 25_000), ("motion", 2_000)])
def test_too_little_space_is_seen_before_most_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, free: int
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: USAGE(10**9, 10**9 - free, free))
    done = []
    with pytest.raises(SeqimgError, match="GB free"):
        make_dataset(MakeRequest(name, **SMALL), tmp_path / "out", advance=done.append)
    assert not done
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_full_disk_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqimg.data.generators.made_layouts.write_png", full)
    with pytest.raises(SeqimgError, match="cannot write") as caught:
        make_dataset(MakeRequest("tracks", boxes="mot", **SMALL), tmp_path / "out")
    assert "No space left" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_sequences_made_on_the_fly_are_those_on_disk(tmp_path: Path) -> None:
    make_dataset(MakeRequest("tracks", format="frames", options={"objects": "2"}, **SMALL), tmp_path / "out")
    made = make_sample(generator_of("tracks?objects=2"), 2, length=5, size=(40, 48), seed=0, split="train")
    np.testing.assert_array_equal(_frames(tmp_path / "out" / "frames" / "000003"), made.frames)


@pytest.mark.parametrize(
    ("name", "form", "boxes", "layout"),
    [
        ("moving-digits", None, "coco-vid", "moving-mnist"),
        ("motion", "frames", "coco-vid", "class-folders"),
        ("motion", None, "coco-vid", "class-folders"),
        ("tracks", "frames", "coco-vid", "coco-vid"),
        ("tracks", None, "coco-vid", "coco-vid"),
        ("tracks", None, "mot", "mot"),
        ("pan", None, "coco-vid", "frame-folders"),
        ("pans", None, "coco-vid", "videos"),
        ("pans", "npy", "coco-vid", "moving-mnist"),
    ],
)
def test_what_was_made_is_read_as_a_data_set(
    tmp_path: Path, name: str, form: str | None, boxes: str, layout: str
) -> None:
    count = 6 if name == "moving-digits" else 4  # as many as frames: its shape alone would not tell the axes
    request = MakeRequest(name, count, 6, (40, 48), format=form, boxes=boxes)  # type: ignore[arg-type]
    make_dataset(request, tmp_path / "out")
    found = layouts.read(str(tmp_path / "out"))
    assert found.layout == layout
    assert len(found.items) == count
    for index, item in enumerate(sorted(found.items, key=lambda item: Path(item.name).name)):
        sample = make_sample(generator_of(name), index, length=6, size=(40, 48), seed=0, split="train")
        if sample.label is not None:
            assert item.label is not None
            assert found.classes[item.label] == sample.label
        if sample.tracks is not None:
            assert item.boxes is not None
            assert found.classes == sample.tracks.categories
            np.testing.assert_array_equal(item.boxes.corners.numpy(), sample.tracks.box)
            np.testing.assert_array_equal(item.boxes.frames.numpy(), sample.tracks.frame)
            np.testing.assert_array_equal(item.boxes.labels.numpy(), sample.tracks.category)
            np.testing.assert_allclose(item.boxes.visible.numpy(), sample.tracks.visibility, atol=1e-4)
            np.testing.assert_array_equal(item.boxes.noisy.numpy(), sample.tracks.noise[sample.tracks.frame])
            assert (item.size or (40, 48)) == (40, 48)
