"""What a detector can learn from, and what is said of data that it cannot."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqimg.data.generators.making import MakeRequest, make_dataset
from seqimg.errors import SeqimgError
from seqimg_detect.config import DetectConfig
from seqimg_detect.stills import WithStills
from seqimg_detect.task import DetectTask


def _made(folder: Path, boxes: str = "coco-vid", length: int = 8) -> Path:
    request = MakeRequest("tracks", count=4, length=length, size=(32, 32), format="frames", boxes=boxes)  # type: ignore[arg-type]
    return make_dataset(request, folder).folder


def _task(*data: Path, **values: object) -> DetectTask:
    given = {"data": tuple(map(str, data)), "crop": 0, "frames": 4, "grid": 8, **values}
    return DetectTask(DetectConfig(**given))  # type: ignore[arg-type]


def _annotations(folder: Path) -> tuple[Path, dict[str, list[dict[str, object]]]]:
    (file,) = [path for path in folder.rglob("*.json") if "annotations" in path.read_text()]
    return file, json.loads(file.read_text())


def _change(folder: Path, **tables: object) -> None:
    file, content = _annotations(folder)
    file.write_text(json.dumps(content | tables))


@pytest.mark.parametrize("boxes", ["coco-vid", "mot"])
def test_both_layouts_settle_classes_and_say_how_much_there_is(tmp_path: Path, boxes: str) -> None:
    task = _task(_made(tmp_path / "set", boxes))
    with task.datasets() as data:
        settled = task.settled(data)
        assert settled.labels() == ("disc", "square", "triangle", "cross")
        assert any("boxes of 4 classes" in line and "disc" in line for line in data.readings)
        clip = data.train[0]
        assert clip.boxes is not None
        assert len(clip.boxes)


def test_boxes_follow_frames_that_are_made_smaller(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set")
    with _task(folder).datasets("all") as full, _task(folder, size=16).datasets("all") as small:
        one, other = full.test[0], small.test[0]
    assert one.boxes is not None
    assert other.boxes is not None
    assert other.frames.shape[-2:] == (16, 16)
    assert np.allclose(other.boxes.corners.numpy() * 2, one.boxes.corners.numpy(), atol=1e-5)


def test_classes_of_other_data_are_matched_by_name(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set")
    turned = ("cross", "triangle", "square", "disc")
    with _task(folder).datasets("all") as one, _task(folder, classes=turned).datasets("all") as other:
        first, second = one.test[0].boxes, other.test[0].boxes
        assert other.classes == turned
    assert first is not None
    assert second is not None
    assert (3 - first.labels).tolist() == second.labels.tolist()


def test_a_class_that_the_model_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeqimgError, match="does not know") as caught:
        _task(_made(tmp_path / "set"), classes=("disk", "square", "triangle", "cross")).datasets()
    assert "'disc'" in caught.value.message
    assert "disk" in (caught.value.hint or "")


def test_sequences_without_boxes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.zeros((12, 16, 16, 3), np.uint8))
    with pytest.raises(SeqimgError, match="comes without boxes") as caught:
        _task(tmp_path / "plain.npy").datasets()
    assert "coco-vid" in (caught.value.hint or "")
    with pytest.raises(SeqimgError, match="comes without boxes"):
        DetectTask(DetectConfig(data=("demo:motion",), crop=32, frames=3)).datasets()


def test_empty_annotations_are_no_lesson(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set")
    _change(folder, annotations=[])
    with pytest.raises(SeqimgError, match="no box to learn from"):
        _task(folder).datasets()


def test_sequences_with_some_empty_frames_are_fine_and_rare_classes_are_said(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set")
    _, tables = _annotations(folder)
    _change(folder, annotations=[row for row in tables["annotations"] if row["category_id"] != 2])
    with _task(folder).datasets() as data:
        assert any("0 square" in line for line in data.readings)
        (said,) = (line for line in data.readings if "hardly anything to learn from" in line)
        assert "square" in said


def test_clips_longer_than_the_sequences_are_refused_or_filled_up(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set", length=3)
    with pytest.raises(SeqimgError, match="a clip needs 4"):
        _task(folder).datasets()
    task = _task(folder, short="pad")
    with task.datasets() as data:
        assert data.train[0].length == 3


def test_single_frames_are_clips_of_one(tmp_path: Path) -> None:
    with _task(_made(tmp_path / "set", length=1), frames=1).datasets() as data:
        assert len(data.train[0].frames) == 1


def test_clips_of_stills_are_frames_from_anywhere_with_their_boxes(tmp_path: Path) -> None:
    task = _task(_made(tmp_path / "set"), stills=1.0)
    with task.datasets() as data:
        clip, again = data.train[3], data.train[3]
        assert isinstance(data.train, WithStills)
        moving = data.train.clips[3]
        singles = [data.train.stills[number] for number in range(len(data.train.stills))]
    assert clip.frames.shape == moving.frames.shape
    assert np.array_equal(clip.frames, again.frames)
    assert clip.boxes is not None
    for number, frame in enumerate(clip.frames):
        (still,) = [single for single in singles if np.array_equal(single.frames[0], frame)][:1]
        assert still.boxes is not None
        here = clip.boxes.in_frame(number)
        assert np.array_equal(here.corners, still.boxes.corners)
        assert np.array_equal(here.labels, still.boxes.labels)
    tracks = [set(clip.boxes.in_frame(number).ids.tolist()) for number in range(4)]
    assert not any(one & other for one in tracks for other in tracks if one is not other)


def test_training_begins_with_stills_and_goes_on_with_clips(tmp_path: Path) -> None:
    task = _task(_made(tmp_path / "set"), stills=0.5, steps=10, batch_size=4)
    with task.datasets() as data:
        assert isinstance(data.train, WithStills)
        pairs = [(data.train[number], data.train.clips[number]) for number in range(40)]
        settled = task.settled(data)
    kept = [np.array_equal(one.frames, other.frames) for one, other in pairs]
    assert all(kept[20:])
    assert not any(kept[:20])
    assert settled.config.groups == DetectConfig().groups


def _with(row: dict[str, object], **values: object) -> dict[str, object]:
    return {**row, **values}


def test_what_belongs_to_nothing_is_not_passed_over(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set")
    _, content = _annotations(folder)
    boxes, images = content["annotations"], content["images"]
    _change(folder, annotations=[_with(boxes[0], image_id=9999), _with(boxes[1], image_id=9999), *boxes[2:]])
    with pytest.raises(SeqimgError, match=r"2 annotations of .* belong to no image"):
        _task(folder).datasets()
    with _task(folder, on_error="skip").datasets() as data:
        assert len(data.train)
    _change(folder, annotations=boxes, images=[_with(images[0], video_id=77), *images[1:]])
    with pytest.raises(SeqimgError, match=r"an image of .* belongs to no video"):
        _task(folder).datasets()


@pytest.mark.parametrize(
    ("table", "values", "told"),
    [
        ("categories", {"name": "disc"}, "two categories of .* are called 'disc'"),
        ("categories", {"id": 1}, "two categories of .* have the id 1"),
        ("images", {"frame_id": 0}, "two images of the video .* are its frame 0"),
        ("images", {"id": 1}, "two images of .* have the id 1"),
    ],
)
def test_two_of_one_name_or_number_are_refused(
    tmp_path: Path, table: str, values: dict[str, object], told: str
) -> None:
    folder = _made(tmp_path / "set")
    _, content = _annotations(folder)
    first, second, *rest = content[table]
    if "frame_id" in values:  # a folder's frames go by the names of their files
        values = {**values, "file_name": first["file_name"]}
    _change(folder, **{table: [first, _with(second, **values), *rest]})
    with pytest.raises(SeqimgError, match=told):
        _task(folder).datasets()


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set")
    _, content = _annotations(folder)
    for row in content["annotations"]:
        del row["bbox"]
    _change(folder, annotations=content["annotations"])
    with pytest.raises(SeqimgError) as raised:
        _task(folder).datasets()
    assert raised.value.why == "a row has no 'bbox'"


def test_boxes_of_crowds_are_read_and_not_counted(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set")
    _, content = _annotations(folder)
    with _task(folder).datasets() as data:
        told = next(line for line in data.readings if " boxes of " in line)
    for row in content["annotations"]:
        row["iscrowd"] = 1 if row["category_id"] == 2 else 0
    _change(folder, annotations=content["annotations"])
    with _task(folder).datasets() as data:
        assert any(" 0 square" in line for line in data.readings if " boxes of " in line)
        assert told not in data.readings
        clips = [data.train[number].boxes for number in range(len(data.train))]
        for boxes in clips:
            assert boxes is not None
            assert boxes.crowds.tolist() == (boxes.labels == 1).tolist()


def test_places_in_the_world_are_no_classes_in_mot_files(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set", "mot")
    for truth in folder.rglob("gt.txt"):
        rows = [line.split(",")[:7] for line in truth.read_text().splitlines()]
        truth.write_text("\n".join(",".join([*row, "2.5", "3.5", "-1"]) for row in rows) + "\n")
    with _task(folder).datasets() as data:
        found = [data.train[number].boxes for number in range(len(data.train))]
    assert all(boxes is not None and not boxes.labels.any() for boxes in found)


def test_sequences_that_name_their_classes_differently_do_not_go_together(tmp_path: Path) -> None:
    folder = _made(tmp_path / "set", "mot")
    labels = sorted(folder.rglob("labels.txt"))
    labels[-1].write_text("square\ndisc\ntriangle\ncross\n")
    with pytest.raises(SeqimgError, match="have different classes"):
        _task(folder).datasets()
