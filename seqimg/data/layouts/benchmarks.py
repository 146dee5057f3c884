"""Data sets with files of their own that say what belongs where: Kinetics, UCF101, HMDB51."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from seqimg.data.generators.generator import Split
from seqimg.data.items import Item
from seqimg.data.layouts.base import Found, Layout, labelled, look, named_item, part_of, read_text, within
from seqimg.data.layouts.lists import find_base, numbered_classes
from seqimg.errors import UsageError
from seqimg.sequences.base import SequenceError

__all__ = ["HMDB51", "KINETICS", "UCF101"]

_FOLDS = ("1", "2", "3")
_DEPTH = 3
_HMDB_PARTS: dict[str, Split | None] = {"1": "train", "2": "test", "0": None}


def _fold(found: Found) -> str:
    fold = found.option or "1"
    if fold not in _FOLDS:
        raise UsageError(f"there is no split {fold!r}", why=f"splits: {', '.join(_FOLDS)}")
    found.detail = f"split {fold} of 3"
    return fold


def _detect_kinetics(path: Path) -> str | None:
    if path.suffix.lower() != ".csv" or not path.is_file():
        return None
    head = next(iter(read_text(path)), "")
    return "a CSV with youtube_id" if "youtube_id" in head else None


def _stems(folder: Path, depth: int = _DEPTH) -> Iterator[tuple[str, Path]]:
    inside = look(folder)
    for name in inside.sequences:
        yield Path(name).stem, folder / name
    if depth:
        for name in inside.folders:
            yield from _stems(folder / name, depth - 1)


def _kinetics(path: Path, found: Found) -> None:
    videos = dict(_stems(path.parent))
    pairs: list[tuple[Item, str | None]] = []
    for number, row in enumerate(csv.DictReader(read_text(path)), start=2):
        try:
            pairs.append((_kinetics_item(path, row, videos), row.get("label") or None))
        except SequenceError as error:
            found.refuse(error)
        except (TypeError, ValueError, OverflowError) as error:
            found.refuse(SequenceError(f"cannot read line {number} of {path}", why=str(error)))
    found.items, found.classes = labelled(pairs)


def _kinetics_item(path: Path, row: dict[str, str], videos: dict[str, Path]) -> Item:
    clip = row["youtube_id"]
    start, end = (round(float(row.get(name) or 0)) for name in ("time_start", "time_end"))
    split = part_of((row.get("split") or "").strip()) or part_of(path.name)
    cut = videos.get(f"{clip}_{start:06d}_{end:06d}")
    if cut is not None:
        return named_item(cut, path.parent, split)
    whole = videos.get(clip)
    if whole is None:
        raise SequenceError(
            f"the video {clip} is missing",
            why=f"{path} lists it, and {clip}_{start:06d}_{end:06d}.mp4 or {clip}.mp4 is not below {path.parent}",
        )
    item = named_item(whole, path.parent, split)
    return replace(item, seconds=(float(start), float(end))) if end > start else item


def _ucf_lists(path: Path) -> Path | None:
    """Return the folder that holds the lists of UCF101: the path or one in it."""
    folders = [path, *(path / name for name in look(path).folders)] if path.is_dir() else []
    return next((folder for folder in folders if (folder / "classInd.txt").is_file()), None)


def _hmdb_lists(path: Path) -> Path | None:
    """Return the folder that holds the lists of HMDB51: the path or one in it that is called after them."""
    if not path.is_dir():
        return None
    named = [path / name for name in look(path).folders if re.search("split|anno|list", name.lower())]
    lists = (folder for folder in (path, *named))
    return next((f for f in lists if any(n.endswith("_test_split1.txt") for n in look(f).others)), None)


def _detect_ucf(path: Path) -> str | None:
    return "classInd.txt" if _ucf_lists(path) else None


def _ucf(path: Path, found: Found) -> None:
    fold, lists = _fold(found), _ucf_lists(path)
    if lists is None:
        raise SequenceError(f"{path} has no classInd.txt", hint="--layout class-folders")
    found.classes = numbered_classes(read_text(lists / "classInd.txt"))
    numbers = {name: number for number, name in enumerate(found.classes)}
    parts: tuple[tuple[Split, str], ...] = (("train", "trainlist"), ("test", "testlist"))
    named = [
        (line.split()[0], part) for part, stem in parts for line in read_text(lists / f"{stem}0{fold}.txt")
    ]
    base = find_base(path, (name for name, _ in named))
    for name, part in named:
        try:
            place = within(base, name)
            if not place.exists():
                raise SequenceError(f"{place} does not exist", why=f"{lists} lists it")
            if place.parent.name not in numbers:
                raise SequenceError(
                    f"{place} is of no known class", why=f"{lists / 'classInd.txt'} has it not"
                )
        except SequenceError as error:
            found.refuse(error)
            continue
        found.items.append(replace(named_item(place, base, part), label=numbers[place.parent.name]))


def _detect_hmdb(path: Path) -> str | None:
    return "files *_test_split1.txt" if _hmdb_lists(path) else None


def _hmdb(path: Path, found: Found) -> None:
    fold, lists = _fold(found), _hmdb_lists(path)
    ending = f"_test_split{fold}.txt"
    files = [] if lists is None else [name for name in look(lists).others if name.endswith(ending)]
    if lists is None or not files:
        raise SequenceError(f"{path} has no files *{ending}", hint="--layout class-folders")
    base = find_base(path, (name.removesuffix(ending) for name in files))
    pairs: list[tuple[Item, str | None]] = []
    for file in files:
        name = file.removesuffix(ending)
        for line in read_text(lists / file):
            try:
                item = _hmdb_item(base, name, line)
            except SequenceError as error:
                found.refuse(error)
                continue
            if item is not None:
                pairs.append((item, name))
    found.items, found.classes = labelled(pairs)


def _hmdb_item(base: Path, action: str, line: str) -> Item | None:
    video, _, number = line.strip().rpartition(" ")
    if number not in _HMDB_PARTS:
        raise SequenceError(f"cannot read the line {line.strip()[:80]!r}", why="it should end in 0, 1 or 2")
    split = _HMDB_PARTS[number]
    if split is None:
        return None
    place = within(base, f"{action}/{video.strip()}")
    if not place.exists():
        raise SequenceError(f"{place} does not exist", why="the split lists it")
    return named_item(place, base, split)


KINETICS = Layout(
    "kinetics", "Kinetics CSV: label, youtube_id, time_start, time_end, split", _detect_kinetics, _kinetics
)
UCF101 = Layout("ucf101", "UCF101 with its splits; ucf101:2 for the second", _detect_ucf, _ucf)
HMDB51 = Layout("hmdb51", "HMDB51 with its splits; hmdb51:2 for the second", _detect_hmdb, _hmdb)
