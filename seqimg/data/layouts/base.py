"""What reading a data set finds, and what all layouts have in common."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from seqimg.config import ReadingConfig
from seqimg.data.generators.generator import Split
from seqimg.data.items import Item
from seqimg.errors import SeqimgError
from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.formats import suffixes
from seqimg.sequences.pictures.numbering import natural_key, number

__all__ = [
    "GLANCE",
    "Folder",
    "Found",
    "Index",
    "Layout",
    "is_clip",
    "labelled",
    "look",
    "named_item",
    "part_of",
    "picture_places",
    "read_text",
    "roots",
    "sequence_suffixes",
    "within",
]

MAX_ITEMS = 2_000_000
_MAX_TEXT = 2**29
GLANCE = 64  # files that tell what kind of folder it is
_NOT_FRAMES = (".txt", ".csv", ".tsv", ".list", ".json", ".pkl", ".pickle")
_PARTS: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Index:
    """The sequences of a data set.

    Attributes:
        items: The sequences, in a fixed order.
        classes: Names of the classes, in the order of the labels; empty without labels.
        layout: Name of the layout it was read as.
        sentence: What was understood, in a line.
        skipped: Items that could not be used and were left out, each with its reason.
        over: Boxes that reached over the edge of their frame and were cut off there.
        beyond: Boxes outside their frame, which were left out.

    Example:
        >>> Index((Item("a.mp4", label=1),), classes=("run", "walk"), layout="list").classes
        ('run', 'walk')
    """

    items: tuple[Item, ...]
    classes: tuple[str, ...] = ()
    layout: str = "sequence"
    sentence: str = ""
    skipped: tuple[str, ...] = ()
    over: int = 0
    beyond: int = 0


@dataclass
class Found:
    """What a layout has found so far.

    Attributes:
        reading: How sequences are read; its `on_error` decides about items that cannot be used.
        option: What stands behind the colon of `--layout NAME:OPTION`.
        items: The sequences.
        classes: Names of the classes.
        skipped: What was left out, and why.
        detail: What else to say of the data set.
        over: Boxes that reached over the edge of their frame and were cut off there.
        beyond: Boxes outside their frame, which were left out.

    Example:
        >>> found = Found(ReadingConfig(on_error="skip"))
        >>> found.items.append(Item("a.npy", name="a.npy"))
        >>> found.refuse(SequenceError("b.npy does not exist"))
        >>> len(found.items), found.skipped
        (1, ['b.npy does not exist'])
    """

    reading: ReadingConfig
    option: str = ""
    items: list[Item] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    skipped: list[str] = field(default_factory=list)
    detail: str = ""
    over: int = 0
    beyond: int = 0

    def refuse(self, error: SeqimgError) -> None:
        """Raise an item's error, or note it where items that cannot be used are to be left out.

        Args:
            error: What is wrong with the item.

        Raises:
            SeqimgError: `on_error` is not `"skip"`.
        """
        if self.reading.on_error != "skip":
            hint = error.hint or "--on-error skip, to leave such items out"
            raise SequenceError(error.message, why=error.why, hint=hint) from error
        self.skipped.append(f"{error.message}: {error.why}" if error.why else error.message)


@dataclass(frozen=True)
class Layout:
    """One way in which data sets lie on the disk.

    Attributes:
        name: What `--layout` calls it.
        summary: What it is, in a line.
        detect: Says what it saw if a path looks like this layout, else None.
        read: Puts what is there into a `Found`.

    Example:
        >>> def read_tiles(path, found):
        ...     found.items.extend(Item(str(tile)) for tile in sorted(path.glob("*.npy")))
        >>> Layout("tiles", "Radar tiles.", lambda path: None, read_tiles).name
        'tiles'
    """

    name: str
    summary: str
    detect: Callable[[Path], str | None]
    read: Callable[[Path, Found], None]


@dataclass(frozen=True)
class Folder:
    """What lies in a folder; hidden files count for nothing.

    Attributes:
        pictures: Number of picture files.
        sequences: Names of files that are sequences, in natural order.
        folders: Names of folders, in natural order.
        others: Names of other files.
    """

    pictures: int
    sequences: tuple[str, ...]
    folders: tuple[str, ...]
    others: tuple[str, ...]


def sequence_suffixes() -> tuple[str, ...]:
    """Return the endings of files that are sequences by themselves."""
    return tuple(s for s in suffixes("reader") if s not in IMAGE_SUFFIXES and s not in _NOT_FRAMES)


def look(path: Path, at_most: int | None = None) -> Folder:
    """Look into a folder.

    Args:
        path: The folder.
        at_most: Stop after so many files, to see what kind of folder it is.

    Raises:
        SequenceError: It cannot be read, or holds too many files.
    """
    endings, pictures = sequence_suffixes(), 0
    sequences: list[str] = []
    folders: list[str] = []
    others: list[str] = []
    try:
        with os.scandir(path) as entries:
            for number, entry in enumerate(entries):
                if number == at_most:
                    break
                if number >= MAX_ITEMS:
                    raise SequenceError(f"cannot read {path}", why=f"it has more than {MAX_ITEMS:,} files")
                name = entry.name.lower()
                if name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif name.endswith(IMAGE_SUFFIXES):
                    pictures += 1
                else:
                    (sequences if name.endswith(endings) else others).append(entry.name)
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    ordered = (tuple(sorted(names, key=natural_key)) for names in (sequences, folders, others))
    return Folder(pictures, *ordered)


def roots(path: Path) -> list[tuple[Path, Split | None]]:
    """Return the folders of the parts of a data set, or the path itself if it has none."""
    folders = look(path).folders
    parts = [(path / name, part_of(name)) for name in folders]
    if len(parts) >= 2 and all(part is not None for _, part in parts):
        return parts
    return [(path, None)]


def is_clip(path: Path) -> bool:
    """Tell whether a folder is one of pictures."""
    return look(path, GLANCE).pictures > 0


def named_item(path: Path, root: Path, split: Split | None = None) -> Item:
    """Return the item of a path below a root, called by its place below it.

    Args:
        path: Where the sequence is.
        root: The data set's folder.
        split: The part its makers put it in.

    Example:
        >>> named_item(Path("set/run/a.mp4"), Path("set")).name
        'run/a.mp4'
    """
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return Item(str(path), name=name, split=split)


def labelled(
    items: Iterable[tuple[Item, str | tuple[str, ...] | None]],
) -> tuple[list[Item], tuple[str, ...]]:
    """Return items with the labels their classes' names stand for, and the names: sorted, numbers as numbers.

    Args:
        items: Each with the name of its class, those of several, or None.

    Example:
        >>> items, classes = labelled([(Item("a"), "walk"), (Item("b"), "run")])
        >>> [item.label for item in items], classes
        ([1, 0], ('run', 'walk'))
    """
    pairs = list(items)
    named = [(name,) if isinstance(name, str) else name or () for _, name in pairs]
    classes = tuple(sorted({name for names in named for name in names}, key=natural_key))
    numbers = {name: number for number, name in enumerate(classes)}

    def label(name: str | tuple[str, ...] | None) -> int | tuple[int, ...] | None:
        if isinstance(name, tuple):
            return tuple(sorted({numbers[one] for one in name}))
        return None if name is None else numbers[name]

    return [replace(item, label=label(name)) for item, name in pairs], classes


def picture_places(folder: Path) -> dict[str, int]:
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


def part_of(name: str) -> Split | None:
    """Return the part of a data set that a folder's or file's name states, or None.

    Example:
        >>> part_of("Train"), part_of("kinetics_val_list.txt"), part_of("training_of_dogs.mp4"), part_of("latest")
        ('train', 'val', None, None)
    """
    words = name.lower().replace("-", "_").replace(".", "_").split("_")
    if len(words) == 1 or "list" in words or words[-1] in ("txt", "csv", "tsv"):
        found = {_PARTS[word] for word in words if word in _PARTS}
        return found.pop() if len(found) == 1 else None
    return None


def within(root: Path, name: str) -> Path:
    """Return a path that a file of the data set names, which may not lead out of it.

    Args:
        root: The data set's folder.
        name: What the file says.

    Raises:
        SequenceError: It is absolute or leads out of `root`.

    Example:
        >>> within(Path("set"), "../secret.npy")
        Traceback (most recent call last):
        ...
        seqimg.sequences.base.SequenceError: ../secret.npy is refused
        it leads out of the data set's folder set
    """
    path = root / name
    if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise SequenceError(f"{name} is refused", why=f"it leads out of the data set's folder {root}")
    return path


def read_text(path: Path) -> list[str]:
    """Return the lines of a text file that are neither empty nor comments.

    Raises:
        SequenceError: It cannot be read, is no text or is too large.
    """
    try:
        if path.stat().st_size > _MAX_TEXT:
            raise SequenceError(f"cannot read {path}", why=f"it has more than {_MAX_TEXT:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    except UnicodeDecodeError as error:
        raise SequenceError(f"cannot read {path}", why="it is no UTF-8 text") from error
    lines: Sequence[str] = text.splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
