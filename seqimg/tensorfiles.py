"""Files of tensors, in the form of safetensors: checked to the last byte before anything of their size is allocated."""

import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from seqimg.errors import SeqimgError
from seqimg.plugins.reports import one_line

__all__ = ["MAX_ENTRIES", "MAX_HEADER_BYTES", "TensorFile", "damaged", "open_tensors", "parse_json"]

MAX_HEADER_BYTES = 3_000_000
MAX_ENTRIES = 10_000

_MAX_DIMENSIONS = 8
_LENGTH = 8  # bytes that say how long the header is
_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip


@dataclass(frozen=True)
class TensorFile:
    """An open file whose header was read and holds together.

    Attributes:
        path: Where it is.
        size: Its bytes.
        shapes: Shape of each tensor by name.
        metadata: What else its header says, by name.
    """

    path: Path
    size: int
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    _file: BinaryIO
    _head: bytes

    def content(self) -> bytes:
        """Read all of it.

        Raises:
            SeqimgError: It has become shorter.
        """
        content = self._head + self._file.read(self.size - len(self._head))
        if len(content) != self.size:
            raise damaged(self.path, f"it ends after {len(content):,} of {self.size:,} bytes")
        return content


@contextmanager
def open_tensors(path: Path, check: Callable[[int], object] = lambda size: None) -> Iterator[TensorFile]:
    """Open a file of tensors and check its header: sizes add up, nothing overlaps, nothing is left over.

    It is read, not mapped into memory: a file that shrinks meanwhile is an error, not a crash.

    Args:
        path: The file.
        check: Told its bytes before anything is read; it may refuse them.

    Raises:
        SeqimgError: It cannot be read, or its header is not one.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for ever
            raise damaged(path, "it is not a plain file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            check(size)
            head = _read_head(path, file, size)
            shapes, metadata = _parsed(path, head[_LENGTH:], size - len(head))
            yield TensorFile(path, size, shapes, metadata, file, head)
    except OSError as error:
        raise SeqimgError(f"cannot read {path}", why=error.strerror) from error


def parse_json(content: bytes) -> Any:
    """Parse JSON as it is meant: UTF-8, no key twice, no NaN or infinity.

    Raises:
        ValueError: It is no such JSON.
        RecursionError: It is nested too deeply.

    Example:
        >>> parse_json(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ...
        ValueError: the key 'a' stands in it twice
    """
    return json.loads(
        content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite
    )


def damaged(path: Path, why: str) -> SeqimgError:
    """Return the error for a file that is not as it has to be."""
    return SeqimgError(f"{path} is damaged", why=one_line(why, 200))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r:.60} stands in it twice")
        found[key] = value
    return found


def _finite(digits: str) -> float:
    value = float(digits)  # infinity for 1e999
    return value if math.isfinite(value) else _refuse(digits)


def _refuse(word: str) -> float:
    raise ValueError(f"{word:.40} is no number of JSON")


def _read_head(path: Path, file: BinaryIO, size: int) -> bytes:
    start = file.read(_LENGTH)
    length = int.from_bytes(start, "little")
    if len(start) < _LENGTH or length > size - _LENGTH:
        raise damaged(path, "its header is longer than the file")
    if length > MAX_HEADER_BYTES:
        raise damaged(path, f"its header has {length:,} bytes, {MAX_HEADER_BYTES:,} are allowed")
    header = file.read(length)
    if len(header) < length:
        raise damaged(path, "it became shorter while it was read")
    return start + header


def _parsed(path: Path, header: bytes, room: int) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Return the shapes in a header whose tensors fill the room behind it, all of it and none of it twice."""
    try:
        entries = parse_json(header)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise damaged(path, f"its header is no JSON: {why}") from error
    if not isinstance(entries, dict):
        raise damaged(path, "its header is no JSON object")
    metadata = entries.pop("__metadata__", None) or {}
    if not (isinstance(metadata, dict) and all(isinstance(word, str) for word in metadata.values())):
        raise damaged(path, "its header has metadata that are no words")
    if len(entries) > MAX_ENTRIES:
        raise damaged(path, f"its header has {len(entries):,} entries, {MAX_ENTRIES:,} are allowed")
    found = {name: _entry(path, name, entry) for name, entry in entries.items()}
    end = 0
    for name, (_, begin, stop) in sorted(found.items(), key=lambda item: item[1][1:]):
        if begin != end:
            raise damaged(path, f"{name} does not begin where the tensor before it ends")
        end = stop
    if end != room:
        raise damaged(path, f"its tensors take {end:,} bytes, there are {room:,}")
    return {name: shape for name, (shape, _, _) in found.items()}, metadata


def _entry(path: Path, name: str, entry: object) -> tuple[tuple[int, ...], int, int]:
    """Return shape, first byte and the byte behind the last of one tensor."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise damaged(path, f"the header says of {name} something else than dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (isinstance(dtype, str) and dtype in _BYTES):
        raise damaged(path, f"{name} has the unknown dtype {dtype!r:.40}")
    if not (_whole(shape) and len(shape) <= _MAX_DIMENSIONS and _whole(offsets) and len(offsets) == 2):
        raise damaged(path, f"{name} has no valid shape or place")
    # Python's whole numbers do not overflow.
    if offsets[1] - offsets[0] != math.prod(shape) * _BYTES[dtype]:
        raise damaged(path, f"{name} takes another number of bytes than its shape")
    return tuple(shape), offsets[0], offsets[1]


def _whole(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
