"""COCO-VID: one JSON names the videos, their images and the boxes in them.

```
root/
  annotations/train.json
  train/snake/000000.jpg
```

The JSON has `videos`, `images` (`video_id`, `frame_id`, `file_name`, `width`, `height`), `annotations` (`image_id`,
`bbox`, `category_id`, `instance_id`) and `categories`. All images of a video may also name one video file, whose
frames they are by `frame_id`.

An annotation's `visibility` (0 to 1), or else its `occluded` (true counts as 0, false as 1), becomes the share of the
thing that can be seen; an image with a true `noise` shows nothing but noise. Boxes with a true `iscrowd` are around
crowds that nobody counted.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.data.boxes import Boxes
from seqimg.data.generators.record import entrance
from seqimg.data.items import Item
from seqimg.data.layouts.base import Found, Layout, part_of, picture_places, within
from seqimg.data.layouts.framing import Edges
from seqimg.data.layouts.lists import find_base
from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.pictures.numbering import natural_key

__all__ = ["COCO_VID"]

_MAX_JSON = 2**31
_DAMAGE = (KeyError, TypeError, ValueError, OverflowError)


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


def _file_of(path: Path) -> Path:
    """Return the JSON file in a folder that was named instead of it: that of a data set made here, or the only one."""
    path = Path(entrance(str(path)))
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.json"))
    if len(files) != 1:
        raise SequenceError(
            f"{path} is a folder with {len(files)} JSON files",
            why="the file with the boxes is what this layout begins with",
            hint=f"--data {files[0]}" if files else None,
        )
    return files[0]


def _coco(path: Path, found: Found) -> None:
    path = _file_of(path)
    try:
        _coco_items(path, _load(path), found)
    except _DAMAGE as error:
        raise SequenceError(f"{path} is damaged", why=_reason(error)) from error


def _coco_items(path: Path, tables: dict[str, list[dict[str, Any]]], found: Found) -> None:
    categories = sorted(tables["categories"], key=lambda row: int(row["id"]))
    found.classes = tuple(str(row["name"]) for row in categories)
    numbers = {row["id"]: place for place, row in enumerate(categories)}
    _check_ids(path, tables)
    if twice := [name for name, count in Counter(found.classes).items() if count > 1]:
        raise SequenceError(
            f"two categories of {path} are called {twice[0]!r}", why="classes go by their names"
        )
    images, boxes = defaultdict(list), defaultdict(list)
    for row in tables["images"]:
        images[row["video_id"]].append(row)
    for row in tables["annotations"]:
        boxes[row["image_id"]].append(row)
    _check_belonging(path, found, "image", images, {row["id"] for row in tables["videos"]}, "video")
    _check_belonging(path, found, "annotation", boxes, {row["id"] for row in tables["images"]}, "image")
    names = (str(row["file_name"]) for row in tables["images"])
    base, edges = _coco_base(path, names), Edges()
    for video in sorted(tables["videos"], key=lambda row: natural_key(str(row["name"]))):
        frames = sorted(images[video["id"]], key=lambda row: int(row.get("frame_id", 0)))
        try:
            item = _coco_item(path, base, video, frames, boxes, numbers)
        except SequenceError as error:
            found.refuse(error)
        except _DAMAGE as error:
            found.refuse(SequenceError(f"the video {video['name']} in {path} is damaged", why=_reason(error)))
        else:
            found.items.append(replace(item, boxes=edges.cut(item.boxes or Boxes.of([], []), item.size)))
    edges.tell(found)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a row has no {str(error)[:80]}"
    return str(error)[:80] if type(error) is ValueError else f"{type(error).__name__}: {str(error)[:80]}"


def _check_ids(path: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Refuse two rows of one number: what belongs to it would belong to both."""
    for name in ("videos", "images", "categories"):
        twice = next(
            (number for number, count in Counter(row["id"] for row in tables[name]).items() if count > 1),
            None,
        )
        if twice is not None:
            raise SequenceError(f"two {name} of {path} have the id {twice}", why="each needs one of its own")


def _check_belonging(
    path: Path, found: Found, what: str, rows: Mapping[Any, list[Any]], known: set[Any], owner: str
) -> None:
    """Refuse rows that belong to nothing: nobody would miss them."""
    lost = [number for number in rows if number not in known]
    if lost:
        count = sum(len(rows[number]) for number in lost)
        several = f"{count:,} {what}s of {path} belong" if count > 1 else f"an {what} of {path} belongs"
        found.refuse(SequenceError(f"{several} to no {owner}", why=f"there is no {owner} of id {lost[0]}"))


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
    if len(set(where)) < len(where):
        place = next(place for place, count in Counter(where).items() if count > 1)
        raise SequenceError(f"two images of the video {name} in {path} are its frame {place}")
    rows = [(place, row, box) for place, row in zip(where, frames, strict=True) for box in boxes[row["id"]]]
    unknown = next((box for *_, box in rows if box["category_id"] not in numbers), None)
    if unknown is not None:
        raise SequenceError(
            f"the boxes of {name} in {path} do not fit",
            why=f"category {unknown['category_id']} is none of {', '.join(map(str, list(numbers)[:8])) or 'none'}",
        )
    found = Boxes.of(
        [_corners(box["bbox"]) for *_, box in rows],
        [place for place, *_ in rows],
        [int(box.get("instance_id", box.get("track_id", -1))) for *_, box in rows],
        [numbers[box["category_id"]] for *_, box in rows],
        [_visible(box) for *_, box in rows],
        [bool(image.get("noise", False)) for _, image, _ in rows],
        [bool(box.get("iscrowd", False)) for *_, box in rows],
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
    places = picture_places(files[0].parent)
    missing = next((file for file in files if file.name not in places), None)
    if missing is not None:
        raise SequenceError(f"{missing} does not exist", why=f"{path} lists it")
    return files[0].parent, [places[file.name] for file in files]


def _corners(box: list[float]) -> tuple[float, float, float, float]:
    left, top, width, height = map(float, box)
    if not (np.isfinite([left, top, width, height]).all() and width > 0 and height > 0):
        raise ValueError(f"a box {box} has no area")
    return left, top, left + width, top + height


def _visible(box: dict[str, Any]) -> float:
    """Return which share of a thing can be seen, NaN if nobody says."""
    if box.get("visibility") is None:
        return float("nan") if box.get("occluded") is None else float(not box["occluded"])
    share = float(box["visibility"])
    if not 0 <= share <= 1:
        raise ValueError(f"a visibility of {share} is not from 0 to 1")
    return share


COCO_VID = Layout("coco-vid", "COCO-VID JSON: videos, images, boxes with tracks", _detect_coco, _coco)
