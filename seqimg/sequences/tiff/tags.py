"""The directories of a TIFF file, looked over before any library reads their tags."""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seqimg.sequences.base import SequenceError
from seqimg.sequences.limits import MAX_FRAMES, MAX_HEADER, check_limit

__all__ = ["Pages", "look_over"]

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_MAX_TAGS = 4096
_SUBFILE_TYPE = 254
_REDUCED = 1


@dataclass(frozen=True)
class Pages:
    """Where the pages of a TIFF are.

    Attributes:
        offsets: Where each page's directory stands; thumbnails and reduced pages are left out.
        ordinals: Each one's place among all directories, from 0.
    """

    offsets: "array[int]"
    ordinals: "array[int]"


def look_over(path: Path) -> Pages:
    """Walk over all directories without reading what their tags point to.

    Raises:
        SequenceError: A tag holds more than it honestly can, there are too many pages, or they run in a
            circle.
    """
    offsets, ordinals = array("Q"), array("Q")
    try:
        with path.open("rb") as file:
            for at, (offset, is_reduced) in enumerate(_directories(path, file)):
                if not is_reduced:
                    offsets.append(offset)
                    ordinals.append(at)
    except struct.error as error:
        raise SequenceError(f"{path} is damaged", why="it ends within a directory of its pages") from error
    if not offsets:
        raise SequenceError(f"{path} is damaged", why="it has no pages")
    return Pages(offsets, ordinals)


def _directories(path: Path, file: BinaryIO) -> Iterator[tuple[int, bool]]:
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    entry, count_size = (struct.Struct(order + "HHQQ"), 8) if big else (struct.Struct(order + "HHLL"), 2)
    word = order + ("Q" if big else "L")
    (offset,) = struct.unpack_from(word, head, 8 if big else 4)
    # Brent's way to find a circle: compare with one place, that moves on at every power of two.
    anchor, steps, power = 0, 0, 1
    for page in range(MAX_FRAMES + 1):
        if offset == 0:
            return
        if offset == anchor:
            raise SequenceError(f"{path} is damaged", why="its pages run in a circle")
        if steps == power:
            anchor, steps, power = offset, 0, power * 2
        steps += 1
        file.seek(offset)
        (count,) = struct.unpack(order + ("Q" if big else "H"), file.read(count_size))
        check_limit(path, f"tags of page {page}", count, _MAX_TAGS)
        table = file.read(count * entry.size + struct.calcsize(word))
        yield offset, _is_reduced(path, entry.iter_unpack(table[: count * entry.size]), page, order)
        (offset,) = struct.unpack_from(word, table, count * entry.size)
    check_limit(path, "pages", MAX_FRAMES + 1, MAX_FRAMES)


def _is_reduced(path: Path, entries: Iterator[tuple[int, ...]], page: int, order: str) -> bool:
    reduced = False
    for tag, kind, count, value in entries:
        check_limit(path, f"bytes in tag {tag} of page {page}", _SIZES.get(kind, 1) * count, MAX_HEADER)
        if tag == _SUBFILE_TYPE:
            short = kind == 3 and order == ">"
            reduced = bool((value >> 16 if short else value) & _REDUCED)
    return reduced
