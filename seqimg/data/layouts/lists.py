"""Data sets that a text file lists: mmaction, Kinetics, UCF101, HMDB51.

```
list (videos)              list (frame folders)        kinetics
train.txt:                 train.txt:                  train.csv:
  run/my clip 1.mp4 0        run/a 120 0                 label,youtube_id,time_start,time_end,split
  walk/b.mp4 1               walk/b 30 95 1              run,abc,10,20,train
                             (first frame, frames)     (abc_000010_000020.mp4 or abc.mp4 below it)

ucf101                                     hmdb51
root/                                      root/
  ucfTrainTestlist/                          splits/
    classInd.txt                               run_test_split1.txt:
    trainlist01.txt, testlist01.txt              a.avi 1
  UCF-101/Archery/v_Archery_g01_c01.avi      run/a.avi
```
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from seqimg.data.items import Item
from seqimg.data.layouts.base import (
    Found,
    Layout,
    labelled,
    look,
    named_item,
    part_of,
    read_text,
    sequence_suffixes,
    within,
)
from seqimg.errors import UsageError
from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.pictures.numbering import natural_key

__all__ = ["LIST", "Line", "find_base", "parse_line"]

_ENDINGS = (".txt", ".csv", ".tsv", ".list")
_SEVERAL = re.compile(r"\d+(\|\d+)+|-")


@dataclass(frozen=True)
class Line:
    """A line of a list.

    Attributes:
        name: The sequence.
        label: Its class: a number, or a name; all its classes where several were given; None if there is none.
        frames: The frames that belong to it; None for all.
    """

    name: str
    label: str | tuple[str, ...] | None
    frames: range | None = None


def parse_line(line: str, base: Path | None = None) -> Line:
    r"""Read one line: `path label`, `dir frames label` or `dir first frames label`.

    The path may hold blanks. What stands behind it is told from the right: a label behind the name of
    a file, numbers behind that of a folder; a folder there is under `base` wins over one there is not. Several
    classes are joined by `|`, none of them is `-`.

    Raises:
        SequenceError: The line is none of these.

    Example:
        >>> parse_line("a b/my clip.mp4 3")
        Line(name='a b/my clip.mp4', label='3', frames=None)
        >>> parse_line("a.mp4 run|jump").label, parse_line("a.mp4 -").label, parse_line("x 9 0|3").label
        (('run', 'jump'), (), ('0', '3'))
        >>> parse_line("a.mp4\trun\tjump").label
        ('run', 'jump')
        >>> parse_line("run/x 120 4").frames, parse_line("run/x\t10\t120\t4").frames
        (range(0, 120), range(10, 130))
    """
    endings = sequence_suffixes()
    split = line.strip().split("\t" if "\t" in line else None)
    if line.strip().lower().endswith(endings):
        return Line(line.strip(), None)
    joiner = "\t" if "\t" in line else " "

    def name_of(count: int) -> str:
        return line.strip().rsplit("\t" if joiner == "\t" else None, count)[0].strip()

    if joiner == "\t" and len(split) > 2 and split[0].lower().endswith(endings):
        return Line(split[0].strip(), tuple(name.strip() for name in split[1:] if name.strip()))
    if len(split) >= 2 and name_of(1).lower().endswith(endings):
        return Line(name_of(1), _classes(split[-1]))
    numbers = 0
    several = bool(split and _SEVERAL.fullmatch(split[-1]))
    while numbers < min(3, len(split) - 1) and (
        split[-1 - numbers].lstrip("-").isdigit() or (numbers == 0 and several)
    ):
        numbers += 1
    fitting = [count for count in (2, 3) if count <= numbers]
    if base is not None and len(fitting) > 1:
        fitting = [count for count in fitting if (base / name_of(count)).is_dir()] or fitting
    if not fitting:
        raise SequenceError(
            f"cannot read the line {line.strip()[:80]!r}",
            why="a list has `path label`, `folder frames label` or `folder first frames label` in each line",
        )
    *words, last = split[-fitting[-1] :]
    values = [*map(int, words), 0 if several else int(last)]
    first = values[0] if len(values) == 3 else 0
    if first < 0 or values[-2] < 1:
        raise SequenceError(
            f"cannot read the line {line.strip()[:80]!r}", why=f"{values[-2]} frames from {first} are none"
        )
    label = _classes(last if several else str(max(values[-1], -1)))
    return Line(name_of(fitting[-1]), label, range(first, first + values[-2]))


def _classes(word: str) -> str | tuple[str, ...] | None:
    """Return the class that a word names, or the classes: `-1` is not known, `-` none of them."""
    if word == "-":
        return ()
    if "|" in word:
        return tuple(name for name in word.split("|") if name)
    return None if word == "-1" else word


def find_base(folder: Path, names: Iterable[str]) -> Path:
    """Return the folder that names are relative to: a list's own, one in it, or the one above.

    Example:
        >>> (Path(tmp) / "videos" / "run").mkdir(parents=True)
        >>> find_base(Path(tmp), ["run"]).name
        'videos'
    """
    wanted = [name for name, _ in zip(names, range(20), strict=False)]
    inside = [folder / name for name in look(folder).folders]
    bases = [folder, *inside, *(base / name for base in inside for name in look(base).folders), folder.parent]
    hits = [sum((base / name).exists() for name in wanted) for base in bases]
    return bases[hits.index(max(hits))]


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines; those of a CSV with tabs in place of its commas."""
    lines = read_text(path)
    if path.suffix.lower() == ".csv" and any("," in line for line in lines[:1]):
        for row in csv.reader(lines):
            yield "\t".join(cell.strip() for cell in row)
    else:
        yield from lines


def _detect_list(path: Path) -> str | None:
    if not path.is_file() or path.suffix.lower() not in _ENDINGS:
        return None
    first = next(iter(_lines(path)), "")
    if "youtube_id" in first or first.lower().endswith(IMAGE_SUFFIXES):
        return None
    return f"a list, {path.suffix.lower()}"


def _read_list(path: Path, found: Found) -> None:
    lines = list(_lines(path))
    if lines and lines[0].split("\t")[0].lower() in ("path", "video", "file", "filename", "name"):
        lines = lines[1:]
    rough = [parse_line(line).name for line in lines[:20] if _parses(line)]
    base = find_base(path.parent, rough)
    pairs: list[tuple[Item, str | tuple[str, ...] | None]] = []
    for line in lines:
        try:
            entry = parse_line(line, base)
            place = Path(entry.name) if Path(entry.name).is_absolute() else within(base, entry.name)
            if not place.exists():
                raise SequenceError(f"{place} does not exist", why=f"{path} lists it")
        except SequenceError as error:
            found.refuse(error)
            continue
        item = named_item(place, base, part_of(path.name))
        pairs.append((replace(item, places=entry.frames), entry.label))
    found.items, found.classes = labelled(pairs)
    if all(name.isdigit() for name in found.classes):  # numbers are labels already, and some may be absent
        found.items = [replace(item, label=_number(name)) for item, name in pairs]
        top = max((int(name) for name in found.classes), default=-1)
        found.classes = tuple(map(str, range(_sensible(top, path) + 1)))


def _number(name: str | tuple[str, ...] | None) -> int | tuple[int, ...] | None:
    if isinstance(name, tuple):
        return tuple(sorted(set(map(int, name))))
    return None if name is None else int(name)


def _parses(line: str) -> bool:
    try:
        parse_line(line)
    except SequenceError:
        return False
    return True


def _sensible(label: int, path: Path) -> int:
    if label >= 1_000_000:
        raise UsageError(f"{path} has a label {label}", why="labels are counted from 0, and below 1,000,000")
    return label


def numbered_classes(lines: Iterable[str]) -> tuple[str, ...]:
    """Return names from lines `number name`, in the order of the numbers."""
    pairs = [line.split(None, 1) for line in lines]
    return tuple(
        pair[1].strip() for pair in sorted((p for p in pairs if len(p) == 2), key=lambda p: natural_key(p[0]))
    )


LIST = Layout("list", "a text file: path label, or folder [first] frames label", _detect_list, _read_list)
