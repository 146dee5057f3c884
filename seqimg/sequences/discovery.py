"""Finding the sequences in a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.formats import suffixes
from seqimg.sequences.pictures.numbering import natural_key, number
from seqimg.sequences.sniff import sniff, sniff_folder

__all__ = ["LISTS", "find_sequences", "is_film"]

LISTS = (".txt", ".lst")
"""Endings of lists: they name pictures that lie elsewhere, and most text files are none."""


def find_sequences(folder: Path) -> Iterator[Path]:
    """Yield the sequences in a folder at any depth: files by their endings, and folders of pictures.

    Pictures that stand beside other things are taken for frames only if they are numbered. Links to
    folders are not followed, and hidden files are left out. The order is that of people: 2 before 10.

    Raises:
        SequenceError: The folder cannot be listed.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import save_sequence
        >>> for name in ("b10.npy", "b2.npy", "shots/one"):
        ...     _ = save_sequence(np.zeros((2, 4, 4), np.uint8), Path(tmp) / "all" / name)
        >>> [str(path.relative_to(Path(tmp) / "all")) for path in find_sequences(Path(tmp) / "all")]
        ['b2.npy', 'b10.npy', 'shots/one']
    """
    if sniff_folder(folder) is not None:
        yield folder
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural_key(entry.name))
    except OSError as error:
        raise SequenceError(f"cannot list {folder}", why=error.strerror) from error
    shown = [entry for entry in entries if not entry.name.startswith(".")]
    files = [Path(entry.path) for entry in shown if entry.is_file()]
    pictures = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    films = _films(pictures)
    stills = [path for path in pictures if path not in films]
    known = set(suffixes("reader")) - set(LISTS) - set(IMAGE_SUFFIXES)
    others = {path for path in files if path.suffix.lower() in known} | films
    if stills and (_are_frames(stills) or len(shown) == len(stills)):
        yield folder
    yield from sorted(others, key=lambda path: natural_key(path.name))
    for entry in shown:
        if entry.is_dir(follow_symlinks=False):
            yield from find_sequences(Path(entry.path))


def _are_frames(pictures: list[Path]) -> bool:
    return len(pictures) > 1 and number([path.stem for path in pictures]) is not None


def _films(pictures: list[Path]) -> set[Path]:
    """Return the files with the ending of a picture that are sequences themselves: stacks, animations.

    They are looked for only where the first of an ending is one, for there may be a million frames.
    """
    firsts: dict[str, bool] = {}
    for path in pictures:
        if path.suffix.lower() not in firsts:
            firsts[path.suffix.lower()] = is_film(path)
    return {path for path in pictures if firsts[path.suffix.lower()] and is_film(path)}


def is_film(path: Path) -> bool:
    """Tell whether a file with the ending of a picture is a sequence itself: a stack, an animation."""
    from seqimg.sequences.pictures.images import describe

    try:
        found = sniff(path)
        if found == "tiff":
            describe(path)  # its first bytes do not tell how many pages follow
            return False
    except OSError:
        return False
    except SequenceError as error:
        return "pictures" in error.message
    return found is not None
