"""Whether a source is one sequence or many, and which."""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqimg.errors import UsageError
from seqimg.masking import is_address
from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.discovery import LISTS, find_sequences, is_film
from seqimg.sequences.formats import by_scheme, by_suffix, unlike_files
from seqimg.sequences.pictures.patterns import glob_root, number_format
from seqimg.sequences.sniff import sniff

__all__ = ["Many", "several"]

_LOOKED_AT = 1000
_LONGEST_LINE = 2**16


@dataclass(frozen=True)
class Many:
    """Many sequences.

    Attributes:
        source: What the user gave.
        kind: `"folder"`, `"pattern"` or `"list"`.
        root: The folder whose tree results mirror.
        results: The folder of results, in which no sources are looked for.
    """

    source: str
    kind: str
    root: Path
    results: Path

    def __iter__(self) -> Iterator[str]:
        """Yield the sequences anew, as they are found: nothing is kept of those before.

        Raises:
            SequenceError: The folder or the list cannot be read.
        """
        found = {"folder": _in_folder, "pattern": _of_pattern, "list": _of_list}[self.kind](self.source)
        inside = self.results.absolute()
        # Where all sources lie in the folder of results, they are not among them.
        if self.root.absolute().is_relative_to(inside):
            yield from found
            return
        for source in found:
            if is_address(source) or not Path(source).absolute().is_relative_to(inside):
                yield source


def several(source: str, results: Path, *, each: bool | None) -> Many | None:
    """Return the sequences a source consists of, or None if it is one.

    A folder is many if it holds sequences and no frames of its own; a pattern and a list, if what they
    name first is no still picture.

    Args:
        source: What the user gave.
        results: The folder of results.
        each: Whether it is many; None looks.

    Raises:
        UsageError: It is to be many and cannot be.
        SequenceError: It cannot be read.
    """
    if each is False or (kind := _kind(source)) is None:
        if each:
            raise UsageError(
                f"--each means nothing for {source}", why="it is no folder, pattern or list of sequences"
            )
        return None
    if not each and not {"folder": _is_shelf, "pattern": _names_films, "list": _lists_films}[kind](source):
        return None
    root = Path(source) if kind == "folder" else Path(source).parent
    root = Path(glob_root(source)) if kind == "pattern" else root
    many = Many(source, kind, root, results)
    if results.exists() and root.exists() and os.path.samefile(results, root):
        raise UsageError(
            f"{results} holds the sources",
            why="results would be taken for some the next time",
            hint="-o results",
        )
    return many


def _kind(source: str) -> str | None:
    if is_address(source) or by_scheme(source) or unlike_files(source):
        return None
    path = Path(source)
    if path.is_dir():
        return "folder"
    if path.is_file():
        return "list" if path.suffix.lower() in LISTS else None
    is_glob = not os.path.lexists(path) and number_format(path.name) is None and glob.has_magic(source)
    return "pattern" if is_glob else None


def _is_shelf(folder: str) -> bool:
    """Tell whether a folder holds sequences, and no pictures that make it one itself."""
    first = next(find_sequences(Path(folder)), None)
    if first is None or first == Path(folder):
        return False
    with os.scandir(folder) as entries:
        return not any(
            entry.is_file() and not entry.name.startswith(".") and _is_still(Path(entry.path))
            for entry in entries
        )


def _names_films(pattern: str) -> bool:
    found = list(islice(glob.iglob(pattern, recursive=True), _LOOKED_AT))
    return bool(found) and not any(_is_still(Path(path)) for path in found)


def _lists_films(source: str) -> bool:
    first = next(_of_list(source), None)
    if first is None or is_address(first):
        return first is not None
    path = Path(first)
    if path.exists():
        return not _is_still(path)
    return path.suffix.lower() not in IMAGE_SUFFIXES and by_suffix(path.name, "reader") is not None


def _is_still(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not is_film(path)


def _in_folder(folder: str) -> Iterator[str]:
    return (str(path) for path in find_sequences(Path(folder)))


def _of_pattern(pattern: str) -> Iterator[str]:
    """Yield what fits, and the sequences in folders that do; still pictures are left alone."""
    deep = "**" in Path(pattern).parts
    for name in glob.iglob(pattern, recursive=True):
        path = Path(name)
        if path.is_dir():
            # Of all folders at any depth, what is in them fits too and is found by itself.
            inside = find_sequences(path)
            yield from (
                str(found) for found in (islice(inside, 1) if deep else inside) if not deep or found == path
            )
        elif _is_sequence(path):
            yield name


def _is_sequence(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return is_film(path)
    if suffix in LISTS:
        return False
    try:
        return by_suffix(path.name, "reader") is not None or sniff(path) is not None
    except OSError:
        return True  # to be reported when it is read


def _of_list(source: str) -> Iterator[str]:
    """Yield what a text file names, one a line, relative to it; of folders, the sequences in them."""
    path = Path(source)
    try:
        with path.open("rb") as file:
            for at, line in enumerate(file, 1):
                if len(line) > _LONGEST_LINE or b"\0" in line:
                    raise SequenceError(
                        f"cannot read {path}", why=f"line {at} is no path: is this a text file?"
                    )
                name = os.fsdecode(line.removeprefix(b"\xef\xbb\xbf") if at == 1 else line).rstrip("\r\n")
                if not name.strip() or name.lstrip().startswith("#"):
                    continue
                yield from _named(path.parent, name)
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error


def _named(root: Path, name: str) -> Iterator[str]:
    if is_address(name):
        yield name
        return
    place = root / name
    inside = find_sequences(place) if place.is_dir() else iter(())
    if (first := next(inside, None)) is None:
        yield str(place)
        return
    yield str(first)
    yield from map(str, inside)
