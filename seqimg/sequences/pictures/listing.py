"""Which pictures a folder, a pattern or a list file names, in which order."""

import glob
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.formats import suffixes
from seqimg.sequences.limits import MAX_FILES, MAX_FRAMES, check_limit
from seqimg.sequences.pictures.numbering import Numbering, natural_key, number, words
from seqimg.sequences.pictures.patterns import glob_root, number_format

__all__ = ["Listing", "list_file", "list_folder", "list_pattern"]

_LISTS = {".txt", ".lst"}  # of notes as often as of pictures
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Listing:
    """Pictures in order.

    Attributes:
        source: What the user gave, for messages.
        root: The folder that names are relative to.
        names: The pictures.
        numbering: What counts them, if one number in their names does.
        notes: What there is to say.
    """

    source: Path
    root: Path
    names: list[str]
    numbering: Numbering | None
    notes: tuple[str, ...] = ()


def list_folder(path: Path) -> Listing:
    """List the pictures in a folder, in natural order of their names.

    Hidden files and files that are no pictures are left alone.

    Raises:
        SequenceError: There are none, too many, two of one number, or one is a link that leads elsewhere.
    """
    pictures: list[str] = []
    others: list[str] = []
    for item in _entries(path):
        is_picture = Path(item.name).suffix.lower() in IMAGE_SUFFIXES and not item.name.startswith(".")
        (pictures if is_picture and _is_file(item) else others).append(item.name)
    if not pictures:
        if films := _sequences(others):
            many = f"{len(films):,} {'sequence' if len(films) == 1 else 'sequences'}"
            raise SequenceError(
                f"{path} is a folder of {many}, not one of pictures",
                why=f"the first is {films[0]}",
                hint=f"one of them, or seqimg data check --recursive {shlex.quote(str(path))} for all",
            )
        kinds = Counter(Path(name).suffix.lower() or "without suffix" for name in others)
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        raise SequenceError(
            f"{path} holds no pictures",
            why=f"it has {found}" if found else "it is empty",
            hint=f"a folder with {', '.join(IMAGE_SUFFIXES)} files",
        )
    notes = _others_note(sorted(others))
    return _sorted(path, path, pictures, notes)


def _sequences(names: Iterable[str]) -> list[str]:
    """Return those that are named as sequences are, in natural order."""
    known = set(suffixes("reader")) - set(IMAGE_SUFFIXES) - _LISTS
    return sorted(
        (name for name in names if Path(name).suffix.lower() in known and not name.startswith(".")),
        key=natural_key,
    )


def list_pattern(pattern: Path) -> Listing:
    """List the pictures whose names fit `frame_%04d.png` or `shots/*.png`, in natural order.

    Raises:
        SequenceError: There are none, too many, two of one number, or one is a link that leads elsewhere.
    """
    fits = number_format(pattern.name)
    if fits is not None:
        root = pattern.parent
        if not root.is_dir():
            raise SequenceError(f"cannot read {pattern}", why=f"there is no folder {root}")
        names = [item.name for item in _entries(root) if fits.fullmatch(item.name) and _is_file(item)]
    else:
        root = Path(glob_root(str(pattern)))
        names = _globbed(pattern, root)
    if not names:
        raise SequenceError(
            f"no file fits {pattern}", why="nothing of that name exists either", hint="check the path"
        )
    return _sorted(pattern, root, names)


def list_file(path: Path) -> Listing:
    """List the pictures that a text file names, one a line, in its order.

    Paths are relative to the file. Blank lines, and lines that begin with `#`, are skipped.

    Raises:
        SequenceError: The file is no text, names none, too many, or an address.
    """
    names: list[str] = []
    try:
        with path.open("rb") as file:
            for at, line in enumerate(_lines(path, file)):
                name = line.rstrip("\r\n")
                if not name.strip() or name.lstrip().startswith("#"):
                    continue
                _check_line(path, at + 1, name, first=not names)
                names.append(name)
                check_limit(path, "pictures", len(names), MAX_FRAMES)
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    if not names:
        raise SequenceError(f"{path} names no pictures", why="write one path on each line")
    return Listing(path, path.parent, names, None, ("in the order of the list",))


def _lines(path: Path, file: Iterable[bytes]) -> Iterator[str]:
    for at, line in enumerate(file):
        if len(line) > 2**16 or b"\0" in line:
            raise SequenceError(f"cannot read {path}", why=f"line {at + 1} is no path: is this a text file?")
        yield os.fsdecode(line.removeprefix(b"\xef\xbb\xbf") if at == 0 else line)


def _check_line(path: Path, at: int, name: str, *, first: bool) -> None:
    if _ADDRESS.match(name):
        raise SequenceError(
            f"cannot read {path}",
            why=f"line {at} is an address; a list names files",
            hint="download them first",
        )
    # One missing picture is damage, but where not even the first is there, this is some other text.
    if first and not (path.parent / name).is_file():
        raise SequenceError(f"cannot read {path}", why=f"line {at}, {name[:200]!r}, is not a file")


def _entries(path: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield what is in a folder; refuse links among it that lead to pictures elsewhere."""
    home = os.path.realpath(path)
    try:
        with os.scandir(path) as items:
            for at, item in enumerate(items):
                check_limit(path, "files in a folder", at + 1, MAX_FILES)
                if item.is_symlink() and Path(item.name).suffix.lower() in IMAGE_SUFFIXES:
                    _check_inside(path, item.name, home)
                yield item
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error


def _check_inside(path: Path, name: str, home: str) -> None:
    target = os.path.realpath(path / name)
    if os.path.commonpath([home, target]) != home:
        raise SequenceError(
            f"{path} holds a link that leads out of it",
            why=f"{name} leads to {target}",
            hint="copy the pictures, or name them in a .txt file, one path on each line",
        )


def _is_file(item: "os.DirEntry[str]") -> bool:
    with suppress(OSError):  # a link to itself is no file
        return item.is_file()
    return False


def _globbed(pattern: Path, root: Path) -> list[str]:
    home, folders, names = os.path.realpath(root), set(), []
    for found in islice(glob.iglob(str(pattern), recursive=True), MAX_FILES):
        folder, name = os.path.split(found)
        if Path(name).suffix.lower() not in IMAGE_SUFFIXES or not os.path.isfile(found):
            continue
        if folder not in folders:
            _check_inside(root, os.path.relpath(folder or ".", root), home)
            folders.add(folder)
        if os.path.islink(found):
            _check_inside(root, os.path.relpath(found, root), home)
        names.append(os.path.relpath(found, root))
        check_limit(pattern, "pictures", len(names), MAX_FRAMES)
    return names


def _sorted(source: Path, root: Path, names: list[str], notes: tuple[str, ...] = ()) -> Listing:
    check_limit(source, "pictures", len(names), MAX_FRAMES)
    names = sorted(names, key=natural_key)
    stems = [os.path.splitext(name)[0] for name in names]
    seen: dict[tuple[str | int, ...], str] = {}
    for name, stem in zip(names, stems, strict=True):
        twin = seen.setdefault(words(stem), name)
        if twin != name:
            raise SequenceError(
                f"{source} holds one frame twice", why=f"{twin} and {name}", hint="remove one of them"
            )
    return Listing(source, root, names, number(stems), notes)


def _others_note(others: list[str]) -> tuple[str, ...]:
    if not others:
        return ()
    shown = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
    return (f"{len(others)} other file{'s' * (len(others) > 1)} left alone ({shown})",)
