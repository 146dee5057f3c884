"""MOT challenge: a folder a sequence, with its frames and a text file of boxes.

```
root/
  MOT17-02/
    seqinfo.ini
    img1/000001.jpg
    gt/gt.txt
```

A row of `gt.txt` is frame, id, left, top, width, height, considered, class, visibility. A `gt/labels.txt` may name
the classes, one a line. `noiseFrames` in `seqinfo.ini` may number frames that show nothing but noise.
"""

import configparser
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqimg.data.boxes import Boxes
from seqimg.data.items import Item
from seqimg.data.layouts.base import Found, Layout, look, picture_places, read_text, within
from seqimg.data.layouts.framing import Edges
from seqimg.sequences.base import SequenceError

__all__ = ["MOT"]

_CLASSES = (
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
    found.classes = _classes(folders)
    edges = Edges()
    for folder in folders:
        try:
            item = _checked(_mot_item(folder, path), found.classes)
        except SequenceError as error:
            found.refuse(error)
        else:
            boxes = None if item.boxes is None else edges.cut(item.boxes, item.size)
            found.items.append(replace(item, boxes=boxes))
    edges.tell(found)


def _classes(folders: list[Path]) -> tuple[str, ...]:
    """Return the names of the classes, which all sequences must have in common: their boxes have numbers only."""
    known: dict[tuple[str, ...], Path] = {}
    for folder in folders:
        labels = folder / "gt" / "labels.txt"
        # As CVAT writes it; without it the numbers are those of the challenge.
        if (folder / "gt" / "gt.txt").is_file():
            known.setdefault(
                tuple(line.strip() for line in read_text(labels)) if labels.is_file() else _CLASSES, folder
            )
    if len(known) > 1:
        one, other = list(known.values())[:2]
        raise SequenceError(
            f"{one} and {other} have different classes",
            why="class numbers would mean one thing here and another there",
            hint="the same gt/labels.txt in all sequences",
        )
    return next(iter(known), _CLASSES)


def _mot_item(folder: Path, root: Path) -> Item:
    info = configparser.ConfigParser(interpolation=None)
    try:
        info.read(folder / "seqinfo.ini", encoding="utf-8")
        section = info["Sequence"] if info.has_section("Sequence") else {}
        frames = within(folder, section.get("imDir", "img1"))
        sides = [int(section[key]) for key in ("imHeight", "imWidth") if key in section]
        noise = {int(word) - 1 for word in section.get("noiseFrames", "").split()}
    except (configparser.Error, ValueError, UnicodeDecodeError) as error:
        raise SequenceError(
            f"cannot read {folder / 'seqinfo.ini'}", why=str(error).splitlines()[0]
        ) from error
    if not frames.is_dir():
        raise SequenceError(f"{frames} does not exist", why=f"{folder} should hold its frames there")
    truth = folder / "gt" / "gt.txt"
    boxes = _mot_boxes(truth, noise) if truth.is_file() else None
    if boxes is not None and len(boxes):
        count = len(picture_places(frames))
        last = int(boxes.frames.max())
        if last >= count:
            raise SequenceError(f"{truth} does not fit", why=f"it has boxes in frame {last + 1} of {count}")
    size = (sides[0], sides[1]) if len(sides) == 2 else None
    return Item(str(frames), name=folder.relative_to(root).as_posix(), boxes=boxes, size=size)


def _checked(item: Item, classes: tuple[str, ...]) -> Item:
    if item.boxes is not None and len(item.boxes) and int(item.boxes.labels.max()) >= len(classes):
        number = int(item.boxes.labels.max()) + 1
        raise SequenceError(f"the boxes of {item.path} do not fit", why=f"class {number} of {len(classes)}")
    return item


def _mot_boxes(path: Path, noise: set[int]) -> Boxes:
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
        # With ten numbers a row the last are places in the world, as in the challenge of 2015.
        [max(int(v[7]) - 1, 0) if len(v) in (8, 9) else 0 for v in rows],
        [v[8] if len(v) == 9 and 0 <= v[8] <= 1 else np.nan for v in rows],
        [int(v[0]) - 1 in noise for v in rows],
    )


MOT = Layout("mot", "MOT challenge: img1/, gt/gt.txt, seqinfo.ini", _detect_mot, _mot)
