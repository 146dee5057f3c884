"""Data sets with boxes: COCO-VID and MOT challenge.

```
coco-vid                                        mot
root/                                           root/
  annotations/train.json                          MOT17-02/
  train/snake/000000.jpg                            seqinfo.ini
                                                    img1/000001.jpg
train.json: videos, images (video_id, frame_id,     gt/gt.txt
file_name, width, height), annotations (image_id,
bbox, category_id, instance_id), categories       gt.txt: frame, id, left, top, width, height,
                                                          considered, class, visibility
```

All images of a video may also name one video file, whose frames they are by `frame_id`; and a `gt/labels.txt`
may name the classes of MOT folders, one a line.
"""

import configparser
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.data.boxes import Boxes
from seqimg.data.items import Item
from seqimg.data.layouts.base import Found, Layout, look, part_of, read_text, within
from seqimg.data.layouts.lists import find_base
from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.numbering import natural_key, number

__all__ = ["COCO_VID", "MOT"]

_MAX_JSON = 2**31
_MOT_CLASSES = (
    "pedestrian",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non-motorised vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
    "crowd",
)


def _detect_coco(path: Path) -> str | None:
    return "a JSON file" if path.is_file() and path.suffix.lower() == ".json" else None


def _load(path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        if path.stat().st_size > _MAX_JSON:
            raise SequenceError(f"cannot read {path}", why=f"it has more than {_MAX_JSON:,} bytes")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    except (ValueError, RecursionError) as error:
        raise SequenceError(f"cannot read {path}", why=f"it is no JSON: {str(error)[:80]}") from error
    tables = ("videos", "images", "annotations", "categories")
    fits = isinstance(content, dict) and all(
        isinstance(content.get(name), list) and all(isinstance(row, dict) for row in content[name])
        for name in tables
    )
    if not fits:
        raise SequenceError(f"{path} is no COCO-VID file", why=f"it needs lists of {', '.join(tables)}")
    return {name: content[name] for name in tables}


def _coco(path: Path, found: Found) -> None:
    try:
        _coco_items(path, _load(path), found)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SequenceError(f"{path} is damaged", why=f"{type(error).__name__}: {str(error)[:80]}") from error


def _coco_items(path: Path, tables: dict[str, list[dict[str, Any]]], found: Found) -> None:
    categories = sorted(tables["categories"], key=lambda row: int(row["id"]))
    found.classes = tuple(str(row["name"]) for row in categories)
    numbers = {row["id"]: place for place, row in enumerate(categories)}
    images, boxes = defaultdict(list), defaultdict(list)
    for row in tables["images"]:
        images[row["video_id"]].append(row)
    for row in tables["annotations"]:
        boxes[row["image_id"]].append(row)
    names = (str(row["file_name"]) for row in tables["images"])
    base = _coco_base(path, names)
    for video in sorted(tables["videos"], key=lambda row: natural_key(str(row["name"]))):
        frames = sorted(images[video["id"]], key=lambda row: int(row.get("frame_id", 0)))
        try:
            found.items.append(_coco_item(path, base, video, frames, boxes, numbers))
        except SequenceError as error:
            found.refuse(error)


def _coco_base(path: Path, names: Iterator[str]) -> Path:
    """Return the folder that file names are relative to: near the JSON, or near the folder it is in."""
    known = [name for name, _ in zip(names, range(20), strict=False) if ".." not in name and "\0" not in name]
    bases = [find_base(folder, known) for folder in (path.parent, path.parent.parent)]
    hits = [sum((base / name).exists() for name in known) for base in bases]
    return bases[hits.index(max(hits))]


def _coco_item(
    path: Path,
    base: Path,
    video: dict[str, Any],
    frames: list[dict[str, Any]],
    boxes: dict[Any, list[dict[str, Any]]],
    numbers: dict[Any, int],
) -> Item:
    name = str(video["name"])
    if not frames:
        raise SequenceError(f"the video {name} in {path} has no images")
    files = [within(base, str(row["file_name"])) for row in frames]
    sizes = {(int(row["height"]), int(row["width"])) for row in frames}
    if len({file if _is_video(file) else file.parent for file in files}) > 1 or len(sizes) > 1:
        raise SequenceError(
            f"the video {name} in {path} is no sequence", why="its images differ in folder or size"
        )
    source, where = _coco_source(path, files, frames)
    rows = [(place, box) for place, row in zip(where, frames, strict=True) for box in boxes[row["id"]]]
    found = Boxes.of(
        [_corners(box["bbox"]) for _, box in rows],
        [place for place, _ in rows],
        [int(box.get("instance_id", box.get("track_id", -1))) for _, box in rows],
        [numbers[box["category_id"]] for _, box in rows],
    )
    return Item(
        str(source),
        name=name,
        split=part_of(path.name) or part_of(path.stem),
        boxes=found,
        places=tuple(where),
        size=sizes.pop(),
    )


def _is_video(file: Path) -> bool:
    return file.suffix.lower() not in IMAGE_SUFFIXES


def _coco_source(path: Path, files: list[Path], frames: list[dict[str, Any]]) -> tuple[Path, list[int]]:
    """Return the folder of the images, or the video that all are frames of, and their places in it."""
    if _is_video(files[0]) and files[0].is_file():
        return files[0], [int(row["frame_id"]) for row in frames]
    places = _places(files[0].parent)
    missing = next((file for file in files if file.name not in places), None)
    if missing is not None:
        raise SequenceError(f"{missing} does not exist", why=f"{path} lists it")
    return files[0].parent, [places[file.name] for file in files]


def _corners(box: list[float]) -> tuple[float, float, float, float]:
    left, top, width, height = map(float, box)
    if not (np.isfinite([left, top, width, height]).all() and width > 0 and height > 0):
        raise ValueError(f"a box {box} has no area")
    return left, top, left + width, top + height


def _places(folder: Path) -> dict[str, int]:
    """Return the place that each picture of a folder has in the sequence it is."""
    if not folder.is_dir():
        return {}
    names = sorted(
        (
            file.name
            for file in folder.iterdir()
            if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != "."
        ),
        key=natural_key,
    )
    numbering = number([Path(name).stem for name in names])
    return dict(zip(names, range(len(names)) if numbering is None else numbering.places, strict=True))


def _mot_sequences(path: Path) -> list[Path]:
    if (path / "gt" / "gt.txt").is_file():
        return [path]
    inside = [path / name for name in look(path).folders]
    return [
        folder
        for folder in inside
        if (folder / "gt" / "gt.txt").is_file() or (folder / "seqinfo.ini").is_file()
    ]


def _detect_mot(path: Path) -> str | None:
    if not path.is_dir():
        return None
    return "gt/gt.txt" if _mot_sequences(path) else None


def _mot(path: Path, found: Found) -> None:
    folders = _mot_sequences(path) if path.is_dir() else []
    if not folders:
        return
    labels = folders[0] / "gt" / "labels.txt"
    # As CVAT writes it; without it the numbers are those of the challenge.
    found.classes = tuple(read_text(labels)) if labels.is_file() else _MOT_CLASSES
    for folder in folders:
        try:
            found.items.append(_mot_item(folder, path))
        except SequenceError as error:
            found.refuse(error)


def _mot_item(folder: Path, root: Path) -> Item:
    info = configparser.ConfigParser(interpolation=None)
    try:
        info.read(folder / "seqinfo.ini", encoding="utf-8")
        section = info["Sequence"] if info.has_section("Sequence") else {}
        frames = within(folder, section.get("imDir", "img1"))
        sides = [int(section[key]) for key in ("imHeight", "imWidth") if key in section]
    except (configparser.Error, ValueError, UnicodeDecodeError) as error:
        raise SequenceError(
            f"cannot read {folder / 'seqinfo.ini'}", why=str(error).splitlines()[0]
        ) from error
    if not frames.is_dir():
        raise SequenceError(f"{frames} does not exist", why=f"{folder} should hold its frames there")
    truth = folder / "gt" / "gt.txt"
    boxes = _mot_boxes(truth) if truth.is_file() else None
    if boxes is not None and len(boxes):
        count = len(_places(frames))
        last = int(boxes.frames.max())
        if last >= count:
            raise SequenceError(f"{truth} does not fit", why=f"it has boxes in frame {last + 1} of {count}")
    size = (sides[0], sides[1]) if len(sides) == 2 else None
    return Item(str(frames), name=folder.relative_to(root).as_posix(), boxes=boxes, size=size)


def _mot_boxes(path: Path) -> Boxes:
    """Read `gt.txt`; rows whose seventh number is 0 are not to be considered, and are left out."""
    rows = []
    for number_, line in enumerate(read_text(path), start=1):
        try:
            values = [float(word) for word in line.replace(",", " ").split()]
            if len(values) < 6 or not np.isfinite(values).all() or values[0] < 1 or min(values[4:6]) <= 0:
                raise ValueError("it needs a frame from 1, an id, left, top, width and height")
        except ValueError as error:
            raise SequenceError(f"cannot read line {number_} of {path}", why=str(error)) from error
        if len(values) < 7 or values[6] != 0:
            rows.append(values)
    return Boxes.of(
        # Their first pixel is 1, ours begins at 0.
        [(v[2] - 1, v[3] - 1, v[2] - 1 + v[4], v[3] - 1 + v[5]) for v in rows],
        [int(v[0]) - 1 for v in rows],
        [int(v[1]) for v in rows],
        [max(int(v[7]) - 1, 0) if len(v) > 7 else 0 for v in rows],
    )


COCO_VID = Layout("coco-vid", "COCO-VID JSON: videos, images, boxes with tracks", _detect_coco, _coco)
MOT = Layout("mot", "MOT challenge: img1/, gt/gt.txt, seqinfo.ini", _detect_mot, _mot)
